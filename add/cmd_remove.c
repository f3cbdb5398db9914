#include <stdio.h>
#include <string.h>

#include "add/add.h"
#include "add/command.h"
#include "add/pubsource.h"
#include "add/show.h"
#include "proto/agentmsg.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

/* "ED25519", and "ED25519-CERT" for a certificate. */
static const char *label(struct bytes blob, const char **suffix)
{
	struct pubkey key;
	bool is_cert = false;

	*suffix = "";
	if (keyblob_parse(blob, &key, &is_cert) != ERR_OK)
		return "UNKNOWN";
	if (is_cert)
		*suffix = "-CERT";
	return key.type->label;
}

/* name: of the file, for messages. */
static bool remove_one(struct run *r, const struct pubfile *p, const char *name)
{
	struct builder b = {0};
	size_t mark = message_open(&b, AGENT_REMOVE_IDENTITY);
	char comment[SHOW_ROOM];
	const char *suffix;
	enum err e;

	builder_string(&b, blob_view(&p->blob));
	message_close(&b, mark);
	e = simple_call(r, &b);
	builder_clear(&b);
	if (e != ERR_OK) {
		fprintf(stderr, "Could not remove identity \"%s\": %s\n", name, client_words(e));
		return false;
	}
	if (!r->options->quiet) {
		const char *type = label(blob_view(&p->blob), &suffix);

		text_escape(blob_view(&p->comment), comment, sizeof(comment));
		fprintf(stderr, "Identity removed: %s %s%s (%s)\n", name, type, suffix, comment);
	}
	return true;
}

/* The certificate beside the file, if there is one. */
static bool remove_cert(struct run *r, const char *path, struct bytes public_blob)
{
	struct keysource k = {.path = path};
	struct certfile cert;
	bool removed = false;
	enum err e;

	k.name = show_whole(bytes_str(path));
	if (k.name == NULL)
		return false;
	e = certfile_read(&k, public_blob, &cert);
	if (e == ERR_OK) {
		if (cert.file.comment.len == 0)
			(void)blob_copy(&cert.file.comment, bytes_str("no comment"));
		removed = remove_one(r, &cert.file, cert.name);
		certfile_clear(&cert);
	} else if (e == ERR_NOT_FOUND && r->options->cert_only) {
		fprintf(
		    stderr, "%s: there is no certificate %s-cert.pub to remove\n", k.name, k.name);
	}
	keysource_clear(&k);
	return removed;
}

static bool remove_file(struct run *r, const char *path)
{
	const struct options *o = r->options;
	struct pubfile found;
	char name[SHOW_ROOM];
	const char *why;
	bool removed = false;

	text_escape(bytes_str(path), name, sizeof(name));
	if (pubsource_read(path, &found, &why) != ERR_OK) {
		/* On standard output, where scripts that read ssh-add look for it. */
		printf("Bad key file %s: %s\n", name, why);
		return false;
	}
	if (!o->cert_only)
		removed = remove_one(r, &found, name);
	if (!o->plain_only && remove_cert(r, path, blob_view(&found.blob)))
		removed = true;
	pubfile_clear(&found);
	return removed;
}

static bool remove_line(struct run *r, struct bytes line, unsigned number)
{
	struct pubfile p = {0};
	enum err e = pubfile_parse(line, &p);
	bool removed = false;

	if (e != ERR_OK)
		fprintf(stderr, "(stdin):%u: invalid key: %s\n", number, err_text(e));
	else
		removed = remove_one(r, &p, "(stdin)");
	pubfile_clear(&p);
	return removed;
}

static bool is_blank(struct bytes line)
{
	size_t i = 0;

	while (i < line.len && strchr(" \t\r", line.data[i]) != NULL && line.data[i] != '\0')
		i++;
	return i == line.len || line.data[i] == '#';
}

/* Public keys a line each on standard input; well when one was removed, as in ssh-add. */
static bool remove_stdin(struct run *r)
{
	struct keysource k;
	struct bytes rest;
	unsigned number = 0;
	bool removed = false;

	if (keysource_read("-", &k) != ERR_OK)
		fprintf(stderr, "(stdin): %s\n", k.why != NULL ? k.why : err_text(ERR_MEMORY));
	rest = blob_view(&k.content);
	while (rest.len != 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		size_t length = end != NULL ? (size_t)(end - rest.data) : rest.len;
		struct bytes line = BYTES(rest.data, length);

		number++;
		if (!is_blank(line) && remove_line(r, line, number))
			removed = true;
		length += end != NULL;
		rest = BYTES(rest.data + length, rest.len - length);
	}
	keysource_clear(&k);
	return removed;
}

static bool remove_operand(struct run *r, const char *path)
{
	return strcmp(path, "-") == 0 ? remove_stdin(r) : remove_file(r, path);
}

int cmd_remove(struct run *r)
{
	const struct options *o = r->options;
	bool well = true;

	if (o->noperands == 0) {
		if (default_files(r, remove_file, &well))
			return well ? EXIT_DONE : EXIT_FAILED;
		fputs("None of the usual key files is in ~/.ssh.  Name a key file, "
		      "or remove all keys with -D\n",
		    stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < o->noperands; i++) {
		if (!remove_operand(r, o->operands[i]))
			well = false;
	}
	return well ? EXIT_DONE : EXIT_FAILED;
}

int cmd_remove_all(struct run *r)
{
	struct builder b = {0};
	enum err e;

	message_plain(&b, AGENT_REMOVE_ALL_IDENTITIES);
	e = simple_call(r, &b);
	builder_clear(&b);
	if (e != ERR_OK) {
		fputs("Failed to remove all identities.\n", stderr);
		if (e != ERR_REFUSED)
			fprintf(stderr, "%s\n", client_words(e));
		return EXIT_FAILED;
	}
	if (!r->options->quiet)
		fputs("All identities removed.\n", stderr);
	return EXIT_DONE;
}
