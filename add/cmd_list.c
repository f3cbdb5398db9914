#include <stdio.h>

#include "add/command.h"
#include "add/list.h"
#include "add/marks.h"
#include "add/show.h"
#include "keystore/base64.h"
#include "proto/base/mem.h"
#include "proto/keyblob.h"

/* The first string of a blob: its type, also of one that we do not know. */
static struct bytes type_name(struct bytes blob)
{
	struct reader r = reader_of(blob);
	struct bytes name;

	return reader_text(&r, &name) == ERR_OK ? name : bytes_str("unknown");
}

/* "256 SHA256:... comment (ED25519)", and " [locked]"; a type that we do not know has 0 bits and
 * its own name. */
static enum err print_short(
    const struct run *r, const struct marks *marks, struct bytes blob, const char *comment)
{
	char print[FINGERPRINT_ROOM];
	struct pubkey key;
	bool is_cert;
	char *name;
	enum err e = fingerprint(blob, r->options->hash, print);

	if (e != ERR_OK)
		return e;
	if (keyblob_parse(blob, &key, &is_cert) == ERR_OK) {
		printf("%u %s %s (%s%s)%s\n", pubkey_bits(&key), print, comment, key.type->label,
		    is_cert ? "-CERT" : "", marks_locked(marks, blob, is_cert) ? " [locked]" : "");
		return ERR_OK;
	}
	name = show_whole(type_name(blob));
	if (name == NULL)
		return ERR_MEMORY;
	printf("0 %s %s (%s)\n", print, comment, name);
	mem_free(name);
	return ERR_OK;
}

/* "ssh-ed25519 AAAA... comment": a line of an authorized_keys file. */
static enum err print_full(struct bytes blob, const char *comment)
{
	struct builder text = {0};
	char *name = show_whole(type_name(blob));
	enum err e = name != NULL ? ERR_OK : ERR_MEMORY;

	base64_encode(blob, &text);
	if (e == ERR_OK)
		e = builder_error(&text);
	if (e == ERR_OK)
		printf("%s %.*s %s\n", name, (int)builder_view(&text).len,
		    (const char *)builder_view(&text).data, comment);
	builder_clear(&text);
	mem_free(name);
	return e;
}

static enum err print_key(
    struct run *r, const struct marks *marks, struct bytes blob, struct bytes comment)
{
	char *shown = show_whole(comment);
	enum err e = ERR_MEMORY;

	if (shown != NULL)
		e = r->options->action == ACTION_LIST_FULL ? print_full(blob, shown)
							   : print_short(r, marks, blob, shown);
	mem_free(shown);
	return e;
}

static int list(struct run *r)
{
	struct identity_walk walk;
	struct marks marks = {0};
	bool more = true;
	size_t count = 0;
	enum err e = list_identities(r, &walk);

	if (r->options->action != ACTION_LIST_FULL)
		marks_get(&marks);

	while (e == ERR_OK && more) {
		struct bytes blob, comment;

		e = identity_next(&walk, &more, &blob, &comment);
		if (e != ERR_OK || !more)
			break;
		count++;
		e = print_key(r, &marks, blob, comment);
	}
	marks_clear(&marks);
	if (e != ERR_OK) {
		fprintf(stderr, "error fetching identities: %s\n", client_words(e));
		return EXIT_FAILED;
	}
	if (count == 0) {
		puts("The agent has no identities.");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

int cmd_list(struct run *r)
{
	return list(r);
}

int cmd_list_full(struct run *r)
{
	return list(r);
}
