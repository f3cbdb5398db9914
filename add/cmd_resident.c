/* -K: the resident keys of security keys, put into the agent. */
#include <stdio.h>
#include <string.h>

#include "add/add.h"
#include "add/explain.h"
#include "add/fidokeys.h"
#include "add/show.h"
#include "add/tokens.h"
#include "keystore/fingerprint.h"
#include "proto/base/text.h"
#include "proto/fidokey.h"
#include "proto/privkey.h"

struct addition_run {
	struct run *run;
	size_t found;
	bool well;
};

static void say_added(const struct run *r, const struct keytype *type, struct bytes blob)
{
	char print[FINGERPRINT_ROOM];

	if (r->options->quiet || fingerprint(blob, r->options->hash, print) != ERR_OK)
		return;
	fprintf(stderr, "Resident identity added: %s %s\n", type->label, print);
}

static void add_key(void *ctx, const struct fido_key *key)
{
	struct addition_run *a = ctx;
	struct builder data = {0}, blob = {0};
	struct privkey private;
	enum err e = fido_key_read(key, &private);

	a->found++;
	if (e == ERR_OK) {
		privkey_build(&data, &private, BYTES_NONE);
		pubkey_build(&blob, &private.public);
		e = builder_error(&data) != ERR_OK ? builder_error(&data) : builder_error(&blob);
	}
	if (e == ERR_OK)
		e = add_key_data(
		    a->run, private.type, builder_view(&data), key->credential.application);
	if (e == ERR_OK) {
		say_added(a->run, private.type, builder_view(&blob));
	} else {
		fprintf(stderr, "Could not add a resident key: %s\n", client_words(e));
		if (e == ERR_REFUSED && key_rules_none(&a->run->options->rules))
			explain_refusal();
		a->well = false;
	}
	builder_clear(&data);
	builder_clear(&blob);
}

static bool is_ours(const struct options *o)
{
	return strcasecmp(o->provider, "internal") == 0;
}

/* What a provider finds, it finds on the device that it chooses. */
static bool add_of_provider(struct addition_run *a)
{
	struct fido_resident request = {.provider = bytes_str(a->run->options->provider)};

	return fido_each_resident(
		   &request, "authenticator", "to add its resident keys", add_key, a) == ERR_OK;
}

/* A card for which signet-card has a use is no security key that was missed. */
static bool is_read_as_card(const struct fido_device *d)
{
	struct cards cards;
	bool is;

	if (d->instance != 0)
		return false;
	cards_ask(&cards);
	is = cards_explain(&cards, d);
	cards_clear(&cards);
	return is;
}

static bool add_of_device(struct addition_run *a, const struct fido_device *d)
{
	uint32_t wanted = FIDO_CAN_MANAGE | FIDO_HAS_PIN;
	struct fido_resident request = {.path = d->path};
	char name[SHOW_ROOM];
	struct fido_info info;
	enum err e = fido_ask_info(d, &info);

	text_escape(d->name, name, sizeof(name));
	if (e != ERR_OK) {
		fprintf(stderr, "%s: passed over: %s\n", name, fido_unasked_words(d, e));
		return is_read_as_card(d);
	}
	if ((info.abilities & wanted) != wanted) {
		fprintf(stderr, "%s: %s\n", name,
		    (info.abilities & FIDO_CAN_MANAGE) == 0
			? "cannot tell which resident keys it keeps"
			: "has no PIN set, so it keeps no resident keys for SSH");
		return true;
	}
	e = fido_each_resident(&request, name, "to add its resident keys", add_key, a);
	if (e == ERR_CANCELLED)
		fprintf(stderr, "%s: passed over, since no PIN was given\n", name);
	if (e == ERR_NO_PROMPT)
		a->run->unasked = true;
	return e == ERR_OK;
}

static bool add_of_devices(struct addition_run *a)
{
	struct fido_device devices[FIDO_PATHS_MOST];
	struct fido_answer answer;
	size_t count = 0;
	enum err e = fido_list(&answer, devices, &count);
	bool well = e == ERR_OK;

	if (e != ERR_OK)
		fprintf(stderr, "Could not look for security keys: %s\n", err_text(e));
	else if (count == 0)
		fputs("No security key is plugged in: plug it in and try again\n", stderr);
	for (size_t i = 0; well && i < count; i++)
		a->well = add_of_device(a, &devices[i]) && a->well;
	fido_answer_clear(&answer);
	return well && count != 0;
}

int cmd_resident(struct run *r)
{
	struct addition_run a = {.run = r, .well = true};
	bool well;

	if (!prepare_additions(r))
		return EXIT_FAILED;
	well = is_ours(r->options) ? add_of_devices(&a) : add_of_provider(&a);
	if (well && a.well && a.found == 0) {
		fputs("There are no resident keys for SSH\n", stderr);
		return EXIT_FAILED;
	}
	return well && a.well ? EXIT_DONE : EXIT_FAILED;
}
