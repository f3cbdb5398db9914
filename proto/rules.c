#include "proto/rules.h"

#include <string.h>

#include "proto/base/duration.h"

static const struct {
	enum confirm_rule rule;
	const char *word;
} words[] = {
#define CONFIRM_ROW(name, number, word) {name, word},
    CONFIRM_LIST(CONFIRM_ROW)
#undef CONFIRM_ROW
};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

const char *confirm_rule_word(unsigned rule)
{
	for (size_t i = 0; i < WORDS; i++) {
		if ((unsigned)words[i].rule == rule)
			return words[i].word;
	}
	return NULL;
}

bool key_rules_none(const struct key_rules *r)
{
	return r->confirm == CONFIRM_NEVER && r->idle == 0 && !r->local_only;
}

enum err key_rules_read(struct reader *r, struct key_rules *out)
{
	struct reader ahead = *r;
	struct key_rules rules = {0};
	uint8_t confirm;
	enum err e = reader_u8(&ahead, &confirm);

	if (e == ERR_OK)
		e = reader_u32(&ahead, &rules.confirm_seconds);
	if (e == ERR_OK)
		e = reader_u32(&ahead, &rules.idle);
	if (e == ERR_OK)
		e = reader_bool(&ahead, &rules.local_only);
	if (e != ERR_OK)
		return e;
	if (confirm_rule_word(confirm) == NULL ||
	    (confirm == CONFIRM_TIMED) != (rules.confirm_seconds != 0))
		return ERR_CONSTRAINT;
	rules.confirm = (enum confirm_rule)confirm;
	*out = rules;
	*r = ahead;
	return ERR_OK;
}

void key_rules_build(struct builder *b, const struct key_rules *rules)
{
	builder_u8(b, (uint8_t)rules->confirm);
	builder_u32(b, rules->confirm_seconds);
	builder_u32(b, rules->idle);
	builder_bool(b, rules->local_only);
}

enum err confirm_rule_parse(const char *text, struct key_rules *out)
{
	uint32_t seconds;
	enum err e;

	for (size_t i = 0; i < WORDS; i++) {
		if (words[i].rule != CONFIRM_TIMED && strcmp(text, words[i].word) == 0) {
			out->confirm = words[i].rule;
			out->confirm_seconds = 0;
			return ERR_OK;
		}
	}
	e = duration_parse(text, &seconds);
	if (e != ERR_OK || seconds == 0)
		return ERR_FORMAT;
	out->confirm = CONFIRM_TIMED;
	out->confirm_seconds = seconds;
	return ERR_OK;
}
