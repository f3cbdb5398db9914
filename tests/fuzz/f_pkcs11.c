/*
 * signet-pkcs11's own work between a hostile agent and a hostile module: requests that follow each
 * other, and a module that shows two tokens with keys and answers as PKCS#11 wants it, but for
 * those answers that the input bends (other codes, lengths, counts, bytes; a token that comes and
 * goes).  An input is a list of steps, a byte each with its arguments; which of the module's
 * answers become other ones is a script of its own at the input's end.
 *
 * What a module writes where it must not is its own process's end; so its writes are all honest.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keystore/crypto.h"
#include "keystore/key.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/fuzz/hostile_module.h"
#include "tokens/pkcs11/select.h"
#include "tokens/pkcs11/sign.h"
#include "tokens/pkcs11/slots.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { STEPS_MOST = 40 };

static uint8_t blob[51];
static int ends[2];
static struct outlet *outlet;

static uint8_t step_byte(void)
{
	uint8_t byte = 0;

	(void)reader_u8(&hm.steps, &byte);
	return byte;
}

/* --- what goes to the agent ------------------------------------------------------------ */

#define DATA "what is to be signed"

static void check_signed(const struct token_signed *m)
{
	struct builder b = {0};

	builder_cstring(&b, "ssh-ed25519");
	builder_string(&b, m->r);
	fuzz_require(
	    key_verify(BYTES(blob, sizeof(blob)), bytes_str(DATA), builder_view(&b)) == ERR_OK,
	    "what a module made of a signature is looked at");
	builder_clear(&b);
	/* With a PIN for a token of which another was pulled out, or it itself and came back. */
	fuzz_plant(hm.pulled && hm.entered != 0);
}

static void check_message(struct bytes message)
{
	struct token_inventory inventory;
	struct token_failure failure;
	struct token_signed done;
	struct reader refs;
	uint32_t number, count;

	if (token_signed_parse(message, &done) == ERR_OK)
		check_signed(&done);
	else
		fuzz_require(token_inventory_parse(message, &inventory) == ERR_OK ||
				 token_selected_parse(message, &number, &count, &refs) == ERR_OK ||
				 token_failed_parse(message, &failure) == ERR_OK,
		    "the core understands what it is told");
}

static void check_frames(struct bytes all)
{
	struct bytes message;

	while (all.len != 0) {
		fuzz_require(frame_next(all, LIMIT_TOKEN_MESSAGE, &message) == FRAME_READY,
		    "whole frames are sent");
		check_message(message);
		all = BYTES(message.data + message.len, all.len - FRAME_HEADER - message.len);
	}
}

/* All that was said. */
static void hear(void)
{
	static uint8_t room[256 * 1024];
	ssize_t n = recv(ends[1], room, sizeof(room), MSG_DONTWAIT);

	if (n > 0)
		check_frames(BYTES(room, n));
}

static void answer(struct builder *b, enum err e, const struct fault *f)
{
	fuzz_require(memchr(f->detail, '\0', sizeof(f->detail)) != NULL, "details end");
	if (e == ERR_OK)
		check_frames(builder_view(b));
	builder_clear(b);
	fuzz_require(hm.wrong <= 1, "a PIN costs one try");
	fuzz_require(hm.unasked == 0, "the last try is spent by who was told that it is");
}

/* --- steps --------------------------------------------------------------------------------- */

static void begin_request(uint32_t flags)
{
	hm.wrong = hm.entered = hm.unasked = 0;
	hm.last_try = (flags & TOKEN_LAST_TRY) != 0;
}

static struct bytes some_pin(uint8_t which)
{
	static const char *const pins[] = {"", "1234", "9999", "1234"};

	return bytes_str(pins[which % 4]);
}

static void step_select(struct world *w)
{
	static const char *const uris[] = {"", "pkcs11:", "pkcs11:token=a%20token",
	    "pkcs11:object=a%20key", "pkcs11:serial=0", "pkcs11:id=one;type=private",
	    "pkcs11:id=%zz", "no uri"};
	uint8_t how = step_byte();
	struct token_select m = {.number = 1,
	    .uri = bytes_str(uris[how % 8]),
	    .pin = some_pin(how >> 3),
	    .flags = how >> 5 & TOKEN_REQUEST_FLAGS};
	struct fault f = {.tries = TOKEN_TRIES_UNKNOWN};
	struct builder b = {0};
	enum err e;

	begin_request(m.flags);
	e = select_run(w, &m, &b, &f);
	(void)inventory_tell(w);
	answer(&b, e, &f);
}

static void step_sign(struct world *w)
{
	static const char *const algorithms[] = {
	    "ssh-ed25519", "ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp256"};
	uint8_t how = step_byte(), which = step_byte();
	struct token *t = w->tokens;
	struct fault f = {.tries = TOKEN_TRIES_UNKNOWN};
	struct builder b = {0};
	struct blob token = {0}, key = {0};
	struct token_sign m = {.number = 2, .data = bytes_str(DATA)};
	enum err e;

	m.algorithm = bytes_str(algorithms[which % 4]);
	m.pin = some_pin(how);
	m.flags = how >> 2 & TOKEN_REQUEST_FLAGS;
	if ((which & 4) != 0 && t != NULL)
		t = t->next;
	if (t != NULL && t->keys != NULL) {
		const struct key *k =
		    (which & 8) != 0 && t->keys->next != NULL ? t->keys->next : t->keys;

		(void)blob_copy(&token, blob_view(&t->id));
		(void)blob_copy(&key, blob_view(&k->id));
	}
	m.token = blob_view(&token);
	m.key = blob_view(&key);
	begin_request(m.flags);
	e = sign_run(w, &m, &b, &f);
	(void)inventory_tell(w);
	answer(&b, e, &f);
	blob_clear(&token);
	blob_clear(&key);
}

/* As run_logout in main.c. */
static void step_logout(struct world *w)
{
	w->logouts++;
	module_enter(&w->module);
	for (struct token *t = w->tokens; t != NULL; t = t->next)
		login_expire(w, t);
	module_leave(&w->module);
	(void)inventory_tell(w);
}

static void step(struct world *w, uint8_t what)
{
	switch (what % 8) {
	case 0:
		step_select(w);
		break;
	case 1:
	case 2:
	case 3:
		step_sign(w);
		break;
	case 4:
		step_logout(w);
		break;
	case 5:
		what = step_byte();
		hm.absent[what & 1] = (what & 2) != 0;
		hm.pulled = hm.pulled || hm.absent[what & 1];
		hm.logged[what & 1] = hm.logged[what & 1] && (what & 4) != 0;
		break;
	case 6:
		what = step_byte();
		hm.flags[what & 1] = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED |
				     ((what & 2) != 0 ? CKF_LOGIN_REQUIRED : 0) |
				     ((what & 4) != 0 ? CKF_USER_PIN_FINAL_TRY : 0) |
				     ((what & 8) != 0 ? CKF_USER_PIN_COUNT_LOW : 0) |
				     ((what & 16) != 0 ? CKF_PROTECTED_AUTHENTICATION_PATH : 0) |
				     ((what & 32) != 0 ? CKF_USER_PIN_LOCKED : 0);
		break;
	default:
		slots_scan(w, (step_byte() & 1) != 0);
	}
	hear();
}

/* --- beginning and end ------------------------------------------------------------------ */

static void drop_line(enum log_level level, const char *line)
{
	(void)level;
	fuzz_touch(bytes_str(line));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[32] = "a token's private half, a secret";
	struct builder b = {0};
	size_t n = sizeof(public_half);

	(void)argc, (void)argv;
	log_to(drop_line);
	fuzz_require(crypto_start() == ERR_OK, "libcrypto starts");
	inside = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
	fuzz_require(inside != NULL && EVP_PKEY_get_raw_public_key(inside, public_half, &n) == 1,
	    "a key is made");
	builder_cstring(&b, "ssh-ed25519");
	builder_string(&b, BYTES(public_half, sizeof(public_half)));
	fuzz_require(b.len == sizeof(blob), "it is a public key");
	memcpy(blob, b.data, sizeof(blob));
	builder_clear(&b);
	fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket");
	outlet = outlet_new(ends[0]);
	fuzz_require(outlet != NULL, "there is memory");
	return 0;
}

static void world_open(struct world *w)
{
	(void)pthread_mutex_init(&w->scanning, NULL);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_mutex_init(&w->telling, NULL);
	(void)pthread_cond_init(&w->woken, NULL);
	(void)pthread_rwlock_init(&w->module.use, NULL);
	(void)pthread_mutex_init(&w->module.turn, NULL);
	w->outlet = outlet;
	w->module.f = &functions;
	w->module.threads = true;
}

static void world_close(struct world *w)
{
	while (w->tokens != NULL) {
		struct token *t = w->tokens;

		w->tokens = t->next;
		fuzz_require(t->refs == 1, "nobody keeps a token");
		token_unref(w, t);
	}
	blob_clear(&w->told);
	mem_free(w);
}

/* The first byte: how many of the input's are steps, all behind is the module's script. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = mem_alloc(sizeof(*w));
	size_t n = size == 0 ? 0 : data[0];
	uint8_t what;

	if (size == 0 || w == NULL) {
		mem_free(w);
		return 0;
	}
	n = n < size - 1 ? n : size - 1;
	hm = (struct hostile_module){
	    .steps = reader_of(BYTES(data + 1, n)),
	    .script = reader_of(BYTES(data + 1 + n, size - 1 - n)),
	    .flags = {CKF_TOKEN_INITIALIZED,
		CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED},
	    .logged = {true, false},
	};
	world_open(w);
	slots_scan(w, false);
	hear();
	for (unsigned i = 0; i < STEPS_MOST && reader_u8(&hm.steps, &what) == ERR_OK; i++)
		step(w, what);
	world_close(w);
	return 0;
}
