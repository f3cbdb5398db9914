#include "add/add.h"

#include <stdio.h>
#include <string.h>

#include "add/control.h"
#include "add/explain.h"
#include "add/lifetime.h"
#include "add/show.h"
#include "keystore/file/keyfile.h"
#include "proto/agentmsg.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

/* What one ADD_IDENTITY says, besides the key. */
struct addition {
	struct bytes key_data;
	struct bytes comment;
	const struct constraints *constraints;
	const char *provider; /* of a security key; NULL for others */
};

/* Every security key names its library, since OpenSSH's agent wants it so. */
static const char *provider_for(const struct options *o, const struct keytype *type)
{
	bool is_sk = type->family == FAMILY_SK_ECDSA || type->family == FAMILY_SK_ED25519;

	return is_sk ? o->provider : NULL;
}

/* byte 255, string name, string value */
static void build_extension(struct builder *b, const char *name, struct bytes value)
{
	if (value.len == 0)
		return;
	builder_u8(b, CONSTRAIN_EXTENSION);
	builder_cstring(b, name);
	builder_string(b, value);
}

/* Everything after the message's number. */
static void build_addition(struct builder *b, const struct run *r, const struct addition *a)
{
	builder_put(b, a->key_data);
	builder_string(b, a->comment);
	constraints_build(b, a->constraints);
	build_extension(b, EXT_RESTRICT_DESTINATION, blob_view(&r->destinations));
	if (a->provider != NULL)
		build_extension(b, EXT_SK_PROVIDER, bytes_str(a->provider));
}

/* With rules that the agent protocol has no words for: through the control socket. */
static enum err send_with_rules(struct run *r, const struct addition *a)
{
	struct builder message = {0}, b = {0};
	enum err e;

	build_addition(&message, r, a);
	e = builder_error(&message);
	if (e == ERR_OK) {
		ctl_add_build(&b, &r->options->rules, builder_view(&message));
		e = control_call(&r->control, &b);
	}
	builder_clear(&message);
	builder_clear(&b);
	return e;
}

static enum err send_addition(struct run *r, const struct addition *a)
{
	bool plain =
	    constraints_none(a->constraints) && r->destinations.len == 0 && a->provider == NULL;
	struct builder b = {0};
	size_t mark;
	enum err e;

	if (!key_rules_none(&r->options->rules))
		return send_with_rules(r, a);
	mark = message_open(&b, plain ? AGENT_ADD_IDENTITY : AGENT_ADD_ID_CONSTRAINED);
	build_addition(&b, r, a);
	message_close(&b, mark);
	e = simple_call(r, &b);
	builder_clear(&b);
	return e;
}

static void say_rules(const struct key_rules *rules)
{
	if (rules->confirm == CONFIRM_FORWARDED)
		fputs(
		    "The user must confirm each use of the key on forwarded connections\n", stderr);
	if (rules->confirm == CONFIRM_CONNECTION)
		fputs("The user must confirm the use of the key once on each connection\n", stderr);
	if (rules->confirm == CONFIRM_TIMED)
		fprintf(stderr,
		    "The user must confirm the use of the key once in %u seconds "
		    "for each destination and application\n",
		    (unsigned)rules->confirm_seconds);
	if (rules->idle != 0)
		fprintf(stderr, "Lifetime without use set to %u seconds\n", (unsigned)rules->idle);
	if (rules->local_only)
		fputs("The key may be used on this machine only\n", stderr);
}

static void say_constraints(const struct options *o, const struct constraints *c)
{
	if (c->has_lifetime)
		fprintf(stderr, "Lifetime set to %u seconds\n", (unsigned)c->lifetime);
	if (c->confirm)
		fputs("The user must confirm each use of the key\n", stderr);
	say_rules(&o->rules);
}

enum err add_key_data(
    struct run *r, const struct keytype *type, struct bytes key_data, struct bytes comment)
{
	const struct constraints *c = &r->options->constraints;
	struct addition a = {key_data, comment, c, provider_for(r->options, type)};
	enum err e = send_addition(r, &a);

	if (e == ERR_OK && !r->options->quiet)
		say_constraints(r->options, c);
	return e;
}

/* The protocol has no words for a refusal. */
static void say_reason(const struct run *r, const struct keytype *type)
{
	/* With rules it was asked on the control socket, which has said it. */
	if (key_rules_none(&r->options->rules))
		explain_refusal();
	if (type->family == FAMILY_DSA)
		fputs(
		    "signet-agent holds ssh-dss keys only when started with --allow-dss\n", stderr);
}

static bool add_plain(
    struct run *r, const struct keysource *k, const struct keyfile_key *key, struct bytes comment)
{
	const struct constraints *c = &r->options->constraints;
	struct addition a = {
	    blob_view(&key->key_data), comment, c, provider_for(r->options, key->type)};
	char shown[SHOW_ROOM];
	enum err e = send_addition(r, &a);

	if (e != ERR_OK) {
		fprintf(stderr, "Could not add identity \"%s\": %s\n", k->name, client_words(e));
		if (e == ERR_REFUSED)
			say_reason(r, key->type);
		return false;
	}
	if (!r->options->quiet) {
		text_escape(comment, shown, sizeof(shown));
		fprintf(stderr, "Identity added: %s (%s)\n", k->name, shown);
		say_constraints(r->options, c);
	}
	return true;
}

/*
 * The key's own constraints, its lifetime cut to the certificate's unless -N was given.  One that
 * expired long ago can only be wanted as it is, for old signatures say: it is added, and *expired
 * tells.
 */
static struct constraints cert_constraints(
    const struct options *o, const struct cert *cert, bool *expired)
{
	struct constraints c = o->constraints;
	uint32_t asked = c.has_lifetime ? c.lifetime : 0;
	uint32_t seconds = asked;

	*expired = lifetime_of_cert(cert->valid_before, clock_wall(), asked, &seconds) == ERR_CERT;
	if (!o->keep_expired) {
		c.has_lifetime = seconds != 0;
		c.lifetime = seconds;
	}
	return c;
}

static enum err send_certified(struct run *r, const struct keyfile_key *key,
    const struct certfile *cert, struct bytes comment, const struct constraints *c)
{
	struct reader reader = reader_of(blob_view(&key->key_data));
	struct builder data = {0};
	struct privkey private;
	enum err e = privkey_read(&reader, &private);

	if (e == ERR_OK) {
		privkey_build(&data, &private, blob_view(&cert->file.blob));
		e = builder_error(&data);
	}
	if (e == ERR_OK) {
		struct addition a = {
		    builder_view(&data), comment, c, provider_for(r->options, key->type)};

		e = send_addition(r, &a);
	}
	builder_clear(&data);
	return e;
}

static bool add_cert(
    struct run *r, const struct certfile *cert, const struct keyfile_key *key, struct bytes comment)
{
	bool expired;
	struct constraints c = cert_constraints(r->options, &cert->cert, &expired);
	char id[SHOW_ROOM];
	enum err e;

	text_escape(cert->cert.key_id, id, sizeof(id));
	e = send_certified(r, key, cert, comment, &c);
	if (e != ERR_OK) {
		fprintf(stderr, "Certificate %s (%s) add failed: %s\n", cert->name, id,
		    client_words(e));
		if (e == ERR_REFUSED)
			say_reason(r, key->type);
		return false;
	}
	if (!r->options->quiet) {
		fprintf(stderr, "Certificate added: %s (%s)\n", cert->name, id);
		if (expired)
			fputs("The certificate has expired\n", stderr);
		say_constraints(r->options, &c);
	}
	return true;
}

/* The outcome for the exit status: the key's, as in ssh-add; under -C the certificate's. */
static bool add_both(struct run *r, const struct keysource *k, const struct keyfile_key *key)
{
	struct bytes comment = blob_view(&key->comment);
	struct certfile cert;
	bool added = false;
	enum err e;

	if (comment.len == 0)
		comment = bytes_str(k->path != NULL ? k->path : k->name);
	if (!r->options->cert_only)
		added = add_plain(r, k, key, comment);
	if (r->options->plain_only)
		return added;
	e = certfile_read(k, blob_view(&key->public_blob), &cert);
	if (e == ERR_NOT_FOUND && r->options->cert_only)
		fprintf(
		    stderr, "%s: there is no certificate %s-cert.pub to add\n", k->name, k->name);
	if (e == ERR_OK) {
		bool cert_added = add_cert(r, &cert, key, comment);

		if (r->options->cert_only)
			added = cert_added;
		certfile_clear(&cert);
	}
	return added;
}

static enum err decode(
    const struct keysource *k, const struct blob *passphrase, struct keyfile_key *key)
{
	struct bytes view = blob_view(passphrase);

	return keyfile_decode(blob_view(&k->content), &view, key);
}

/* Ask until a passphrase fits.  ERR_CANCELLED: an empty answer or none. */
static enum err decode_asking(
    struct run *r, const struct keysource *k, enum ask_from from, struct keyfile_key *key)
{
	const char *words = "Enter passphrase for";
	const char *uses = r->options->constraints.confirm ? " (will confirm each use)" : "";
	char prompt[SHOW_ROOM + 80];
	enum err e;

	do {
		struct blob answer = {0};

		snprintf(
		    prompt, sizeof(prompt), "%s %.*s%s: ", words, SHOW_ROOM - 1, k->name, uses);
		e = ask_secret(prompt, from, &answer);
		if (e == ERR_OK && answer.len == 0)
			e = ERR_CANCELLED;
		if (e == ERR_OK)
			e = decode(k, &answer, key);
		if (e == ERR_OK) {
			blob_clear(&r->passphrase);
			r->passphrase = blob_move(&answer);
		}
		blob_clear(&answer);
		words = "Bad passphrase, try again for";
	} while (e == ERR_PASSPHRASE);
	return e;
}

static enum err open_key(
    struct run *r, const struct keysource *k, enum ask_from from, struct keyfile_key *key)
{
	enum err e = keyfile_decode(blob_view(&k->content), NULL, key);

	if (e == ERR_PASSPHRASE_NEEDED && r->passphrase.len != 0) {
		log_debug("%s: trying the last passphrase", k->name);
		e = decode(k, &r->passphrase, key);
		if (e == ERR_PASSPHRASE) {
			/* It would lie in memory for as long as the person takes to answer. */
			blob_clear(&r->passphrase);
			e = ERR_PASSPHRASE_NEEDED;
		}
	}
	if (e == ERR_PASSPHRASE_NEEDED)
		e = decode_asking(r, k, from, key);
	return e;
}

static void say_unopened(const struct keysource *k, enum err e)
{
	if (e == ERR_CANCELLED) {
		fprintf(stderr, "%s: not added, since no passphrase was given\n", k->name);
	} else if (e == ERR_NO_PROMPT) {
		fprintf(stderr, "%s: not added, since it needs a passphrase\n", k->name);
	} else if (e == ERR_KEY_PUBLIC_ONLY) {
		fprintf(stderr,
		    "Error loading key \"%s\": %s (usually the same name without .pub)\n", k->name,
		    err_text(e));
	} else {
		fprintf(stderr, "Error loading key \"%s\": %s\n", k->name, err_text(e));
	}
}

bool add_source(struct run *r, const struct keysource *k, enum ask_from from)
{
	struct keyfile_key key = {0};
	enum err e;
	bool added;

	e = open_key(r, k, from, &key);
	if (e != ERR_OK) {
		say_unopened(k, e);
		/* What to do about it is said once, at the end. */
		if (e == ERR_NO_PROMPT)
			r->unasked = true;
		return false;
	}
	log_debug("%s: a key of type %s", k->name, key.type->name);
	added = add_both(r, k, &key);
	keyfile_key_clear(&key);
	return added;
}

/* A public key named by mistake deserves to hear that, not that it is readable by all. */
static bool is_public(const struct keysource *k)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(blob_view(&k->content), &info);

	keyfile_info_clear(&info);
	return e == ERR_KEY_PUBLIC_ONLY;
}

static void say_unread(const struct keysource *k, enum err e)
{
	if (e == ERR_MEMORY)
		fprintf(stderr, "%s\n", err_text(e));
	else if (e == ERR_SYSTEM)
		fprintf(stderr, "%s: %s\n", k->name, k->why);
	else
		fprintf(stderr, "Error loading key \"%s\": %s\n", k->name, k->why);
}

bool add_file(struct run *r, const char *path)
{
	struct keysource k;
	enum err e = keysource_read(path, &k);
	bool added = false;

	if (e != ERR_OK)
		say_unread(&k, e);
	else if (is_public(&k))
		say_unopened(&k, ERR_KEY_PUBLIC_ONLY);
	else if (keysource_too_open(&k))
		keysource_warn_open(&k);
	else
		added = add_source(r, &k, k.path != NULL ? ASK_ALSO_STDIN : ASK_PERSON);
	keysource_clear(&k);
	return added;
}
