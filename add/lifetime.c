#include "add/lifetime.h"

#include <stddef.h>
#include <string.h>

/* The seconds of the unit at *p, which moves behind it; 0 for a character that is no unit. */
static uint32_t unit(const char **p)
{
	static const struct {
		char low, high;
		uint32_t seconds;
	} units[] = {
	    {'s', 'S', 1}, {'m', 'M', 60}, {'h', 'H', 3600}, {'d', 'D', 86400}, {'w', 'W', 604800}};

	/* A bare number ends with the text, or with the blank before the next one. */
	if (**p == '\0' || **p == ' ')
		return 1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (**p == units[i].low || **p == units[i].high) {
			(*p)++;
			return units[i].seconds;
		}
	}
	return 0;
}

static enum err number(const char **p, uint64_t *out)
{
	uint64_t value = 0;

	if (**p < '0' || **p > '9')
		return ERR_FORMAT;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		value = value * 10 + (uint64_t)(**p - '0');
		if (value > LIFETIME_MOST)
			return ERR_TOO_LONG;
	}
	*out = value;
	return ERR_OK;
}

enum err lifetime_parse(const char *text, uint32_t *seconds)
{
	uint64_t total = 0;

	do {
		uint64_t value;
		uint32_t each;
		enum err e;

		text += strspn(text, " ");
		e = number(&text, &value);
		if (e != ERR_OK)
			return e;
		each = unit(&text);
		if (each == 0)
			return ERR_FORMAT;
		/* Neither factor is over 2^31, so nothing wraps. */
		total += value * each;
		if (total > LIFETIME_MOST)
			return ERR_TOO_LONG;
	} while (*text != '\0');
	*seconds = (uint32_t)total;
	return ERR_OK;
}

enum err lifetime_of_cert(uint64_t valid_before, int64_t now, uint32_t asked, uint32_t *seconds)
{
	uint64_t today = now > 0 ? (uint64_t)now : 0;
	uint64_t left;

	if (valid_before >= UINT64_MAX - CERT_GRACE) {
		*seconds = asked;
		return ERR_OK;
	}
	if (today >= valid_before + CERT_GRACE)
		return ERR_CERT;
	left = valid_before + CERT_GRACE - today;
	if (left > LIFETIME_MOST)
		left = LIFETIME_MOST;
	*seconds = asked != 0 && asked < left ? asked : (uint32_t)left;
	return ERR_OK;
}
