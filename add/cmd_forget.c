/* --forget: passphrases that the desktop's keyring has, which no agent is needed for. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "add/command.h"
#include "add/helper.h"
#include "add/show.h"
#include "proto/base/fdio.h"
#include "proto/base/text.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"
#include "proto/keyringmsg.h"

enum {
	ANSWER_MS = LIMIT_PROMPT_MS + LIMIT_DEVICE_MS, /* a person may have to unlock it */
	NAMES_MOST = 2,
};

/* Under which names a file may be stored. */
struct names {
	char list[NAMES_MOST][PATH_MAX];
	size_t count;
};

static enum err read_answer(struct bytes message)
{
	enum err why;
	enum err e = keyring_done_parse(message);

	if (e != ERR_MESSAGE)
		return e;
	e = keyring_failed_parse(message, &why);
	return e == ERR_OK ? why : e;
}

static enum err forget_name(const char *name)
{
	struct keyring_item item = {.kind = KEYRING_PASSPHRASE, .name = bytes_str(name)};
	struct builder b = {0};
	struct blob answer = {0};
	int sock = -1;
	pid_t pid;
	enum err e = helper_exec(HELPER_KEYRING, NULL, &pid, &sock);

	if (e != ERR_OK)
		return e;
	keyring_forget_build(&b, &item);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fd_write_all(sock, builder_view(&b), LIMIT_HELPER_MS);
	if (e == ERR_OK)
		e = helper_read(sock, KEYRING_ANSWER_MOST, ANSWER_MS, &answer);
	else if (e == ERR_CLOSED || e == ERR_SYSTEM)
		e = ERR_HELPER;
	helper_see_end(pid, sock);
	fd_close(&sock);
	if (e == ERR_OK)
		e = read_answer(blob_view(&answer));
	blob_clear(&answer);
	builder_clear(&b);
	return e;
}

/* --- names --------------------------------------------------------------------------------------
 */

static void add_name(struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++) {
		if (strcmp(n->list[i], name) == 0)
			return;
	}
	(void)snprintf(n->list[n->count++], PATH_MAX, "%s", name);
}

/* Without "." and empty parts.  False where ".." is in it, which links may lead elsewhere. */
static bool clean(const char *path, char *out, size_t room)
{
	size_t len = 0;

	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0)
			return false;
		if (n != 0 && !(n == 1 && path[0] == '.')) {
			if (len + n + 2 > room)
				return false;
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	out[len] = '\0';
	return len != 0;
}

static void add_clean(struct names *n, const char *folder, const char *path)
{
	char whole[PATH_MAX], name[PATH_MAX];
	int len = snprintf(whole, sizeof(whole), "%s/%s", folder, path);

	if (len > 0 && (size_t)len < sizeof(whole) && clean(whole, name, sizeof(name)))
		add_name(n, name);
}

/* The folder as it is without links; the file itself may be one, by whose own name it is kept. */
static void add_resolved(struct names *n, const char *path)
{
	const char *base = strrchr(path, '/');
	char folder[PATH_MAX], real[PATH_MAX];

	(void)snprintf(folder, sizeof(folder), "%.*s", base != NULL ? (int)(base - path) + 1 : 1,
	    base != NULL ? path : ".");
	if (realpath(folder, real) != NULL)
		add_clean(n, real, base != NULL ? base + 1 : path);
}

/* The shell's name for the folder that we are in; NULL when it has none that is right. */
static const char *shell_folder(void)
{
	const char *name = getenv("PWD");
	struct stat named, here;

	if (name == NULL || name[0] != '/' || stat(name, &named) != 0 || stat(".", &here) != 0 ||
	    named.st_dev != here.st_dev || named.st_ino != here.st_ino)
		return NULL;
	return name;
}

static void find_names(struct names *n, const char *path)
{
	const char *folder = path[0] == '/' ? "" : shell_folder();

	n->count = 0;
	if (folder != NULL)
		add_clean(n, folder, path);
	add_resolved(n, path);
}

/* --- the command --------------------------------------------------------------------------------
 */

static enum err forget_file(const char *path)
{
	struct names n;
	enum err e = ERR_OK;
	bool forgotten = false;

	find_names(&n, path);
	if (n.count == 0)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < n.count; i++) {
		e = forget_name(n.list[i]);
		if (e == ERR_OK)
			forgotten = true;
		else if (e != ERR_NOT_FOUND)
			return e;
	}
	return forgotten ? ERR_OK : ERR_NOT_FOUND;
}

int cmd_forget(struct run *r)
{
	const struct options *o = r->options;
	bool forgotten = false, failed = false;

	for (size_t i = 0; i < o->noperands; i++) {
		enum err e = forget_file(o->operands[i]);
		char name[SHOW_ROOM];

		text_escape(bytes_str(o->operands[i]), name, sizeof(name));
		if (e == ERR_OK && !o->quiet)
			fprintf(stderr, "Passphrase forgotten: %s\n", name);
		else if (e == ERR_NOT_FOUND)
			fprintf(stderr, "%s: the keyring has no passphrase of this file\n", name);
		else if (e == ERR_HELPER_MISSING)
			fprintf(stderr,
			    "%s: nothing was forgotten: signet-keyring is not installed\n", name);
		else if (e != ERR_OK)
			fprintf(stderr, "%s: its passphrase was not forgotten: %s\n", name,
			    err_text(e));
		forgotten = forgotten || e == ERR_OK;
		failed = failed || (e != ERR_OK && e != ERR_NOT_FOUND);
	}
	return forgotten && !failed ? EXIT_DONE : EXIT_FAILED;
}
