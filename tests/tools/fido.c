/*
 * fido [-p PIN] [-P LIBRARY] COMMAND...
 *
 * One request to signet-fido, as the agent's core makes it; prints what comes back, a fact a line:
 *
 *   list, watch                    "device INSTANCE hid|card PATH" each, then "end"
 *   probe PATH [KEYFILE...]        "abilities 0xN tries N N", "no|yes|hidden" for each key
 *   choose PATH...                 "chosen PATH"
 *   sign PATH KEYFILE FILE         "signed flags=0xN counter=N"; FILE.sig is what ssh-keygen -Y
 * sign would make; namespace "test" resident PATH                  "key TYPE APPLICATION flags=0xN
 * USER", OUT.N a key file of each with -o OUT resolve LIBRARY, load LIBRARY  "resolved PATH",
 * "loaded 0xN" raw HEX                        whatever comes
 *
 * or "failed: REASON; tries=N; DETAIL", or "ended without an answer" and how.  A line "c" on
 * standard input sends FIDO_CANCEL, "h" hangs up.  With -P the device's PATH is left empty.
 * Exit status: 0 an answer, 1 a failure, 3 no answer.
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
#include "proto/fidomsg.h"
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"
#include "tests/support/skfile.h"

enum { PATIENCE = 90000 };
enum { ANSWERED = 0, FAILED = 1, UNANSWERED = 3 };

static struct {
	const char *pin;
	const char *library;
	const char *out;
	char **args;
	int n;
	struct builder memory; /* of the key */
	struct skfile key;
	struct builder signed_data;
} job;

static void fail(const char *what)
{
	fprintf(stderr, "fido: %s\n", what);
	exit(2);
}

static const char *argument(int i)
{
	if (i >= job.n)
		fail("an argument is missing");
	return job.args[i];
}

/* --- requests ----------------------------------------------------------------- */

static void read_key(const char *path, struct builder *memory, struct skfile *key)
{
	if (!skfile_read(path, memory, key))
		fail("the key file cannot be read");
}

static void put_probe(struct builder *b)
{
	size_t mark;

	fido_probe_open(b, bytes_str(argument(1)), (uint32_t)(job.n - 2), &mark);
	for (int i = 2; i < job.n; i++) {
		struct builder memory = {0};
		struct skfile key;

		read_key(job.args[i], &memory, &key);
		fido_credential_put(b, &key.credential);
		builder_clear(&memory);
	}
	fido_probe_close(b, mark);
}

static void put_choose(struct builder *b)
{
	struct bytes paths[FIDO_PATHS_MOST];

	for (int i = 1; i < job.n && i <= FIDO_PATHS_MOST; i++)
		paths[i - 1] = bytes_str(job.args[i]);
	fido_choose_build(b, paths, (size_t)job.n - 1);
}

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

static void put_sign(struct builder *b)
{
	struct fido_sign m = {.pin = bytes_str(job.pin), .provider = bytes_str(job.library)};

	read_key(argument(2), &job.memory, &job.key);
	put_signed_data(&job.signed_data, argument(3));
	m.path = m.provider.len != 0 ? BYTES_NONE : bytes_str(argument(1));
	m.key = job.key.credential;
	m.data = builder_view(&job.signed_data);
	fido_sign_build(b, &m);
}

static void put_resident(struct builder *b)
{
	struct fido_resident m = {.pin = bytes_str(job.pin), .provider = bytes_str(job.library)};

	m.path = m.provider.len != 0 ? BYTES_NONE : bytes_str(argument(1));
	fido_resident_build(b, &m);
}

static void put_raw(struct builder *b)
{
	size_t mark = builder_open(b);
	unsigned byte;

	for (const char *p = argument(1); sscanf(p, "%2x", &byte) == 1; p += 2)
		builder_u8(b, (uint8_t)byte);
	builder_close(b, mark);
}

static void put_request(struct builder *b)
{
	const char *command = argument(0);

	if (strcmp(command, "list") == 0)
		fido_plain_build(b, FIDO_LIST);
	else if (strcmp(command, "watch") == 0)
		fido_plain_build(b, FIDO_WATCH);
	else if (strcmp(command, "probe") == 0)
		put_probe(b);
	else if (strcmp(command, "choose") == 0)
		put_choose(b);
	else if (strcmp(command, "sign") == 0)
		put_sign(b);
	else if (strcmp(command, "resident") == 0)
		put_resident(b);
	else if (strcmp(command, "resolve") == 0)
		fido_text_build(b, FIDO_RESOLVE, bytes_str(argument(1)));
	else if (strcmp(command, "load") == 0)
		fido_text_build(b, FIDO_LOAD, bytes_str(argument(1)));
	else if (strcmp(command, "raw") == 0)
		put_raw(b);
	else
		fail("unknown command");
}

/* --- answers ------------------------------------------------------------------ */

static int show_devices(struct bytes m)
{
	struct fido_device d[FIDO_PATHS_MOST];
	size_t n;

	if (fido_devices_parse(m, d, &n) != ERR_OK)
		return UNANSWERED;
	for (size_t i = 0; i < n; i++)
		printf("device %llu %s %.*s\n", (unsigned long long)d[i].instance,
		    d[i].transport == FIDO_HID ? "hid" : "card", (int)d[i].path.len,
		    (const char *)d[i].path.data);
	printf("end\n");
	return ANSWERED;
}

static int show_probed(struct bytes m)
{
	static const char *const words[] = {"no", "yes", "hidden"};
	struct fido_info info;
	struct bytes held;

	if (fido_probed_parse(m, &info, &held) != ERR_OK)
		return UNANSWERED;
	printf("abilities 0x%x tries %d %d\n", info.abilities, info.pin_tries, info.uv_tries);
	for (size_t i = 0; i < held.len; i++)
		printf("%s\n", words[held.data[i]]);
	return ANSWERED;
}

/* The signature's fields (OpenSSH's PROTOCOL.u2f). */
static void put_signature(struct builder *b, const struct fido_signed *s)
{
	size_t mark = builder_open(b), inner;

	builder_cstring(b, skfile_type(job.key.credential.algorithm));
	if (job.key.credential.algorithm == FIDO_ECDSA) {
		inner = builder_open(b);
		builder_mpint(b, s->r);
		builder_mpint(b, s->s);
		builder_close(b, inner);
	} else {
		builder_string(b, s->r);
	}
	builder_u8(b, s->flags);
	builder_u32(b, s->counter);
	builder_close(b, mark);
}

static void save_signature(const struct fido_signed *s)
{
	struct builder b = {0}, text = {0};
	char path[4096];
	size_t mark;

	builder_put(&b, BYTES("SSHSIG\0\0\0\1", 10));
	mark = builder_open(&b);
	skfile_public(&b, &job.key);
	builder_close(&b, mark);
	builder_cstring(&b, "test");
	builder_cstring(&b, "");
	builder_cstring(&b, "sha512");
	put_signature(&b, s);
	builder_put(&text, bytes_str("-----BEGIN SSH SIGNATURE-----\n"));
	base64_encode(builder_view(&b), &text);
	builder_put(&text, bytes_str("\n-----END SSH SIGNATURE-----\n"));
	snprintf(path, sizeof(path), "%s.sig", argument(3));
	if (builder_error(&text) != ERR_OK || !skfile_save(path, builder_view(&text)))
		fail("the signature cannot be written");
	builder_clear(&b);
	builder_clear(&text);
}

static int show_signed(struct bytes m)
{
	struct fido_signed s;

	if (fido_signed_parse(m, &s) != ERR_OK)
		return UNANSWERED;
	printf("signed flags=0x%02x counter=%u\n", s.flags, s.counter);
	save_signature(&s);
	return ANSWERED;
}

static int show_keys(struct bytes m)
{
	struct reader r;
	struct fido_key k;
	uint32_t n;

	if (fido_keys_parse(m, &r, &n) != ERR_OK)
		return UNANSWERED;
	for (uint32_t i = 0; i < n && fido_key_next(&r, &k) == ERR_OK; i++) {
		struct skfile key = {k.credential, k.public};
		char path[4096];

		printf("key %s %.*s flags=0x%02x %.*s %.*s\n", skfile_type(k.credential.algorithm),
		    (int)k.credential.application.len, (const char *)k.credential.application.data,
		    k.credential.flags, (int)k.user_id.len, (const char *)k.user_id.data,
		    (int)k.user_name.len, (const char *)k.user_name.data);
		snprintf(path, sizeof(path), "%s.%u", job.out, i);
		if (job.out[0] != '\0' && !skfile_write(path, &key))
			fail("a key cannot be written");
	}
	printf("%u keys\n", n);
	return ANSWERED;
}

static int show_text(struct bytes m, enum fido_kind kind)
{
	uint32_t version;
	struct bytes text;

	if (kind == FIDO_LOADED && fido_loaded_parse(m, &version) == ERR_OK) {
		printf("loaded 0x%08x\n", version);
		return ANSWERED;
	}
	if (kind == FIDO_LOADED || fido_text_parse(m, kind, &text) != ERR_OK)
		return UNANSWERED;
	printf("%s %.*s\n", kind == FIDO_CHOSEN ? "chosen" : "resolved", (int)text.len,
	    (const char *)text.data);
	return ANSWERED;
}

static int show_failed(struct bytes m)
{
	struct fido_failure f;

	if (fido_failed_parse(m, &f) != ERR_OK)
		return UNANSWERED;
	printf("failed: %s; tries=%d; %.*s\n", err_text(f.why), f.tries, (int)f.detail.len,
	    (const char *)f.detail.data);
	return FAILED;
}

static int show(struct bytes m)
{
	enum fido_kind kind;

	if (fido_kind_of(m, &kind) != ERR_OK)
		return UNANSWERED;
	switch (kind) {
	case FIDO_DEVICES:
		return show_devices(m);
	case FIDO_PROBED:
		return show_probed(m);
	case FIDO_SIGNED:
		return show_signed(m);
	case FIDO_KEYS:
		return show_keys(m);
	case FIDO_CHOSEN:
	case FIDO_RESOLVED:
	case FIDO_LOADED:
		return show_text(m, kind);
	case FIDO_FAILED:
		return show_failed(m);
	default:
		return UNANSWERED;
	}
}

/* --- the helper --------------------------------------------------------------- */

static pid_t start_helper(int sock)
{
	static const char *const argv[] = {"signet-fido", NULL};
	char path[4096];
	const char *build = getenv("BUILD");
	char **env = spawn_env(NULL);
	const struct spawn_fd fds[] = {{sock, HELPER_FD}, {STDERR_FILENO, STDERR_FILENO}};
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

	snprintf(path, sizeof(path), "%s/libexec/signet/signet-fido", build != NULL ? build : "");
	if (env == NULL || spawn(&args, &pid) != ERR_OK)
		fail("the helper cannot be started; is BUILD set?");
	spawn_env_free(env);
	return pid;
}

/* Show what has arrived whole, and keep the rest. */
static int take_frames(struct builder *in, int result)
{
	struct bytes content;

	while (frame_next(builder_view(in), LIMIT_FIDO_ANSWER, &content) == FRAME_READY) {
		size_t used = FRAME_HEADER + content.len;

		result = show(content);
		fflush(stdout);
		memmove(in->data, in->data + used, in->len - used);
		in->len -= used;
	}
	return result;
}

static void take_order(int *sock, bool *listen)
{
	struct builder b = {0};
	char c;

	if (read(STDIN_FILENO, &c, 1) != 1) {
		*listen = false;
	} else if (c == 'h') {
		fd_close(sock);
	} else if (c == 'c') {
		fido_plain_build(&b, FIDO_CANCEL);
		fd_write_all(*sock, builder_view(&b), PATIENCE);
		builder_clear(&b);
	}
}

/* Until the helper ends, or is hung up on. */
static int converse(int *sock)
{
	struct builder in = {0};
	bool listen = !isatty(STDIN_FILENO);
	int result = UNANSWERED;

	while (*sock != -1) {
		struct pollfd fds[] = {{.fd = *sock, .events = POLLIN},
		    {.fd = listen ? STDIN_FILENO : -1, .events = POLLIN}};
		uint8_t part[65536];
		ssize_t n;

		if (poll(fds, 2, PATIENCE) <= 0)
			fail("no answer in time");
		if (fds[1].revents != 0)
			take_order(sock, &listen);
		if (fds[0].revents == 0)
			continue;
		n = read(*sock, part, sizeof(part));
		if (n <= 0)
			break;
		builder_put(&in, BYTES(part, (size_t)n));
		result = take_frames(&in, result);
	}
	builder_clear(&in);
	return result;
}

int main(int argc, char **argv)
{
	struct builder b = {0};
	int socks[2], option, status, result;
	pid_t helper;

	job.pin = job.library = job.out = "";
	while ((option = getopt(argc, argv, "p:P:o:")) != -1) {
		if (option == 'p')
			job.pin = optarg;
		else if (option == 'P')
			job.library = optarg;
		else if (option == 'o')
			job.out = optarg;
		else
			fail("unknown option");
	}
	job.args = argv + optind;
	job.n = argc - optind;
	if (crypto_start() != ERR_OK)
		fail("no cryptography");
	put_request(&b);
	if (builder_error(&b) != ERR_OK ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) != 0)
		fail("no memory");
	helper = start_helper(socks[1]);
	fd_close(&socks[1]);
	if (fd_write_all(socks[0], builder_view(&b), PATIENCE) != ERR_OK)
		fail("the helper does not listen");
	result = converse(&socks[0]);
	waitpid(helper, &status, 0);
	if (result == UNANSWERED && WIFSIGNALED(status))
		printf("ended without an answer: signal %d\n", WTERMSIG(status));
	else if (result == UNANSWERED)
		printf("ended without an answer: status %d\n", WEXITSTATUS(status));
	fd_close(&socks[0]);
	builder_clear(&b);
	builder_clear(&job.memory);
	builder_clear(&job.signed_data);
	return result;
}
