/*
 * signet-fido's operations against hostile devices: what f_fidodev.c and f_nfc.c share.  An input
 * is two bytes that say what is asked of which key, and a script of what becomes of the device's
 * answers, one step an answer; those after its end stay as they are.
 *
 * The virtual authenticators are as honest as a device can be, so most of what an operation sees is
 * well-formed, and the script bends single answers of it.  Time is that of the fuzzer: a pause
 * takes none of the machine's.
 */
#ifndef SIGNET_FUZZ_HOSTILE_H
#define SIGNET_FUZZ_HOSTILE_H

#include <fido.h>
#include <string.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/virtual/fido_dev.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/op.h"

#define HOSTILE_PIN "1234"

/* With a PIN, with built-in verification, with neither, and of U2F. */
enum { HOSTILE_DEVICES = 4, HOSTILE_U2F = 3, HOSTILE_PATH = 8 };

struct hostile {
	struct authenticator *device[HOSTILE_DEVICES];
	fido_cred_t *key[HOSTILE_DEVICES][2]; /* ECDSA, Ed25519; U2F has the first only */
	struct reader script;
	unsigned patience; /* cancel_asked says yes when it was asked so often; 0: never */
	uint64_t now;
	struct op op; /* the last one, without its answer */
	enum err why; /* what became of it */
	uint8_t held[2];
};

static struct hostile hostile;

/* --- what the operations lean on ---------------------------------------------- */

static uint64_t hostile_clock(void)
{
	return hostile.now += 20;
}

/* Instead of libc's. */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)left;
	hostile.now += (uint64_t)pause->tv_nsec / 1000000;
	return 0;
}

/* Instead of cancel.c's, which has a thread. */
#ifndef HOSTILE_CANCEL
void cancel_watch(struct cancel *c, struct fido_dev *dev)
{
	(void)c, (void)dev;
}

void cancel_forget(struct cancel *c, struct fido_dev *dev)
{
	(void)c, (void)dev;
}

bool cancel_asked(struct cancel *c)
{
	(void)c;
	return hostile.patience != 0 && --hostile.patience == 0;
}
#endif

/* --- the script --------------------------------------------------------------- */

enum twist {
	TWIST_NONE,
	TWIST_GONE,    /* no answer at all */
	TWIST_FIRST,   /* byte: the first one, CTAP's status */
	TWIST_LAST,    /* byte, byte: the last two, a card's status */
	TWIST_CUT,     /* u16: bytes that are left */
	TWIST_SURPLUS, /* string: follows */
	TWIST_SET,     /* u16, byte: one, counted from the first */
	TWIST_FLIP,    /* u16, byte: the same, bits */
	TWIST_PUT,     /* u16, string: over what is there */
	TWIST_WHOLE,   /* string: instead of it */
	TWIST_FILL,    /* u16, byte: as many more of this byte */
	TWISTS,
};

static size_t hostile_u16(void)
{
	uint8_t high = 0, low = 0;

	(void)reader_u8(&hostile.script, &high);
	(void)reader_u8(&hostile.script, &low);
	return (size_t)high << 8 | low;
}

static uint8_t hostile_u8(void)
{
	uint8_t byte = 0;

	(void)reader_u8(&hostile.script, &byte);
	return byte;
}

/* A byte of length, and so many; fewer at the end. */
static struct bytes hostile_string(void)
{
	struct bytes b = BYTES_NONE;
	size_t n = hostile_u8();

	if (n > reader_rest(&hostile.script).len)
		n = reader_rest(&hostile.script).len;
	(void)reader_take(&hostile.script, n, &b);
	return b;
}

static size_t hostile_put(uint8_t *buf, size_t at, size_t n, size_t room, struct bytes b)
{
	if (at > n || b.len > room - at)
		return n;
	if (b.len != 0)
		memcpy(buf + at, b.data, b.len);
	return at + b.len > n ? at + b.len : n;
}

static size_t hostile_bend(enum twist twist, uint8_t *buf, size_t n, size_t room)
{
	size_t at;
	uint8_t byte;

	switch (twist) {
	case TWIST_FIRST:
		byte = hostile_u8();
		return hostile_put(buf, 0, n, room, BYTES(&byte, 1));
	case TWIST_LAST:
		for (unsigned i = 2; i > 0; i--) {
			byte = hostile_u8();
			if (n >= 2)
				buf[n - i] = byte;
		}
		return n;
	case TWIST_CUT:
		at = hostile_u16();
		return at < n ? at : n;
	case TWIST_SURPLUS:
		return hostile_put(buf, n, n, room, hostile_string());
	case TWIST_SET:
	case TWIST_FLIP:
		at = hostile_u16();
		byte = hostile_u8();
		if (at < n)
			buf[at] = twist == TWIST_SET ? byte : buf[at] ^ byte;
		return n;
	case TWIST_PUT:
		at = hostile_u16();
		return hostile_put(buf, at, n, room, hostile_string());
	case TWIST_WHOLE:
		return hostile_put(buf, 0, 0, room, hostile_string());
	case TWIST_FILL:
		at = hostile_u16();
		byte = hostile_u8();
		at = at < room - n ? at : room - n;
		memset(buf + n, byte, at);
		return n + at;
	default:
		return n;
	}
}

/* A virtual_dev_twist. */
static int hostile_answer(void *arg, uint8_t *buf, int n, size_t room)
{
	uint8_t step = hostile_u8();
	enum twist twist = (enum twist)(step % TWISTS);

	(void)arg;
	if (twist == TWIST_GONE)
		return -1;
	return (int)hostile_bend(twist, buf, n < 0 ? 0 : (size_t)n, room);
}

/* --- devices and keys --------------------------------------------------------- */

static fido_cred_t *hostile_key(struct authenticator *a, int type, bool u2f)
{
	static const uint8_t hash[32] = "what is signed for a new key";
	fido_cred_t *cred = fido_cred_new();
	fido_dev_t *dev = virtual_dev_open(a);
	bool pin = !u2f && dev != NULL && fido_dev_has_pin(dev);

	fuzz_require(cred != NULL && dev != NULL, "the device is there");
	fuzz_require(fido_cred_set_type(cred, type) == FIDO_OK &&
			 fido_cred_set_clientdata_hash(cred, hash, sizeof(hash)) == FIDO_OK &&
			 fido_cred_set_rp(cred, "ssh:", NULL) == FIDO_OK &&
			 fido_cred_set_rk(cred, u2f ? FIDO_OPT_OMIT : FIDO_OPT_TRUE) == FIDO_OK &&
			 fido_cred_set_user(cred, (const uint8_t *)&type, sizeof(type), "user",
			     "user", NULL) == FIDO_OK,
	    "a key can be asked for");
	if (fido_dev_has_uv(dev))
		(void)fido_cred_set_uv(cred, FIDO_OPT_TRUE);
	fuzz_require(
	    fido_dev_make_cred(dev, cred, pin ? HOSTILE_PIN : NULL) == FIDO_OK, "a key is made");
	fido_dev_close(dev);
	fido_dev_free(&dev);
	return cred;
}

/* For LLVMFuzzerInitialize. */
static void hostile_start(void)
{
	struct authenticator_options o;

	fido_init(0);
	for (unsigned i = 0; i < HOSTILE_DEVICES; i++) {
		struct authenticator **a = &hostile.device[i];

		authenticator_options_default(&o);
		o.uv = i == 1;
		o.pin = i == 0;
		o.ctap2 = i != HOSTILE_U2F;
		fuzz_require(authenticator_new(&o, a) == ERR_OK, "a device is made");
		authenticator_set_auto(*a, true);
		if (i == 0)
			fuzz_require(
			    authenticator_set_pin(*a, HOSTILE_PIN) == ERR_OK, "it takes a PIN");
		hostile.key[i][0] = hostile_key(*a, COSE_ES256, i == HOSTILE_U2F);
		if (i != HOSTILE_U2F)
			hostile.key[i][1] = hostile_key(*a, COSE_EDDSA, false);
	}
	clock_replace(hostile_clock, NULL);
}

/* The device that a path of hostile_request names, behind "pcsc:". */
static struct authenticator *hostile_device(const char *reader)
{
	return hostile.device[(unsigned char)reader[0] % HOSTILE_DEVICES];
}

/* --- requests and results ----------------------------------------------------- */

/* The first two bytes of an input. */
struct wanted {
	unsigned what, device;
	bool ed25519, touch, verify, pin, wrong_pin, foreign;
};

static struct wanted hostile_wanted(void)
{
	uint8_t a = hostile_u8(), b = hostile_u8();
	struct wanted w = {
	    .what = a & 3,
	    .device = a >> 2 & 3,
	    .ed25519 = (a & 0x10) != 0 && (a >> 2 & 3) != HOSTILE_U2F,
	    .touch = (a & 0x20) != 0,
	    .verify = (a & 0x40) != 0,
	    .pin = (a & 0x80) != 0,
	    .wrong_pin = (b & 0x80) != 0,
	    .foreign = (b & 0x40) != 0,
	};

	hostile.patience = b & 0x3f;
	return w;
}

static struct fido_credential hostile_credential(const struct wanted *w)
{
	const fido_cred_t *key = hostile.key[w->device][w->ed25519];

	return (struct fido_credential){
	    .algorithm = w->ed25519 ? FIDO_ED25519 : FIDO_ECDSA,
	    .application = bytes_str("ssh:"),
	    .handle = w->foreign ? bytes_str("not a handle of this device")
				 : BYTES(fido_cred_id_ptr(key), fido_cred_id_len(key)),
	    .flags = (uint8_t)((w->touch ? FIDO_TOUCH : 0) | (w->verify ? FIDO_VERIFY : 0)),
	};
}

enum { HOSTILE_PROBE, HOSTILE_SIGN, HOSTILE_RESIDENT, HOSTILE_CHOOSE };

static void hostile_request(const struct wanted *w, struct builder *b)
{
	char path[HOSTILE_PATH] = "pcsc:", other[HOSTILE_PATH] = "pcsc:";
	struct bytes pin = bytes_str(!w->pin ? "" : w->wrong_pin ? "4321" : HOSTILE_PIN);
	struct fido_credential c = hostile_credential(w);
	struct fido_sign sign = {.key = c, .data = bytes_str("to be signed"), .pin = pin};
	struct fido_resident resident = {.pin = pin};
	struct bytes paths[2];
	size_t mark;

	path[5] = (char)('0' + w->device);
	other[5] = (char)('0' + (w->device + 1) % HOSTILE_DEVICES);
	paths[0] = sign.path = resident.path = bytes_str(path);
	paths[1] = bytes_str(other);
	switch (w->what) {
	case HOSTILE_PROBE:
		fido_probe_open(b, paths[0], 2, &mark);
		fido_credential_put(b, &c);
		fido_credential_put(b, &c);
		fido_probe_close(b, mark);
		break;
	case HOSTILE_SIGN:
		fido_sign_build(b, &sign);
		break;
	case HOSTILE_RESIDENT:
		fido_resident_build(b, &resident);
		break;
	default:
		fido_choose_build(b, paths, w->touch ? 2 : 1);
	}
}

/* The core can read what it is answered. */
static void hostile_result(const struct wanted *w, struct bytes message)
{
	struct fido_info info;
	struct fido_signed sig;
	struct reader keys;
	struct bytes b;
	uint32_t n;

	switch (w->what) {
	case HOSTILE_PROBE:
		fuzz_require(fido_probed_parse(message, &info, &b) == ERR_OK && b.len == 2,
		    "the core understands what a device is");
		memcpy(hostile.held, b.data, sizeof(hostile.held));
		fuzz_plant(info.pin_tries < AUTHENTICATOR_PIN_RETRIES);
		break;
	case HOSTILE_SIGN:
		fuzz_require(
		    fido_signed_parse(message, &sig) == ERR_OK, "the core understands a signature");
		fuzz_require(!w->foreign, "no signature is passed on that is of another key");
		fuzz_touch(sig.r);
		fuzz_touch(sig.s);
		fuzz_plant((sig.flags & 0x38) != 0);
		break;
	case HOSTILE_RESIDENT:
		fuzz_require(fido_keys_parse(message, &keys, &n) == ERR_OK,
		    "signet-add understands the keys");
		break;
	default:
		fuzz_require(
		    fido_text_parse(message, FIDO_CHOSEN, &b) == ERR_OK, "the core gets a path");
	}
}

static void hostile_failure(enum err why, const struct op *op)
{
	struct fido_failure m = {
	    .why = why, .tries = FIDO_TRIES_UNKNOWN, .detail = bytes_str(op->detail)};
	struct builder b = {0};
	struct bytes message;

	fuzz_require(fido_failure_allowed(why), "an operation fails with what the core knows");
	if (why == ERR_PIN || why == ERR_PIN_NEEDED)
		m.tries = op->tries;
	fido_failed_build(&b, &m);
	fuzz_require(frame_next(builder_view(&b), LIMIT_FIDO_ANSWER, &message) == FRAME_READY &&
			 fido_failed_parse(message, &m) == ERR_OK,
	    "the core understands why");
	builder_clear(&b);
}

static unsigned hostile_tries(const struct authenticator *a)
{
	struct authenticator_status s;

	authenticator_status(a, 0, &s);
	return s.pin_retries;
}

/* One input. */
static inline void hostile_run(const uint8_t *data, size_t size)
{
	static enum err (*const operations[])(struct op *) = {
	    op_probe, op_sign, op_resident, op_choose};
	struct op op = {.tries = FIDO_TRIES_UNKNOWN};
	struct builder request = {0};
	struct bytes message;
	struct wanted w;
	unsigned before;
	enum err e;

	hostile.script = reader_of(BYTES(data, size));
	w = hostile_wanted();
	for (unsigned i = 0; i < HOSTILE_DEVICES; i++)
		authenticator_power_cycle(hostile.device[i]);
	(void)authenticator_set_pin(hostile.device[0], HOSTILE_PIN);
	before = hostile_tries(hostile.device[0]);
	hostile_request(&w, &request);
	fuzz_require(
	    frame_next(builder_view(&request), LIMIT_FIDO_REQUEST, &op.message) == FRAME_READY,
	    "it is a request");
	e = operations[w.what](&op);
	if (e == ERR_OK)
		e = builder_error(&op.answer);
	if (e == ERR_OK) {
		fuzz_require(frame_next(builder_view(&op.answer), LIMIT_FIDO_ANSWER, &message) ==
				 FRAME_READY,
		    "an answer is one frame");
		hostile_result(&w, message);
	} else {
		hostile_failure(e, &op);
	}
	hostile.why = e;
	hostile.op = op;
	fuzz_require(hostile_tries(hostile.device[0]) + (w.pin && w.wrong_pin ? 1 : 0) >= before,
	    "a PIN costs one try, and none costs none");
	builder_clear(&op.answer);
	builder_clear(&request);
	hostile.op.answer = (struct builder){0};
}

#endif
