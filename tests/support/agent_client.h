/*
 * A client of the agent protocol for tests, which knows nothing of proto/: it
 * writes each message byte by byte, so that an error there cannot hide here.
 * Every function ends the current cmocka test when it cannot do its work.
 */
#ifndef SIGNET_TESTS_AGENT_CLIENT_H
#define SIGNET_TESTS_AGENT_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/types.h>

/* Long enough for a loaded machine; no test waits for it to pass. */
enum { REPLY_MS = 20000 };

/* Numbers of RFC 9987, section 8. */
enum {
	MSG_FAILURE = 5,
	MSG_SUCCESS = 6,
	MSG_LIST = 11,
	MSG_KEYS = 12,
	MSG_SIGN = 13,
	MSG_SIGNATURE = 14,
	MSG_ADD = 17,
	MSG_REMOVE = 18,
	MSG_REMOVE_ALL = 19,
	MSG_TOKEN_ADD = 20,
	MSG_TOKEN_REMOVE = 21,
	MSG_LOCK = 22,
	MSG_UNLOCK = 23,
	MSG_ADD_CONSTRAINED = 25,
	MSG_TOKEN_ADD_CONSTRAINED = 26,
	MSG_EXTENSION = 27,
	MSG_EXTENSION_FAILURE = 28,
	MSG_EXTENSION_RESPONSE = 29,
};

/* Bytes under construction, or received.  Zero-initialised is empty; wire_free empties it. */
struct wire {
	uint8_t *data;
	size_t len;
};

void wire_raw(struct wire *w, const void *p, size_t n);
void wire_u8(struct wire *w, uint8_t v);
void wire_u32(struct wire *w, uint32_t v);
void wire_string(struct wire *w, const void *p, size_t n);
void wire_text(struct wire *w, const char *s);
/* An unsigned big-endian number as mpint: leading zeros dropped, one put in front of a set top bit.
 */
void wire_mpint(struct wire *w, const void *p, size_t n);
void wire_free(struct wire *w);

/* The request inside body (number first) with its length field, appended to stream. */
void wire_frame(struct wire *stream, const struct wire *body);

/* Walk received bytes: the string (or number) at *pos, which moves past it. */
uint32_t wire_get_u32(const struct wire *w, size_t *pos);
struct wire wire_get_string(const struct wire *w, size_t *pos); /* a view: not to be freed */
bool wire_equal(const struct wire *a, const struct wire *b);
bool wire_is_text(const struct wire *w, const char *s);

/* An agent started for a test: its process, a private folder, and its socket. */
struct probe {
	pid_t pid;
	char dir[32];
	char path[64];
};

/* How to start it; zero-initialised is an agent with default options. */
struct probe_options {
	const char *const *arguments;   /* NULL-terminated, behind -D -a PATH */
	const char *const *environment; /* NULL-terminated NAME=VALUE, added to ours */
	unsigned long descriptors;      /* RLIMIT_NOFILE, soft and hard; 0 leaves it */
};

void probe_start(struct probe *a, const struct probe_options *options);
/* SIGTERM, wait, and remove the folder. */
void probe_end(struct probe *a);
/* Memory in use by the agent's processes together (VmRSS), in KiB. */
long probe_rss(const struct probe *a);

/* Connections.  probe_try_dial gives -1 where the agent does not take one. */
int probe_dial(const struct probe *a);
int probe_try_dial(const struct probe *a);
void probe_send(int fd, const struct wire *stream);
/* The next reply, number first, within REPLY_MS; the caller frees it. */
struct wire probe_receive(int fd);
/* True when a reply (or the connection's end) comes within ms. */
bool probe_readable(int fd, int ms);
/* The agent closes fd within REPLY_MS, with nothing more said. */
void probe_expect_closed(int fd);
/* Send body (freed here) as one request, and give back its reply. */
struct wire probe_ask(int fd, struct wire *body);
/* The same, and the reply must be the one byte given. */
void probe_expect(int fd, struct wire *body, uint8_t number);

/* Requests of a number and one string, or a number alone (text NULL), with one-byte replies. */
void probe_say(int fd, uint8_t number, const char *text, uint8_t reply);

/* Requests. */
struct wire ask_plain(uint8_t number);
struct wire ask_string(uint8_t number, const void *p, size_t n);
struct wire ask_text(uint8_t number, const char *s);
struct wire ask_token(uint8_t number, const char *token, const char *pin);
struct wire ask_sign(const struct wire *blob, const struct wire *data, uint32_t flags);
/* Constraints of an add. */
void constrain_lifetime(struct wire *w, uint32_t seconds);
void constrain_confirm(struct wire *w);
void constrain_extension(struct wire *w, const char *name);

/* Replies. */
uint32_t probe_count(int fd);                      /* how many keys it lists */
bool probe_holds(int fd, const struct wire *blob); /* this key is listed */
struct wire probe_sign(int fd, const struct wire *blob, const struct wire *data, uint32_t flags);
/* The key is listed and signs; a refusal ends the test. */
void probe_expect_works(int fd, const struct wire *blob);

/* Milliseconds of a clock that only moves forward. */
long long now_ms(void);
void pause_ms(long ms);

#endif
