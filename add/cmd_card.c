/* -s and -e: the keys of PKCS#11 modules; --card: those of cards. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "add/add.h"
#include "add/control.h"
#include "add/explain.h"
#include "add/show.h"
#include "proto/agentmsg.h"
#include "proto/base/mem.h"
#include "proto/tokenmsg.h"

/* A path, since it has a slash, that starts where we are and not where the agent is. */
static bool is_relative(const char *module)
{
	return module[0] != '/' && strchr(module, '/') != NULL &&
	       strncasecmp(module, "pkcs11:", 7) != 0;
}

/* "card:serial=TEXT;slot=9a;slot=9c" */
static void put_card(struct builder *b, const struct options *o)
{
	const char *between = "";

	builder_put(b, bytes_str("card:"));
	if (o->serial != NULL) {
		builder_put(b, bytes_str("serial="));
		builder_put(b, bytes_str(o->serial));
		between = ";";
	}
	for (size_t i = 0; i < o->nslots; i++) {
		builder_put(b, bytes_str(between));
		builder_put(b, bytes_str("slot="));
		builder_put(b, bytes_str(o->slots[i]));
		between = ";";
	}
}

/* What the agent is told is added: as it is known there, whatever the agent's folder is. */
static enum err token_id(const struct options *o, struct blob *out)
{
	struct builder b = {0};
	char here[TOKEN_PATH_MOST];
	enum err e;

	if (o->module == NULL) {
		put_card(&b, o);
	} else {
		if (is_relative(o->module)) {
			if (getcwd(here, sizeof(here)) == NULL)
				return ERR_SYSTEM;
			builder_put(&b, bytes_str(here));
			builder_u8(&b, '/');
		}
		builder_put(&b, bytes_str(o->module));
	}
	e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}

/* --- certificates for a module's keys ----------------------------------------------------------
 */

static enum err put_cert(struct builder *b, const char *path)
{
	struct certfile c;
	enum err e = certfile_load(path, &c);

	if (e == ERR_OK) {
		builder_string(b, blob_view(&c.file.blob));
		certfile_clear(&c);
	}
	return e;
}

static enum err gather_certs(const struct options *o, struct builder *b)
{
	enum err e = ERR_OK;

	/* -k: plain keys only */
	if (o->plain_only || o->module == NULL)
		return ERR_OK;
	if (o->noperands > LIMIT_TOKEN_CERTS) {
		fprintf(stderr, "Only %u certificates can be given with -s\n", LIMIT_TOKEN_CERTS);
		return ERR_LIMIT;
	}
	for (size_t i = 0; e == ERR_OK && i < o->noperands; i++)
		e = put_cert(b, o->operands[i]);
	return e;
}

/* --- the PIN -----------------------------------------------------------------------------------
 */

/* An empty one is allowed: the agent asks when one is needed.  Nobody to ask counts as such, as in
 * ssh-add. */
static enum err ask_pin(struct blob *out)
{
	enum err e = ask_secret("Enter passphrase for PKCS#11: ", ASK_ALSO_STDIN, out);

	if (e == ERR_NO_PROMPT)
		return ERR_OK;
	if (e == ERR_OK && out->len > TOKEN_PIN_MOST) {
		fprintf(stderr, "A PIN has at most %u bytes\n", TOKEN_PIN_MOST);
		blob_clear(out);
		e = ERR_CANCELLED;
	}
	return e;
}

/* --- requests ----------------------------------------------------------------------------------
 */

static enum err send_addition(
    struct run *r, struct bytes id, struct bytes pin, const struct constraints *c)
{
	const struct key_rules *rules = &r->options->rules;
	bool ruled = !key_rules_none(rules);
	struct builder fields = {0}, b = {0};
	enum err e;

	builder_string(&fields, id);
	builder_string(&fields, pin);
	constraints_build(&fields, c);
	e = builder_error(&fields);
	if (e == ERR_OK && ruled) {
		ctl_add_token_build(&b, rules, builder_view(&fields));
		e = control_call(&r->control, &b);
	} else if (e == ERR_OK) {
		size_t mark =
		    message_open(&b, constraints_none(c) ? AGENT_ADD_SMARTCARD_KEY
							 : AGENT_ADD_SMARTCARD_KEY_CONSTRAINED);

		builder_put(&b, builder_view(&fields));
		message_close(&b, mark);
		e = simple_call(r, &b);
	}
	builder_clear(&fields);
	builder_clear(&b);
	return e;
}

/* The outcome, in ssh-add's words. */
static int say(const struct run *r, const char *id, bool adding, enum err e)
{
	if (e == ERR_OK) {
		if (!r->options->quiet)
			fprintf(stderr, "Card %s: %s\n", adding ? "added" : "removed", id);
		return EXIT_DONE;
	}
	fprintf(stderr, "Could not %s card \"%s\": %s\n", adding ? "add" : "remove", id,
	    client_words(e));
	/* With rules it was asked on the control socket, which has said why. */
	if (e == ERR_REFUSED && (!adding || key_rules_none(&r->options->rules)))
		explain_refusal();
	return EXIT_FAILED;
}

static void put_words(struct builder *b, const char *before, const char *words)
{
	builder_put(b, bytes_str(before));
	builder_put(b, bytes_str(words));
}

/*
 * "any card, keys for logging in"; "serial number 123, slot 9a, slot 9c"; "all cards", since a
 * removal that names nothing removes every offer.
 */
static void put_card_words(struct builder *b, const struct options *o)
{
	if (o->action == ACTION_TOKEN_REMOVE && o->serial == NULL && o->nslots == 0) {
		put_words(b, "", "all cards");
		return;
	}
	if (o->serial != NULL)
		put_words(b, "serial number ", o->serial);
	else
		put_words(b, "", "any card");
	for (size_t i = 0; i < o->nslots; i++) {
		if (strcmp(o->slots[i], "all") == 0)
			put_words(b, ", ", "all slots");
		else
			put_words(b, ", slot ", o->slots[i]);
	}
	if (o->nslots == 0)
		put_words(b, ", ", "keys for logging in");
}

/* What messages call it: a module as the person wrote it. */
static char *shown_id(const struct options *o)
{
	struct builder b = {0};
	char *shown = NULL;

	if (o->module != NULL)
		return show_whole(bytes_str(o->module));
	put_card_words(&b, o);
	if (builder_error(&b) == ERR_OK)
		shown = show_whole(builder_view(&b));
	builder_clear(&b);
	return shown;
}

int cmd_token_add(struct run *r)
{
	struct constraints c = r->options->constraints;
	struct builder certs = {0};
	struct blob id = {0}, pin = {0};
	int status = EXIT_FAILED;
	char *shown = NULL;
	enum err e = ERR_OK;

	if (!prepare_additions(r) || gather_certs(r->options, &certs) != ERR_OK) {
		builder_clear(&certs);
		return EXIT_FAILED;
	}
	c.destinations = blob_view(&r->destinations);
	c.has_certs = certs.len != 0;
	c.certs_only = r->options->cert_only;
	c.certs = builder_view(&certs);
	e = builder_error(&certs);
	if (e == ERR_OK)
		e = token_id(r->options, &id);
	if (e == ERR_OK && (shown = shown_id(r->options)) == NULL)
		e = ERR_MEMORY;
	if (e != ERR_OK)
		fprintf(stderr, "%s\n", client_words(e));
	else if (r->options->module != NULL && ask_pin(&pin) != ERR_OK)
		fprintf(stderr, "%s: not added, since no PIN was given\n", shown);
	else
		status = say(r, shown, true, send_addition(r, blob_view(&id), blob_view(&pin), &c));
	mem_free(shown);
	blob_clear(&id);
	blob_clear(&pin);
	builder_clear(&certs);
	return status;
}

static enum err send_removal(struct run *r, struct bytes id)
{
	struct builder b = {0};
	size_t mark = message_open(&b, AGENT_REMOVE_SMARTCARD_KEY);
	enum err e;

	builder_string(&b, id);
	builder_cstring(&b, ""); /* a PIN, of which nobody has made use */
	message_close(&b, mark);
	e = simple_call(r, &b);
	builder_clear(&b);
	return e;
}

int cmd_token_remove(struct run *r)
{
	struct blob id = {0};
	int status = EXIT_FAILED;
	char *shown = NULL;
	enum err e = token_id(r->options, &id);

	if (e == ERR_OK && (shown = shown_id(r->options)) == NULL)
		e = ERR_MEMORY;
	if (e != ERR_OK)
		fprintf(stderr, "%s\n", client_words(e));
	else
		status = say(r, shown, false, send_removal(r, blob_view(&id)));
	mem_free(shown);
	blob_clear(&id);
	return status;
}
