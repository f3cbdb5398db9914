/*
 * cards
 *
 * Talks to signet-card as the core does, and prints what it says, as it says it.  A line on
 * standard input is a request, and the end of that hangs up:
 *
 *   sign SLOT ALGORITHM FILE [PIN [FLAGS]]    with the key of this slot that was told of last;
 *       FILE.sig is what ssh-keygen -Y sign would make, namespace "test", FILE.pub the key
 *   select URI [PIN [FLAGS]]
 *   logout, open, raw HEX; quit: hang up
 *
 * PIN "-" is none; FLAGS is enum token_request_flag.  What comes:
 *
 *   "token KIND NAME; place=... serial=... firmware=... flags=0xN tries=N id=HEX", "key SLOT TYPE
 *   flags=0xN LABEL" each, then "inventory N TROUBLE"; "signed NUMBER"; "selected NUMBER SLOT...",
 *   "failed NUMBER WHY; tries=N flags=0xN DETAIL"
 *
 * TOKEN_OPEN is sent at the start.  Exit status: the helper's, 128 and more for a signal.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "proto/base/fdio.h"
#include "proto/base/spawn.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "proto/tokenmsg.h"

enum { PATIENCE = 90000, REQUESTS = 4096, LINE = 1024 };

static struct {
	int sock;
	struct builder in;
	struct blob inventory; /* the last one */
	uint32_t number;
	/* What each request was for. */
	char file[REQUESTS][256];
	char algorithm[REQUESTS][64];
	struct blob public[REQUESTS];
} job;

static void fail(const char *what)
{
	fprintf(stderr, "cards: %s\n", what);
	exit(2);
}

static void send_frame(struct builder *b)
{
	if (builder_error(b) != ERR_OK ||
	    fd_write_all(job.sock, builder_view(b), PATIENCE) != ERR_OK)
		fail("the helper does not listen");
	builder_clear(b);
}

/* --- what comes --------------------------------------------------------------------- */

static void print_hex(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		printf("%02x", b.data[i]);
}

static void show_token(struct token_info *t)
{
	struct token_key k;

	printf("token %s %.*s; place=%.*s serial=%.*s firmware=%.*s flags=0x%x tries=%d id=",
	    token_type_name(t->type), (int)t->name.len, (const char *)t->name.data,
	    (int)t->place.len, (const char *)t->place.data, (int)t->serial.len,
	    (const char *)t->serial.data, (int)t->firmware.len, (const char *)t->firmware.data,
	    t->flags, t->tries);
	print_hex(t->id);
	printf("\n");
	while (t->count-- > 0 && token_key_next(&t->keys, &k) == ERR_OK) {
		struct pubkey p;

		if (pubkey_parse(k.public, &p) != ERR_OK)
			fail("a key is none");
		printf("key %.*s %s flags=0x%x %.*s\n", (int)k.slot.len, (const char *)k.slot.data,
		    p.type->name, k.flags, (int)k.label.len, (const char *)k.label.data);
	}
}

static void show_inventory(struct bytes m)
{
	struct token_inventory inventory;
	struct token_info t;

	if (token_inventory_parse(m, &inventory) != ERR_OK)
		fail("the inventory is malformed");
	for (uint32_t i = 0; i < inventory.count; i++) {
		if (token_info_next(&inventory.tokens, &t) != ERR_OK)
			fail("a token is malformed");
		show_token(&t);
	}
	printf("inventory %u %s\n", inventory.count, err_text(inventory.trouble));
	if (blob_copy(&job.inventory, m) != ERR_OK)
		fail("no memory");
}

/* The key with this id, or of this slot, in the last inventory. */
static bool find_key(struct bytes slot, struct bytes id, struct token_info *t, struct token_key *k)
{
	struct token_inventory inventory;

	if (job.inventory.len == 0 ||
	    token_inventory_parse(blob_view(&job.inventory), &inventory) != ERR_OK)
		return false;
	while (inventory.count-- > 0 && token_info_next(&inventory.tokens, t) == ERR_OK) {
		struct reader keys = t->keys;

		for (uint32_t i = 0; i < t->count && token_key_next(&keys, k) == ERR_OK; i++) {
			if (slot.len != 0 ? bytes_equal(slot, k->slot) : bytes_equal(id, k->id))
				return true;
		}
	}
	return false;
}

static void save(const char *name, const char *suffix, struct bytes content)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", name, suffix);
	f = fopen(path, "we");
	if (f == NULL || fwrite(content.data, 1, content.len, f) != content.len || fclose(f) != 0)
		fail("a file cannot be written");
}

static void put_signature(struct builder *b, const struct token_signed *s)
{
	size_t mark = builder_open(b), inner;

	builder_cstring(b, job.algorithm[s->number]);
	if (s->s.len != 0) {
		inner = builder_open(b);
		builder_mpint(b, s->r);
		builder_mpint(b, s->s);
		builder_close(b, inner);
	} else {
		builder_string(b, s->r);
	}
	builder_close(b, mark);
}

static void show_signed(struct bytes m)
{
	struct builder b = {0}, text = {0};
	struct token_signed s;
	struct pubkey p;

	if (token_signed_parse(m, &s) != ERR_OK || s.number == 0 || s.number > job.number)
		fail("an answer is malformed");
	builder_put(&b, BYTES("SSHSIG\0\0\0\1", 10));
	builder_string(&b, blob_view(&job.public[s.number]));
	builder_cstring(&b, "test");
	builder_cstring(&b, "");
	builder_cstring(&b, "sha512");
	put_signature(&b, &s);
	builder_put(&text, bytes_str("-----BEGIN SSH SIGNATURE-----\n"));
	base64_encode(builder_view(&b), &text);
	builder_put(&text, bytes_str("\n-----END SSH SIGNATURE-----\n"));
	save(job.file[s.number], ".sig", builder_view(&text));
	builder_clear(&text);
	if (pubkey_parse(blob_view(&job.public[s.number]), &p) != ERR_OK)
		fail("the key is malformed");
	builder_put(&text, bytes_str(p.type->name));
	builder_u8(&text, ' ');
	base64_encode(blob_view(&job.public[s.number]), &text);
	builder_u8(&text, '\n');
	save(job.file[s.number], ".pub", builder_view(&text));
	printf("signed %u\n", s.number);
	builder_clear(&text);
	builder_clear(&b);
}

static void show_selected(struct bytes m)
{
	uint32_t number, count;
	struct token_ref ref;
	struct token_info t;
	struct token_key k;
	struct reader refs;

	if (token_selected_parse(m, &number, &count, &refs) != ERR_OK)
		fail("an answer is malformed");
	printf("selected %u", number);
	while (count-- > 0 && token_ref_next(&refs, &ref) == ERR_OK) {
		if (!find_key(BYTES_NONE, ref.key, &t, &k))
			fail("a selected key was not told of");
		printf(" %.*s", (int)k.slot.len, (const char *)k.slot.data);
	}
	printf("\n");
}

static void show(struct bytes m)
{
	enum token_message kind;
	struct token_failure f;

	if (token_message_of(m, &kind) != ERR_OK)
		fail("the helper makes no sense");
	if (kind == TOKEN_INVENTORY) {
		show_inventory(m);
	} else if (kind == TOKEN_SIGNED) {
		show_signed(m);
	} else if (kind == TOKEN_SELECTED) {
		show_selected(m);
	} else {
		if (token_failed_parse(m, &f) != ERR_OK)
			fail("a failure is malformed");
		printf("failed %u %s; tries=%d flags=0x%x %.*s\n", f.number, err_text(f.why),
		    f.tries, f.flags, (int)f.detail.len, (const char *)f.detail.data);
	}
	fflush(stdout);
}

/* --- what is asked -------------------------------------------------------------------- */

/* What a signature of a file is made over (OpenSSH's PROTOCOL.sshsig). */
static void put_signed_data(struct builder *b, const char *file)
{
	struct blob content = {0};
	uint8_t hash[64];
	size_t n = 0;
	FILE *f = fopen(file, "re");

	if (f == NULL || fd_read_file(fileno(f), LIMIT_MESSAGE, &content) != ERR_OK ||
	    crypto_hash(HASH_SHA512, blob_view(&content), hash, &n) != ERR_OK)
		fail("the file cannot be read");
	fclose(f);
	builder_put(b, BYTES("SSHSIG", 6));
	builder_cstring(b, "test");
	builder_cstring(b, "");
	builder_cstring(b, "sha512");
	builder_string(b, BYTES(hash, n));
	blob_clear(&content);
}

static const char *word(char **rest)
{
	const char *w = strtok_r(NULL, " ", rest);

	return w != NULL && strcmp(w, "-") != 0 ? w : "";
}

static void ask_signature(char **rest)
{
	struct builder data = {0}, b = {0};
	const char *slot = word(rest), *algorithm = word(rest), *file = word(rest),
		   *pin = word(rest);
	uint32_t n = ++job.number;
	struct token_info t;
	struct token_key k;

	if (n >= REQUESTS || !find_key(bytes_str(slot), BYTES_NONE, &t, &k)) {
		printf("no key\n");
		fflush(stdout);
		return;
	}
	snprintf(job.file[n], sizeof(job.file[n]), "%s", file);
	snprintf(job.algorithm[n], sizeof(job.algorithm[n]), "%s", algorithm);
	put_signed_data(&data, file);
	if (blob_copy(&job.public[n], k.public) != ERR_OK)
		fail("no memory");
	token_sign_build(&b, &(struct token_sign){.number = n,
				 .token = t.id,
				 .key = k.id,
				 .algorithm = bytes_str(algorithm),
				 .data = builder_view(&data),
				 .pin = bytes_str(pin),
				 .flags = (uint32_t)strtoul(word(rest), NULL, 0)});
	send_frame(&b);
	builder_clear(&data);
}

/* False: there is to be no more. */
static bool ask(char *line)
{
	struct builder b = {0};
	char *rest;
	const char *verb = strtok_r(line, " ", &rest);
	unsigned byte;

	if (verb == NULL)
		return true;
	if (strcmp(verb, "quit") == 0)
		return false;
	if (strcmp(verb, "sign") == 0) {
		ask_signature(&rest);
		return true;
	}
	if (strcmp(verb, "select") == 0) {
		struct token_select m = {.number = ++job.number};

		m.uri = bytes_str(word(&rest));
		m.pin = bytes_str(word(&rest));
		m.flags = (uint32_t)strtoul(word(&rest), NULL, 0);
		token_select_build(&b, &m);
	} else if (strcmp(verb, "logout") == 0) {
		token_logout_build(&b);
	} else if (strcmp(verb, "open") == 0) {
		token_open_build(&b, &(struct token_open){0});
	} else if (strcmp(verb, "raw") == 0) {
		size_t mark = builder_open(&b);

		for (const char *p = word(&rest); sscanf(p, "%2x", &byte) == 1; p += 2)
			builder_u8(&b, (uint8_t)byte);
		builder_close(&b, mark);
	} else {
		fail("unknown request");
	}
	send_frame(&b);
	return true;
}

/* --- the helper ----------------------------------------------------------------------- */

static pid_t start_helper(int sock)
{
	static const char *const argv[] = {"signet-card", NULL};
	const char *build = getenv("BUILD");
	const struct spawn_fd fds[] = {{sock, HELPER_FD}, {STDERR_FILENO, STDERR_FILENO}};
	char **env = spawn_env(NULL), path[4096];
	struct spawn_args args = {
	    .path = path,
	    .argv = argv,
	    .env = (const char *const *)env,
	    .fds = fds,
	    .nfds = 2,
	    .new_session = true,
	    .die_with_parent = true,
	};
	pid_t pid = 0;

	snprintf(path, sizeof(path), "%s/libexec/signet/signet-card", build != NULL ? build : "");
	if (env == NULL || spawn(&args, &pid) != ERR_OK)
		fail("the helper cannot be started; is BUILD set?");
	spawn_env_free(env);
	return pid;
}

/* Show what has arrived whole, and keep the rest; false: the helper has ended. */
static bool take_frames(void)
{
	struct bytes content;
	uint8_t part[65536];
	ssize_t n = read(job.sock, part, sizeof(part));

	if (n <= 0)
		return false;
	builder_put(&job.in, BYTES(part, (size_t)n));
	while (frame_next(builder_view(&job.in), LIMIT_TOKEN_MESSAGE, &content) == FRAME_READY) {
		size_t used = FRAME_HEADER + content.len;

		show(content);
		memmove(job.in.data, job.in.data + used, job.in.len - used);
		job.in.len -= used;
	}
	return true;
}

static bool take_lines(void)
{
	static char line[LINE];
	static size_t used;
	ssize_t n = read(STDIN_FILENO, line + used, sizeof(line) - 1 - used);
	char *end;

	if (n <= 0)
		return false;
	used += (size_t)n;
	line[used] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		if (!ask(line))
			return false;
		used -= (size_t)(end + 1 - line);
		memmove(line, end + 1, used + 1);
	}
	return true;
}

int main(void)
{
	struct builder b = {0};
	int socks[2], status;
	bool lives = true;
	pid_t helper;

	if (crypto_start() != ERR_OK ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) != 0)
		fail("nothing to begin with");
	job.sock = socks[0];
	helper = start_helper(socks[1]);
	fd_close(&socks[1]);
	printf("helper %d\n", (int)helper);
	fflush(stdout);
	token_open_build(&b, &(struct token_open){0});
	send_frame(&b);
	while (lives) {
		struct pollfd fds[] = {
		    {.fd = job.sock, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0)
			fail("poll");
		if (fds[0].revents != 0)
			lives = take_frames();
		else if (fds[1].revents != 0)
			lives = take_lines();
	}
	fd_close(&job.sock);
	waitpid(helper, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
