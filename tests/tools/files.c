/*
 * files PROGRAM DIRECTORY...
 *
 * Asks signet-files (proto/filesmsg.h) as the agent's core does, by commands on standard input, one
 * a line, and prints what comes back.
 *
 *   watch            what it tells then, sorted: "key PATH", "trouble PATH: REASON", "gone PATH"
 *   next SECONDS     the next group that it tells unasked, the same way, or "nothing"
 *   learn PATH FILE  with FILE's public key line
 *   doubt PATH       what was learnt of it is wrong
 *   run COMMAND      in a shell
 *   say TEXT
 *   raw HEX          a frame with this content
 *   keys             all keys that there are now: "TYPE BASE64 FLAGS PATH COMMENT", and below each
 *                    its certificates: "TYPE BASE64"
 *   pid
 *
 * Exit status 3: the helper ended or said what makes no sense.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore/base64.h"
#include "keystore/file/pubfile.h"
#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/filesmsg.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

enum { PATIENCE = 30000, UNANSWERED = 3, ARGS_MOST = 64, KEYS_MOST = 8192 };

static struct {
	int sock;
	pid_t pid;
	struct blob keys[KEYS_MOST]; /* messages */
	size_t n;
	char *lines[2 * KEYS_MOST];
	size_t line_count;
} job;

static void fail(const char *what)
{
	fprintf(stderr, "files: %s\n", what);
	exit(2);
}

static void unanswered(const char *why)
{
	int status = 0;

	close(job.sock);
	while (job.pid > 0 && waitpid(job.pid, &status, 0) == -1)
		;
	printf("ended: %s; %s %d\n", why, WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	fflush(stdout);
	exit(UNANSWERED);
}

static void start(const char *path, char **dirs)
{
	const char *argv[ARGS_MOST + 2] = {path};
	char **env = spawn_env(NULL);
	int ends[2];

	for (size_t i = 0; dirs[i] != NULL && i < ARGS_MOST; i++)
		argv[i + 1] = dirs[i];
	if (env == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		fail("no socket");
	struct spawn_fd fds[] = {{STDERR_FILENO, STDERR_FILENO}, {ends[1], HELPER_FD}};
	struct spawn_args args = {
	    .path = path,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = 2,
	    .die_with_parent = true,
	};

	if (spawn(&args, &job.pid) != ERR_OK)
		fail("the helper cannot be started");
	spawn_env_free(env);
	close(ends[1]);
	job.sock = ends[0];
}

static void send_request(struct builder *b)
{
	if (builder_error(b) != ERR_OK ||
	    fd_write_all(job.sock, builder_view(b), PATIENCE) != ERR_OK)
		unanswered("the request was not taken");
	builder_clear(b);
}

/* --- what it tells ---------------------------------------------------------------- */

static void line(const char *what, struct bytes path, const char *why)
{
	char *text;

	if (job.line_count == 2 * KEYS_MOST ||
	    asprintf(&text, "%s %.*s%s%s", what, (int)path.len, (const char *)path.data,
		why != NULL ? ": " : "", why != NULL ? why : "") < 0)
		fail("too much was told");
	job.lines[job.line_count++] = text;
}

/* A key's path lies behind version, kind and its length. */
static void forget(struct bytes path)
{
	for (size_t i = job.n; i-- > 0;) {
		const struct blob *m = &job.keys[i];

		if (m->len > 6 + path.len && m->data[5] == (path.len & 0xff) &&
		    memcmp(m->data + 6, path.data, path.len) == 0) {
			blob_clear(&job.keys[i]);
			job.keys[i] = job.keys[--job.n];
			job.keys[job.n] = (struct blob){0};
		}
	}
}

static enum err take(struct blob *message, uint8_t kind)
{
	struct bytes path;
	struct files_key key;
	enum err why, e;

	if (kind == FILES_KEY) {
		e = files_key_parse(blob_view(message), &key);
		if (e != ERR_OK)
			return e;
		forget(key.path);
		line("key", key.path, NULL);
		if (job.n == KEYS_MOST)
			fail("too many keys");
		job.keys[job.n++] = blob_move(message);
		return ERR_OK;
	}
	if (kind == FILES_TROUBLE) {
		e = files_trouble_parse(blob_view(message), &path, &why);
		if (e == ERR_OK) {
			forget(path);
			line("trouble", path, err_text(why));
		}
		return e;
	}
	e = files_gone_parse(blob_view(message), &path);
	if (e == ERR_OK) {
		forget(path);
		line("gone", path, NULL);
	}
	return e;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void group(int ms)
{
	struct pollfd p = {.fd = job.sock, .events = POLLIN};
	struct blob message = {0};
	uint8_t kind = 0;

	if (poll(&p, 1, ms) != 1) {
		puts("nothing");
		return;
	}
	do {
		blob_clear(&message);
		if (helper_receive(job.sock, LIMIT_FILES_MESSAGE, &message) != ERR_OK)
			unanswered("closed");
		if (helper_message_kind(blob_view(&message), &kind) != ERR_OK)
			unanswered("no message");
		if (kind != FILES_DONE && take(&message, kind) != ERR_OK)
			unanswered("a message makes no sense");
	} while (kind != FILES_DONE);
	blob_clear(&message);
	qsort(job.lines, job.line_count, sizeof(char *), by_text);
	for (size_t i = 0; i < job.line_count; i++) {
		puts(job.lines[i]);
		free(job.lines[i]);
	}
	job.line_count = 0;
}

static void show_blob(const char *before, struct bytes blob)
{
	struct builder b = {0};
	struct reader r = reader_of(blob);
	struct bytes name = BYTES_NONE;

	(void)reader_string(&r, &name);
	base64_encode(blob, &b);
	printf("%s%.*s %.*s", before, (int)name.len, (const char *)name.data, (int)b.len,
	    (const char *)b.data);
	builder_clear(&b);
}

static int by_path(const void *a, const void *b)
{
	struct files_key x, y;
	size_t least;
	int c;

	if (files_key_parse(blob_view(a), &x) != ERR_OK ||
	    files_key_parse(blob_view(b), &y) != ERR_OK)
		return 0;
	least = x.path.len < y.path.len ? x.path.len : y.path.len;
	c = memcmp(x.path.data, y.path.data, least);
	return c != 0 ? c : (x.path.len > y.path.len) - (x.path.len < y.path.len);
}

static void show_keys(void)
{
	qsort(job.keys, job.n, sizeof(job.keys[0]), by_path);
	for (size_t i = 0; i < job.n; i++) {
		struct files_key m;
		struct bytes cert;

		if (files_key_parse(blob_view(&job.keys[i]), &m) != ERR_OK)
			unanswered("a key makes no sense");
		show_blob("", m.public);
		printf(" %s %.*s %.*s\n", (m.flags & FILES_KEY_ENCRYPTED) != 0 ? "encrypted" : "-",
		    (int)m.path.len, (const char *)m.path.data, (int)m.comment.len,
		    (const char *)m.comment.data);
		while (files_cert_next(&m.certs, &cert) == ERR_OK) {
			show_blob("\t", cert);
			putchar('\n');
		}
	}
}

/* --- commands --------------------------------------------------------------------- */

static void learn(const char *path, const char *file)
{
	struct pubfile pub = {0};
	struct blob text = {0};
	struct builder b = {0};
	FILE *f = file != NULL ? fopen(file, "re") : NULL;

	if (file != NULL &&
	    (f == NULL || fd_read_file(fileno(f), LIMIT_KEY_FILE, &text) != ERR_OK ||
		pubfile_parse(blob_view(&text), &pub) != ERR_OK))
		fail("no public key file");
	files_learn_build(&b, bytes_str(path), blob_view(&pub.blob));
	send_request(&b);
	pubfile_clear(&pub);
	blob_clear(&text);
	if (f != NULL)
		fclose(f);
}

static void raw(const char *hex)
{
	struct builder b = {0};
	size_t mark = builder_open(&b);
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		builder_u8(&b, (uint8_t)byte);
	builder_close(&b, mark);
	send_request(&b);
}

static void command(char *text)
{
	char *rest = strchr(text, ' ');
	struct builder b = {0};
	char *file;

	if (rest != NULL)
		*rest++ = '\0';
	if (strcmp(text, "watch") == 0) {
		files_watch_build(&b);
		send_request(&b);
		group(PATIENCE);
	} else if (strcmp(text, "keys") == 0) {
		show_keys();
	} else if (strcmp(text, "pid") == 0) {
		printf("%ld\n", (long)job.pid);
	} else if (rest == NULL) {
		fail("what command is that?");
	} else if (strcmp(text, "next") == 0) {
		group(atoi(rest) * 1000);
	} else if (strcmp(text, "say") == 0) {
		puts(rest);
	} else if (strcmp(text, "raw") == 0) {
		raw(rest);
	} else if (strcmp(text, "run") == 0) {
		if (system(rest) != 0)
			fail("the command failed");
	} else if (strcmp(text, "doubt") == 0) {
		learn(rest, NULL);
	} else if (strcmp(text, "learn") == 0 && (file = strchr(rest, ' ')) != NULL) {
		*file++ = '\0';
		learn(rest, file);
	} else {
		fail("what command is that?");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char text[16384];

	if (argc < 2)
		fail("no program is named");
	start(argv[1], argv + 2);
	while (fgets(text, sizeof(text), stdin) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		if (text[0] != '\0')
			command(text);
	}
	close(job.sock);
	while (waitpid(job.pid, NULL, 0) == -1)
		;
	return 0;
}
