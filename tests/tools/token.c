/*
 * token PROGRAM COMMAND... [-]
 *
 * Asks a helper for tokens (proto/tokenmsg.h) as the agent's core does, and prints what comes back.
 * Every command has its fixed number of arguments, "." is an empty one; after "-" they are read
 * from standard input, words on lines.
 *   resolve NAME                    "resolved PATH"
 *   open PATH, open-network PATH    waits for the first inventory
 *   select URI PIN                  "selected TOKEN/KEY" each
 *   begin URI PIN                   the same, without waiting for an answer
 *   sign WHICH ALGORITHM FILE OUT PIN   "signed"; OUT is what openssl verifies
 *   burst N WHICH ALGORITHM FILE OUT    N requests at once, OUT.1 ..; "signed" each
 *   flags last|pad|none             of the requests that follow
 *   watch 0|1, logout
 *   inventory                       the last one: "token NAME ...", "key TOKEN/LABEL ..."
 *   keys                            "TYPE BASE64 TOKEN/LABEL", as in authorized_keys
 *   next SECONDS                    wait for another inventory; "inventory" or "none"
 *   count, pid                      how many inventories came so far; the helper's number
 *
 * WHICH is TOKEN/LABEL, or #N.M: key M of token N, or @NAME of "remember NAME WHICH"; what fails is
 * "failed NUMBER: REASON; tries=N flags=0xN; DETAIL".  Exit status 3: the helper ended or said what
 * makes no sense.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore/base64.h"
#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/base/text.h"
#include "proto/helperio.h"
#include "proto/helpermsg.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "proto/tokenmsg.h"
#include "tests/support/tokenkey.h"

enum { PATIENCE = 60000, UNANSWERED = 3, REMEMBERED = 8, BURST_MOST = 256 };

struct remembered {
	char name[64];
	struct tokenkey key;
};

static struct {
	char **args; /* NULL at the end */
	bool from_stdin;
	int sock;
	pid_t pid;
	uint32_t number;
	uint32_t flags;
	unsigned inventories;
	struct blob inventory;
	struct remembered remembered[REMEMBERED];
	size_t remembered_n;
} job;

static void fail(const char *what)
{
	fprintf(stderr, "token: %s\n", what);
	exit(2);
}

static void unanswered(const char *why)
{
	int status = 0;

	fflush(stdout);
	close(job.sock);
	while (job.pid > 0 && waitpid(job.pid, &status, 0) == -1)
		;
	printf("ended without an answer: %s; %s %d\n", why,
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	exit(UNANSWERED);
}

/* --- words ----------------------------------------------------------------------- */

static const char *word(void)
{
	static char line[16384];
	static char *rest;
	char *w = rest != NULL ? strtok_r(NULL, " \t\n", &rest) : NULL;

	while (w == NULL && fgets(line, sizeof(line), stdin) != NULL)
		w = strtok_r(line, " \t\n", &rest);
	return w;
}

/* The next argument, a copy; NULL at the end. */
static char *next_word(void)
{
	const char *w;

	if (!job.from_stdin && *job.args != NULL && strcmp(*job.args, "-") == 0)
		job.from_stdin = true;
	w = job.from_stdin ? word() : *job.args;
	if (!job.from_stdin && w != NULL)
		job.args++;
	return w != NULL ? strdup(strcmp(w, ".") == 0 ? "" : w) : NULL;
}

static char *argument(void)
{
	char *w = next_word();

	if (w == NULL)
		fail("an argument is missing");
	return w;
}

/* --- the helper -------------------------------------------------------------------- */

static void start(const char *path)
{
	int ends[2];
	char **env = spawn_env_most();
	const char *const argv[] = {path, NULL};

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

static bool readable(int ms)
{
	struct pollfd p = {.fd = job.sock, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static enum token_message receive(struct blob *m)
{
	enum token_message kind;

	blob_clear(m);
	if (!readable(PATIENCE))
		unanswered("time-out");
	if (helper_receive(job.sock, LIMIT_TOKEN_MESSAGE, m) != ERR_OK)
		unanswered("closed");
	if (token_message_of(blob_view(m), &kind) != ERR_OK)
		unanswered("unknown message");
	if (kind == TOKEN_INVENTORY) {
		struct token_inventory inventory;
		enum err e = token_inventory_parse(blob_view(m), &inventory);

		if (e != ERR_OK)
			unanswered(err_text(e));
		job.inventories++;
		if (blob_copy(&job.inventory, blob_view(m)) != ERR_OK)
			fail("out of memory");
	}
	return kind;
}

/* The next message that is no inventory. */
static enum token_message answer(struct blob *m)
{
	enum token_message kind;

	do {
		kind = receive(m);
	} while (kind == TOKEN_INVENTORY);
	return kind;
}

static void show_failed(struct bytes m)
{
	struct token_failure f;
	char detail[1024];

	if (token_failed_parse(m, &f) != ERR_OK)
		unanswered("the failure makes no sense");
	printf("failed %u: %s; tries=%u flags=0x%x; %s\n", f.number, err_text(f.why), f.tries,
	    f.flags, text_escape(f.detail, detail, sizeof(detail)));
}

/* --- the inventory ------------------------------------------------------------------ */

static void each_key(tokenkey_seen *seen, void *ctx)
{
	if (!tokenkey_each(blob_view(&job.inventory), seen, ctx))
		unanswered("there is no inventory that makes sense");
}

static struct tokenkey find(const char *which)
{
	struct tokenkey out = {0};

	for (size_t i = 0; which[0] == '@' && i < job.remembered_n; i++) {
		if (strcmp(job.remembered[i].name, which + 1) == 0) {
			(void)blob_copy(&out.token, blob_view(&job.remembered[i].key.token));
			(void)blob_copy(&out.key, blob_view(&job.remembered[i].key.key));
			return out;
		}
	}
	if (!tokenkey_find(blob_view(&job.inventory), which, &out))
		fail("there is no such key");
	return out;
}

static bool show(
    void *ctx, const struct token_info *t, const struct token_key *k, unsigned i, unsigned j)
{
	char text[1024], label[1024];
	struct pubkey p;

	(void)ctx, (void)i, (void)j;
	text_escape(t->name, text, sizeof(text));
	if (k == NULL) {
		printf("token %s place=%.*s serial=%.*s firmware=%.*s kind=%d flags=0x%x tries=%u "
		       "parallel=%u keys=%u\n",
		    text, (int)t->place.len, (const char *)t->place.data, (int)t->serial.len,
		    (const char *)t->serial.data, (int)t->firmware.len,
		    (const char *)t->firmware.data, (int)t->type, t->flags, t->tries, t->parallel,
		    t->count);
		return false;
	}
	text_escape(k->label, label, sizeof(label));
	if (pubkey_parse(k->public, &p) != ERR_OK)
		unanswered("a key is malformed");
	printf("key %s/%s %s %u slot=%.*s flags=0x%x\n", text, label, p.type->name, pubkey_bits(&p),
	    (int)k->slot.len, (const char *)k->slot.data, k->flags);
	return false;
}

static bool show_key(
    void *ctx, const struct token_info *t, const struct token_key *k, unsigned i, unsigned j)
{
	struct builder b = {0};
	struct pubkey p;

	(void)ctx, (void)i, (void)j;
	if (k == NULL)
		return false;
	if (pubkey_parse(k->public, &p) != ERR_OK)
		unanswered("a key is malformed");
	base64_encode(k->public, &b);
	printf("%s %.*s %.*s/%.*s\n", p.type->name, (int)b.len, (const char *)b.data,
	    (int)t->name.len, (const char *)t->name.data, (int)k->label.len,
	    (const char *)k->label.data);
	builder_clear(&b);
	return false;
}

struct name_of {
	struct token_ref ref;
	bool found;
};

static bool show_name(
    void *ctx, const struct token_info *t, const struct token_key *k, unsigned i, unsigned j)
{
	struct name_of *n = ctx;

	(void)i, (void)j;
	if (k == NULL || !bytes_equal(t->id, n->ref.token) || !bytes_equal(k->id, n->ref.key))
		return false;
	printf("selected %.*s/%.*s\n", (int)t->name.len, (const char *)t->name.data,
	    (int)k->label.len, (const char *)k->label.data);
	n->found = true;
	return true;
}

/* --- signatures ---------------------------------------------------------------------- */

static void read_data(const char *path, struct blob *out)
{
	FILE *f = fopen(path, "re");

	if (f == NULL || fd_read_file(fileno(f), LIMIT_MESSAGE, out) != ERR_OK)
		fail("the file cannot be read");
	fclose(f);
}

struct wanted {
	char *algorithm, *file, *out, *pin;
	struct tokenkey key;
};

static void ask_sign(const struct wanted *want)
{
	struct blob data = {0};
	struct builder b = {0};
	struct token_sign m = {
	    .number = ++job.number,
	    .token = blob_view(&want->key.token),
	    .key = blob_view(&want->key.key),
	    .algorithm = bytes_str(want->algorithm),
	    .pin = bytes_str(want->pin),
	    .flags = job.flags,
	};

	read_data(want->file, &data);
	m.data = blob_view(&data);
	token_sign_build(&b, &m);
	send_request(&b);
	blob_clear(&data);
}

/* The answer to one of the requests from first on; OUT, or OUT.N of several. */
static void take_signed(const struct wanted *want, uint32_t first, bool several)
{
	struct blob m = {0};
	struct token_signed s;
	enum token_message kind = answer(&m);
	char path[4096];

	if (kind == TOKEN_FAILED) {
		show_failed(blob_view(&m));
	} else if (kind != TOKEN_SIGNED || token_signed_parse(blob_view(&m), &s) != ERR_OK ||
		   s.number < first || s.number > job.number) {
		unanswered("the answer makes no sense");
	} else {
		snprintf(
		    path, sizeof(path), several ? "%s.%u" : "%s", want->out, s.number - first + 1);
		if (!tokenkey_save(&s, path))
			fail("the signature cannot be written");
		printf("signed\n");
	}
	blob_clear(&m);
}

static void ask_and_take(bool burst)
{
	struct wanted want = {0};
	int n = burst ? atoi(argument()) : 1;
	char *which = argument();
	uint32_t first = job.number + 1;

	want.algorithm = argument();
	want.file = argument();
	want.out = argument();
	want.pin = burst ? strdup("") : argument();
	want.key = find(which);
	for (int i = 0; i < n && i < BURST_MOST; i++)
		ask_sign(&want);
	for (int i = 0; i < n && i < BURST_MOST; i++)
		take_signed(&want, first, burst);
	tokenkey_clear(&want.key);
	free(want.algorithm);
	free(want.file);
	free(want.out);
	free(want.pin);
	free(which);
}

static void run_sign(void)
{
	ask_and_take(false);
}

static void run_burst(void)
{
	ask_and_take(true);
}

/* --- other commands -------------------------------------------------------------------- */

static void open_with(uint32_t flags)
{
	char *path = argument();
	struct token_open m = {.path = bytes_str(path), .flags = flags};
	struct builder b = {0};
	struct blob got = {0};
	enum token_message kind;

	token_open_build(&b, &m);
	send_request(&b);
	kind = receive(&got);
	if (kind == TOKEN_FAILED)
		show_failed(blob_view(&got));
	else if (kind != TOKEN_INVENTORY)
		unanswered("the answer makes no sense");
	blob_clear(&got);
	free(path);
}

static void run_open(void)
{
	open_with(0);
}

static void run_open_network(void)
{
	open_with(TOKEN_OPEN_NETWORK);
}

static void run_resolve(void)
{
	char *name = argument();
	struct builder b = {0};
	struct blob got = {0};
	struct bytes path;

	token_resolve_build(&b, bytes_str(name));
	send_request(&b);
	if (answer(&got) == TOKEN_FAILED)
		show_failed(blob_view(&got));
	else if (token_resolved_parse(blob_view(&got), &path) != ERR_OK)
		unanswered("the answer makes no sense");
	else
		printf("resolved %.*s\n", (int)path.len, (const char *)path.data);
	blob_clear(&got);
	free(name);
}

/* The first half of a selection: it is asked for. */
static void run_begin(void)
{
	char *uri = argument(), *pin = argument();
	struct token_select m = {++job.number, bytes_str(uri), bytes_str(pin), job.flags};
	struct builder b = {0};

	token_select_build(&b, &m);
	send_request(&b);
	free(uri);
	free(pin);
}

static void run_select(void)
{
	struct blob got = {0};
	uint32_t number, count;
	struct reader refs;
	struct name_of n;

	run_begin();
	if (answer(&got) == TOKEN_FAILED) {
		show_failed(blob_view(&got));
	} else if (token_selected_parse(blob_view(&got), &number, &count, &refs) != ERR_OK ||
		   number != job.number) {
		unanswered("the answer makes no sense");
	} else {
		for (uint32_t i = 0; i < count; i++) {
			n.found = false;
			if (token_ref_next(&refs, &n.ref) != ERR_OK)
				unanswered("the answer makes no sense");
			each_key(show_name, &n);
			if (!n.found)
				unanswered("a selected key is not in the inventory");
		}
		printf("%u selected\n", count);
	}
	blob_clear(&got);
}

static void run_next(void)
{
	char *seconds = argument();
	struct blob m = {0};
	bool came = readable(atoi(seconds) * 1000);

	if (came && receive(&m) != TOKEN_INVENTORY)
		unanswered("an answer that was not asked for");
	printf("%s\n", came ? "inventory" : "none");
	blob_clear(&m);
	free(seconds);
}

static void run_remember(void)
{
	char *name = argument(), *which = argument();

	if (job.remembered_n == REMEMBERED)
		fail("that is too much to remember");
	job.remembered[job.remembered_n].key = find(which);
	snprintf(
	    job.remembered[job.remembered_n++].name, sizeof(job.remembered[0].name), "%s", name);
	free(name);
	free(which);
}

static void run_plain(const char *command)
{
	struct builder b = {0};
	char *value;

	if (strcmp(command, "logout") == 0) {
		token_logout_build(&b);
		send_request(&b);
		return;
	}
	value = argument();
	if (strcmp(command, "watch") == 0) {
		token_watch_build(&b, strcmp(value, "1") == 0);
		send_request(&b);
	} else {
		job.flags = strcmp(value, "last") == 0  ? TOKEN_LAST_TRY
			    : strcmp(value, "pad") == 0 ? TOKEN_USE_PAD
							: 0;
	}
	free(value);
}

static void run_inventory(void)
{
	each_key(show, NULL);
}

static void run_keys(void)
{
	each_key(show_key, NULL);
}

static void run_count(void)
{
	printf("%u\n", job.inventories);
}

static void run_pid(void)
{
	printf("%ld\n", (long)job.pid);
}

/* NULL: run_plain. */
static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
    {"open", run_open},
    {"open-network", run_open_network},
    {"resolve", run_resolve},
    {"select", run_select},
    {"begin", run_begin},
    {"sign", run_sign},
    {"burst", run_burst},
    {"inventory", run_inventory},
    {"keys", run_keys},
    {"next", run_next},
    {"remember", run_remember},
    {"count", run_count},
    {"pid", run_pid},
    {"logout", NULL},
    {"watch", NULL},
    {"flags", NULL},
};

static void run(const char *command)
{
	size_t i = 0, n = sizeof(commands) / sizeof(commands[0]);

	while (i < n && strcmp(commands[i].name, command) != 0)
		i++;
	if (i == n)
		fail("unknown command");
	if (commands[i].run != NULL)
		commands[i].run();
	else
		run_plain(command);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char *command;

	if (argc < 3)
		fail("usage: token PROGRAM COMMAND... [-]");
	job.args = argv + 2;
	start(argv[1]);
	while ((command = next_word()) != NULL) {
		run(command);
		free(command);
	}
	for (size_t i = 0; i < job.remembered_n; i++)
		tokenkey_clear(&job.remembered[i].key);
	blob_clear(&job.inventory);
	close(job.sock);
	waitpid(job.pid, NULL, 0);
	return 0;
}
