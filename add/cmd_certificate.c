/* --certificate: a certificate for a key that the agent holds already, of whatever kind. */
#include <stdio.h>

#include "add/add.h"
#include "add/control.h"
#include "add/show.h"
#include "keystore/fingerprint.h"
#include "proto/base/text.h"

/* Which key has to be added first. */
static void say_key(const struct run *r, const struct cert *cert, struct bytes blob)
{
	char print[FINGERPRINT_ROOM];

	if (fingerprint(blob, r->options->hash, print) == ERR_OK)
		fprintf(stderr, "It is for the key %s (%s), which must be added first\n", print,
		    cert->key.type->label);
}

static void say_added(const struct run *r, const char *name, const char *id)
{
	if (!r->options->quiet)
		fprintf(stderr, "Certificate added: %s (%s)\n", name, id);
}

static enum err send(struct run *r, struct bytes blob, bool *absent)
{
	struct bytes reply, reason = BYTES_NONE;
	struct builder b = {0};
	enum err e;

	ctl_certificate_build(&b, blob);
	e = client_call(&r->control, &b, &reply);
	builder_clear(&b);
	if (e == ERR_OK)
		e = ctl_done_parse(reply, &reason);
	if (e == ERR_REFUSED) {
		*absent = bytes_is(reason, err_text(ERR_NOT_FOUND));
		(void)control_refused(reason);
	}
	return e;
}

static bool give_file(struct run *r, const char *path)
{
	char id[SHOW_ROOM];
	struct certfile c;
	bool absent = false;
	enum err e = certfile_load(path, &c);

	if (e != ERR_OK)
		return false;
	text_escape(c.cert.key_id, id, sizeof(id));
	e = send(r, blob_view(&c.file.blob), &absent);
	if (e == ERR_OK) {
		say_added(r, c.name, id);
	} else {
		fprintf(
		    stderr, "Certificate %s (%s) add failed: %s\n", c.name, id, client_words(e));
		if (absent)
			say_key(r, &c.cert, blob_view(&c.file.blob));
	}
	certfile_clear(&c);
	return e == ERR_OK;
}

int cmd_certificate(struct run *r)
{
	const struct options *o = r->options;
	bool well;

	if (!control_connect(&r->control))
		return EXIT_NO_AGENT;
	well = give_file(r, o->certificate);
	for (size_t i = 0; i < o->noperands; i++)
		well = give_file(r, o->operands[i]) && well;
	return well ? EXIT_DONE : EXIT_FAILED;
}
