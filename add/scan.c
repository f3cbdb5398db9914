/* --all: every private key of a folder, found by content. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "add/add.h"
#include "add/command.h"
#include "add/list.h"
#include "add/show.h"
#include "keystore/file/keyfile.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

/* What a scan met. */
struct tally {
	size_t keys;     /* private keys found */
	size_t left_out; /* of them, or files that could not be looked into */
};

/* Is it in the agent with all that we would add?  Adding it again would ask for its passphrase for
 * nothing. */
static bool held_already(struct run *r, const struct keysource *k, const struct keyfile_info *info)
{
	struct certfile cert;
	bool held;

	if (info->public_blob.len == 0 || !constraints_none(&r->options->constraints) ||
	    !key_rules_none(&r->options->rules) || r->destinations.len != 0)
		return false;
	if (!r->options->cert_only && !list_holds(r, blob_view(&info->public_blob)))
		return false;
	if (r->options->plain_only)
		return true;
	switch (certfile_read(k, blob_view(&info->public_blob), &cert)) {
	case ERR_OK:
		held = list_holds(r, blob_view(&cert.file.blob));
		certfile_clear(&cert);
		return held;
	default:
		/* No certificate, or one that adding would refuse as well. */
		return !r->options->cert_only;
	}
}

static void scan_key(
    struct run *r, const struct keysource *k, const struct keyfile_info *info, struct tally *t)
{
	t->keys++;
	if (keysource_too_open(k)) {
		keysource_warn_open(k);
		t->left_out++;
	} else if (held_already(r, k, info)) {
		if (!r->options->quiet)
			fprintf(stderr, "Already in the agent: %s\n", k->name);
	} else if (!add_source(r, k, ASK_PERSON)) {
		t->left_out++;
	}
}

/* What lies in ~/.ssh beside private keys, and is passed over. */
static bool no_private_key(enum err e)
{
	return e == ERR_FILE_FORMAT || e == ERR_FILE_EMPTY || e == ERR_FILE_TOO_BIG ||
	       e == ERR_KEY_PUBLIC_ONLY || e == ERR_UNSUPPORTED;
}

static void scan_content(struct run *r, const struct keysource *k, struct tally *t)
{
	struct keyfile_info info = {0};
	enum err e = keyfile_probe(blob_view(&k->content), &info);

	if (e == ERR_OK) {
		scan_key(r, k, &info, t);
	} else if (no_private_key(e)) {
		log_debug("%s: passed over: %s", k->name, err_text(e));
	} else {
		fprintf(stderr, "Error loading key \"%s\": %s\n", k->name, err_text(e));
		t->left_out++;
	}
	keyfile_info_clear(&info);
}

/* Does not count a file that went away, or a socket. */
static bool unreadable(enum err e)
{
	return e == ERR_SYSTEM && errno != ENOENT && errno != ENXIO;
}

/* A file that cannot be read, or is a damaged key, might be one that the person expects. */
static void scan_file(struct run *r, const char *path, struct tally *t)
{
	struct keysource k;
	enum err e = keysource_read(path, &k);

	if (unreadable(e)) {
		fprintf(stderr, "%s: left out: %s\n", k.name, k.why);
		t->left_out++;
	}
	if (e == ERR_OK && !S_ISREG(k.st.st_mode))
		e = ERR_UNSUPPORTED;
	if (e == ERR_OK)
		scan_content(r, &k, t);
	else if (k.name != NULL)
		log_debug("%s: passed over: %s", k.name, k.why != NULL ? k.why : err_text(e));
	keysource_clear(&k);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int wanted(const struct dirent *entry)
{
	switch (entry->d_type) {
	case DT_REG:
	case DT_LNK:
	case DT_UNKNOWN:
		return 1;
	default:
		return 0;
	}
}

static bool scan_folder(struct run *r, const char *folder, struct tally *t)
{
	char shown[SHOW_ROOM];
	struct dirent **entries;
	int n = scandir(folder, &entries, wanted, by_name);

	/* Whoever has no ~/.ssh has no keys. */
	if (n == -1 && errno == ENOENT && r->options->noperands == 0)
		return true;
	if (n == -1) {
		text_escape(bytes_str(folder), shown, sizeof(shown));
		fprintf(stderr, "%s: %s\n", shown, strerror(errno));
		return false;
	}
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);

		if (length > 0 && (size_t)length < sizeof(path))
			scan_file(r, path, t);
		free(entries[i]);
	}
	free(entries);
	return true;
}

int cmd_scan(struct run *r)
{
	const struct options *o = r->options;
	struct tally t = {0};
	char home[PATH_MAX];
	bool well = true;

	if (!prepare_additions(r))
		return EXIT_FAILED;
	if (o->noperands == 0)
		well = home_folder(home, sizeof(home)) && scan_folder(r, home, &t);
	for (size_t i = 0; i < o->noperands; i++) {
		if (!scan_folder(r, o->operands[i], &t))
			well = false;
	}
	if (well && t.keys == 0 && t.left_out == 0) {
		fputs("No private key was found.  To make one: ssh-keygen -t ed25519\n", stderr);
		return EXIT_FAILED;
	}
	return well && t.left_out == 0 ? EXIT_DONE : EXIT_FAILED;
}
