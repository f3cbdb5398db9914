/* --tokens: what is plugged in.  Here: security keys, and the resident keys on them. */
#include <inttypes.h>
#include <stdio.h>

#include "add/command.h"
#include "add/control.h"
#include "add/fidokeys.h"
#include "add/show.h"
#include "add/tokens.h"
#include "keystore/fingerprint.h"
#include "proto/base/text.h"
#include "proto/fidokey.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"
#include "proto/privkey.h"

/* One listing. */
struct listing {
	const struct options *options;
	const struct cards *cards;
	bool first_key; /* of the device at hand */
};

static const char *transport_words(enum fido_transport t)
{
	return t == FIDO_PCSC ? "smartcard reader" : "USB";
}

/* One resident key as both forms show it. */
struct shown_key {
	const struct fido_key *key;
	const struct keytype *type;
	char print[FINGERPRINT_ROOM];
};

static enum err look_at_key(
    const struct options *o, const struct fido_key *key, struct shown_key *out)
{
	struct builder blob = {0};
	struct privkey private;
	enum err e = fido_key_read(key, &private);

	if (e != ERR_OK)
		return e;
	out->key = key;
	out->type = private.type;
	pubkey_build(&blob, &private.public);
	e = builder_error(&blob);
	if (e == ERR_OK)
		e = fingerprint(builder_view(&blob), o->hash, out->print);
	builder_clear(&blob);
	return e;
}

static void print_key(const struct shown_key *k)
{
	char application[SHOW_ROOM], user[SHOW_ROOM];

	printf("  resident key %u %s %s (%s)", k->type->bits, k->print,
	    text_escape(k->key->credential.application, application, sizeof(application)),
	    k->type->label);
	if (k->key->user_name.len != 0)
		printf(", user %s", text_escape(k->key->user_name, user, sizeof(user)));
	if ((k->key->credential.flags & FIDO_VERIFY) != 0)
		fputs(", PIN or fingerprint each time", stdout);
	putchar('\n');
}

static void print_key_json(const struct shown_key *k)
{
	fputs("{\"fingerprint\":", stdout);
	json_string(bytes_str(k->print));
	fputs(",\"type\":", stdout);
	json_string(bytes_str(k->type->label));
	fputs(",\"application\":", stdout);
	json_string(k->key->credential.application);
	fputs(",\"user\":", stdout);
	json_string(k->key->user_name);
	printf(",\"verify-required\":%s}",
	    (k->key->credential.flags & FIDO_VERIFY) != 0 ? "true" : "false");
}

static void list_key(void *ctx, const struct fido_key *key)
{
	struct listing *l = ctx;
	struct shown_key k;
	enum err e = look_at_key(l->options, key, &k);

	if (e != ERR_OK) {
		fprintf(stderr, "A resident key was left out: %s\n", err_text(e));
		return;
	}
	if (!l->options->json) {
		print_key(&k);
	} else {
		fputs(l->first_key ? "" : ",", stdout);
		print_key_json(&k);
	}
	l->first_key = false;
}

/* 5.4.3 is written 0x050403 by those that tell it so; others just count. */
static void print_firmware(uint64_t v)
{
	if (v > 0xffff && v <= 0xffffff)
		printf("; firmware %u.%u.%u", (unsigned)(v >> 16 & 0xff), (unsigned)(v >> 8 & 0xff),
		    (unsigned)(v & 0xff));
	else if (v != 0)
		printf("; firmware %" PRIu64, v);
}

static void print_tries(const char *what, uint8_t tries)
{
	if (tries == 0)
		printf("; %s blocked", what);
	else if (tries != FIDO_TRIES_UNKNOWN)
		printf("; %u %s tries left", (unsigned)tries, what);
}

static void print_info(const struct fido_info *i)
{
	fputs((i->abilities & FIDO_CAN_CTAP2) != 0 ? "  FIDO2" : "  U2F only", stdout);
	print_firmware(i->firmware);
	if ((i->abilities & FIDO_HAS_PIN) != 0)
		print_tries("PIN", i->pin_tries);
	else if ((i->abilities & FIDO_CAN_PIN) != 0)
		fputs("; no PIN set", stdout);
	if ((i->abilities & FIDO_HAS_UV) != 0) {
		fputs("; verifies its user itself", stdout);
		print_tries("verification", i->uv_tries);
	}
	if ((i->abilities & FIDO_CAN_RESIDENT) != 0)
		fputs("; can keep resident keys", stdout);
	putchar('\n');
}

static void print_info_json(const struct fido_info *i)
{
	static const struct {
		enum fido_ability bit;
		const char *name;
	} bits[] = {
	    {FIDO_CAN_CTAP2, "fido2"},
	    {FIDO_CAN_PIN, "takes-pin"},
	    {FIDO_HAS_PIN, "pin-set"},
	    {FIDO_HAS_UV, "user-verification"},
	    {FIDO_CAN_RESIDENT, "resident-keys"},
	};

	for (size_t n = 0; n < sizeof(bits) / sizeof(bits[0]); n++)
		printf(",\"%s\":%s", bits[n].name,
		    (i->abilities & (uint32_t)bits[n].bit) != 0 ? "true" : "false");
	printf(",\"firmware\":%" PRIu64, i->firmware);
	if (i->pin_tries != FIDO_TRIES_UNKNOWN)
		printf(",\"pin-tries-left\":%u", (unsigned)i->pin_tries);
}

static bool has_keys_to_list(const struct fido_info *i)
{
	uint32_t wanted = FIDO_CAN_MANAGE | FIDO_HAS_PIN;

	return (i->abilities & wanted) == wanted && i->pin_tries != 0;
}

static bool list_keys(struct listing *l, const struct fido_device *d, const char *name)
{
	struct fido_resident request = {.path = d->path};
	enum err e = fido_each_resident(&request, name, "to list its resident keys", list_key, l);

	if (e == ERR_CANCELLED || e == ERR_NO_PROMPT)
		fprintf(
		    stderr, "%s: its resident keys are not listed, since no PIN was given\n", name);
	return e == ERR_OK || e == ERR_CANCELLED || e == ERR_NO_PROMPT;
}

static bool list_device_json(struct listing *l, const struct fido_device *d, const char *name)
{
	struct fido_info info;
	enum err e = fido_ask_info(d, &info);
	bool well = e == ERR_OK;

	fputs("{\"name\":", stdout);
	json_string(d->name);
	fputs(",\"path\":", stdout);
	json_string(d->path);
	fputs(",\"transport\":", stdout);
	json_string(bytes_str(d->transport == FIDO_PCSC ? "pcsc" : "usb"));
	if (e != ERR_OK) {
		fputs(",\"error\":", stdout);
		json_string(bytes_str(fido_unasked_words(d, e)));
	} else {
		print_info_json(&info);
	}
	if (e == ERR_OK && has_keys_to_list(&info)) {
		fputs(",\"resident\":[", stdout);
		well = list_keys(l, d, name);
		putchar(']');
	}
	puts("}");
	return well;
}

static bool list_device(struct listing *l, const struct fido_device *d, const char *name)
{
	char path[SHOW_ROOM];
	struct fido_info info;
	enum err e;

	printf("%s (%s, %s)\n", name, transport_words(d->transport),
	    text_escape(d->path, path, sizeof(path)));
	e = fido_ask_info(d, &info);
	if (e != ERR_OK) {
		fprintf(stderr, "%s: %s\n", name, fido_unasked_words(d, e));
		return false;
	}
	print_info(&info);
	(void)fflush(stdout);
	return !has_keys_to_list(&info) || list_keys(l, d, name);
}

static bool list_devices(struct listing *l, const struct fido_device *devices, size_t count)
{
	bool well = true;

	for (size_t i = 0; i < count; i++) {
		char name[SHOW_ROOM];

		if (cards_explain(l->cards, &devices[i]))
			continue;
		text_escape(devices[i].name, name, sizeof(name));
		l->first_key = true;
		if (!(l->options->json ? list_device_json : list_device)(l, &devices[i], name))
			well = false;
	}
	return well;
}

static bool list_security_keys(struct listing *l)
{
	struct fido_device devices[FIDO_PATHS_MOST];
	struct fido_answer a;
	size_t count = 0;
	enum err e;
	bool well;

	if (!helper_present(HELPER_FIDO)) {
		if (!l->options->json)
			puts("Security keys are not looked for: signet-fido is not installed.");
		return true;
	}
	e = fido_list(&a, devices, &count);
	well = e == ERR_OK;
	if (e != ERR_OK)
		fprintf(stderr, "Could not look for security keys: %s\n", err_text(e));
	else if (count == 0 && !l->options->json)
		puts("No security key is plugged in.");
	else
		well = list_devices(l, devices, count);
	fido_answer_clear(&a);
	return well;
}

int cmd_tokens(struct run *r)
{
	struct cards cards;
	struct listing l = {.options = r->options, .cards = &cards};
	bool well;

	/* First, since they tell what to make of a card that signet-fido cannot look at. */
	cards_ask(&cards);
	well = list_security_keys(&l);
	(void)fflush(stdout);
	well = tokens_list_cards(r->options, &cards) && well;
	cards_clear(&cards);
	(void)fflush(stdout);
	well = tokens_list_modules(r->options) && well;
	return well ? EXIT_DONE : EXIT_FAILED;
}
