/* What kind of card it is, from its command line. */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/virtual/control.h"
#include "tests/virtual/token/token.h"

/* T=1, historical bytes "TOKN". */
static const uint8_t usual_atr[] = {0x3b, 0x84, 0x80, 0x01, 'T', 'O', 'K', 'N', 0x1b};
static const uint8_t yubikey_atr[] = {0x3b, 0xfd, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x15, 0x80,
    0x73, 0xc0, 0x21, 0xc0, 0x57, 0x59, 0x75, 0x62, 0x69, 0x4b, 0x65, 0x79, 0x40};

void token_init(struct token *t)
{
	static const struct {
		const char *text;
		unsigned tries;
	} secrets[SECRETS] = {{"123456", 3}, {"12345678", 3}, {"123456", 3}, {"12345678", 3}};

	*t = (struct token){
	    .options =
		{
		    .piv = true,
		    .atr_len = sizeof usual_atr,
		    .serial = 12345678,
		    .chuid = true,
		    .guid = true,
		    .strict = true,
		    .yubico = true,
		    .version = true,
		    .serial_known = true,
		    .metadata = true,
		    .discovery = true,
		    .extended = true,
		    .chaining = true,
		    .outer = true,
		    .touch_ms = 15000,
		    .firmware = 0x050403,
		},
	    .bad = {.ins = -1},
	};
	memcpy(t->options.atr, usual_atr, sizeof usual_atr);
	(void)RAND_bytes(t->options.id, sizeof t->options.id);
	for (size_t i = 0; i < SECRETS; i++) {
		strcpy(t->secrets[i].text, secrets[i].text);
		t->secrets[i].tries = t->secrets[i].most = secrets[i].tries;
	}
}

void token_clear(struct token *t)
{
	for (size_t i = 0; i < t->n_slots; i++) {
		EVP_PKEY_free(t->slots[i].key);
		blob_clear(&t->slots[i].certificate);
	}
	t->n_slots = 0;
	builder_clear(&t->chain);
	builder_clear(&t->rest);
	builder_clear(&t->held);
}

/* --- slots ---------------------------------------------------------------- */

static bool slot_id(const char *text, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t id;
	} names[] = {
	    {"sig", SLOT_PGP_SIGN}, {"dec", SLOT_PGP_DECRYPT}, {"aut", SLOT_PGP_AUTHENTICATE}};
	char *end;
	unsigned long n;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(text, names[i].name) != 0)
			continue;
		*out = names[i].id;
		return true;
	}
	n = strtoul(text, &end, 16);
	*out = (uint8_t)n;
	return *end == '\0' && ((n >= SLOT_RETIRED_FIRST && n <= SLOT_RETIRED_LAST) ||
				   (n >= SLOT_AUTHENTICATION && n <= SLOT_CARD && n != 0x9b));
}

static bool slot_word(struct token_slot *slot, const char *word)
{
	static const struct {
		const char *word;
		size_t offset;
		int value;
	} words[] = {
#define WORD(text, member, value) {text, offsetof(struct token_slot, member), value}
	    WORD("pin-never", pin, PIN_NEVER),
	    WORD("pin-once", pin, PIN_ONCE),
	    WORD("pin-always", pin, PIN_ALWAYS),
	    WORD("touch", touch, TOUCH_ALWAYS),
	    WORD("touch-cached", touch, TOUCH_CACHED),
	    WORD("nocert", form, CERTIFICATE_NONE),
	    WORD("broken", form, CERTIFICATE_BROKEN),
	    WORD("gzip", form, CERTIFICATE_GZIP),
#undef WORD
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		memcpy((char *)slot + words[i].offset, &words[i].value, sizeof words[i].value);
		return true;
	}
	return false;
}

/* SLOT:ALGORITHM[:WORD]... */
static bool add_slot(struct token *t, const char *text)
{
	char copy[CONTROL_LINE];
	char *rest = copy;
	const char *word;
	struct token_slot slot = {.pin = PIN_ONCE, .touch = TOUCH_NEVER};
	struct token_slot *old;
	const int n = snprintf(copy, sizeof copy, "%s", text);

	if (n < 0 || (size_t)n >= sizeof copy || !slot_id(strsep(&rest, ":"), &slot.id) ||
	    rest == NULL || !key_parse(bytes_str(strsep(&rest, ":")), &slot.algorithm))
		return false;
	if (slot.id == SLOT_SIGNATURE)
		slot.pin = PIN_ALWAYS;
	if (slot.id == SLOT_CARD)
		slot.pin = PIN_NEVER;
	while ((word = strsep(&rest, ":")) != NULL)
		if (!slot_word(&slot, word))
			return false;
	old = token_slot(t, slot.id);
	if (old != NULL) {
		EVP_PKEY_free(old->key);
		blob_clear(&old->certificate);
		*old = slot;
	} else if (t->n_slots < TOKEN_SLOTS) {
		t->slots[t->n_slots++] = slot;
	} else {
		return false;
	}
	t->changes++;
	return true;
}

static bool any_slot(const struct token *t, bool openpgp)
{
	for (size_t i = 0; i < t->n_slots; i++)
		if ((t->slots[i].id > SLOT_CARD) == openpgp)
			return true;
	return false;
}

static enum err make_slot(struct token_slot *slot)
{
	struct builder certificate = {0};
	char name[32];
	enum err e = key_make(slot->algorithm, &slot->key);

	snprintf(name, sizeof name, "Virtual card, slot %02x", slot->id);
	if (e == ERR_OK && slot->id <= SLOT_CARD)
		e = key_certify(slot->key, name, slot->id == SLOT_MANAGEMENT, &certificate);
	if (e == ERR_OK)
		e = builder_take(&certificate, &slot->certificate);
	builder_clear(&certificate);
	return e;
}

enum err token_make(struct token *t)
{
	enum err e = ERR_OK;

	if (t->options.piv && !any_slot(t, false)) {
		(void)add_slot(t, "9a:p256");
		(void)add_slot(t, "9c:p256");
		(void)add_slot(t, "9d:rsa2048");
		(void)add_slot(t, "9e:p256");
	}
	if (t->options.openpgp && !any_slot(t, true)) {
		(void)add_slot(t, "sig:ed25519");
		(void)add_slot(t, "dec:x25519");
		(void)add_slot(t, "aut:ed25519");
	}
	for (size_t i = 0; i < t->n_slots && e == ERR_OK; i++)
		if (t->slots[i].key == NULL)
			e = make_slot(&t->slots[i]);
	return e;
}

/* --- options by name ------------------------------------------------------ */

static bool read_hex(const char *text, uint8_t *out, size_t room, size_t *n)
{
	return OPENSSL_hexstr2buf_ex(out, room, n, text, '\0') == 1;
}

static bool set_atr(struct token *t, const char *value)
{
	struct token_options *o = &t->options;

	if (strcmp(value, "yubikey") != 0)
		return read_hex(value, o->atr, sizeof o->atr, &o->atr_len);
	memcpy(o->atr, yubikey_atr, sizeof yubikey_atr);
	o->atr_len = sizeof yubikey_atr;
	return true;
}

static bool set_applets(struct token *t, const char *value)
{
	const bool both = strcmp(value, "both") == 0;

	t->options.piv = both || strcmp(value, "piv") == 0;
	t->options.openpgp = both || strcmp(value, "openpgp") == 0;
	return t->options.piv || t->options.openpgp;
}

/* "none": the CHUID has no GUID. */
static bool set_guid(struct token *t, const char *value)
{
	size_t n;

	t->options.guid = strcmp(value, "none") != 0;
	return !t->options.guid ||
	       (read_hex(value, t->options.id, sizeof t->options.id, &n) && n == TOKEN_GUID);
}

static bool set_tries(struct token *t, const char *value)
{
	unsigned n;

	if (!control_number(value, &n) || n == 0 || n > 15)
		return false;
	for (size_t i = 0; i < SECRETS; i++)
		t->secrets[i].tries = t->secrets[i].most = n;
	return true;
}

static bool set_firmware(struct token *t, const char *value)
{
	unsigned a;
	unsigned b;
	unsigned c;

	if (sscanf(value, "%u.%u.%u", &a, &b, &c) != 3 || a > 255 || b > 255 || c > 255)
		return false;
	t->options.firmware = a << 16 | b << 8 | c;
	return true;
}

static bool set_serial(struct token *t, const char *value)
{
	return control_number(value, &t->options.serial);
}

static bool set_touch_ms(struct token *t, const char *value)
{
	return control_number(value, &t->options.touch_ms);
}

static bool set_pin(struct token *t, const char *value)
{
	return token_set_secret(t, SECRET_PIN, bytes_str(value));
}

static bool set_puk(struct token *t, const char *value)
{
	return token_set_secret(t, SECRET_PUK, bytes_str(value));
}

static bool set_pw1(struct token *t, const char *value)
{
	return token_set_secret(t, SECRET_PW1, bytes_str(value));
}

static bool set_pw3(struct token *t, const char *value)
{
	return token_set_secret(t, SECRET_PW3, bytes_str(value));
}

static const struct {
	const char *name;
	bool (*set)(struct token *t, const char *value);
} values[] = {{"slot", add_slot}, {"applets", set_applets}, {"atr", set_atr}, {"guid", set_guid},
    {"serial", set_serial}, {"firmware", set_firmware}, {"tries", set_tries},
    {"touch_ms", set_touch_ms}, {"pin", set_pin}, {"puk", set_puk}, {"pw1", set_pw1},
    {"pw3", set_pw3}};

static const struct {
	const char *name;
	size_t offset;
} switches[] = {
#define SWITCH(name)                                                                               \
	{                                                                                          \
#name, offsetof(struct token_options, name)                                        \
	}
    SWITCH(chuid),
    SWITCH(forgetful),
    SWITCH(strict),
    SWITCH(yubico),
    SWITCH(version),
    SWITCH(serial_known),
    SWITCH(metadata),
    SWITCH(discovery),
    SWITCH(extended),
    SWITCH(chaining),
    SWITCH(wrong_is_6982),
    SWITCH(pw1_once),
    SWITCH(outer),
#undef SWITCH
};

bool token_option(struct token *t, const char *assignment)
{
	const char *value = strchr(assignment, '=');
	struct bytes name;

	if (value == NULL)
		return false;
	name = BYTES(assignment, (size_t)(value - assignment));
	value++;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (bytes_is(name, values[i].name))
			return values[i].set(t, value);
	for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
		if (bytes_is(name, switches[i].name))
			return control_switch(
			    value, (bool *)((char *)&t->options + switches[i].offset));
	return false;
}
