/*
 * signet-pkcs11's own work between a hostile agent and a hostile module: requests that follow each
 * other, and a module that shows two tokens with keys and answers as PKCS#11 wants it, but for
 * those answers that the input bends (other codes, lengths, counts, bytes; a token that comes and
 * goes).  An input is a list of steps, a byte each with its arguments; which of the module's
 * answers become other ones is a script of its own at the input's end.
 *
 * What a module writes where it must not is its own process's end; so its writes are all honest.
 */
#include <openssl/evp.h>
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
#include "tests/fuzz/fuzz.h"
#include "tokens/pkcs11/select.h"
#include "tokens/pkcs11/sign.h"
#include "tokens/pkcs11/slots.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { SLOTS = 2, OBJECTS = 6, STEPS_MOST = 40, CALLS_MOST = 200000, PIN_TRIES = 3 };

struct hostile_module {
	struct reader steps, script;
	unsigned calls;
	bool absent[SLOTS];
	CK_FLAGS flags[SLOTS]; /* of CK_TOKEN_INFO */
	bool logged[SLOTS];
	size_t found; /* objects of the class that is looked for, that were given out */
	CK_OBJECT_CLASS class;
	unsigned wrong, entered, unasked; /* PINs of this request: not taken, given, last tries */
	bool last_try;
	bool pulled; /* some token was */
};

static struct hostile_module hm;
static EVP_PKEY *inside;
static uint8_t public_half[32], blob[51];
static int ends[2];
static struct outlet *outlet;

static uint8_t step_byte(void)
{
	uint8_t byte = 0;

	(void)reader_u8(&hm.steps, &byte);
	return byte;
}

/* --- what becomes of an answer ----------------------------------------------------- */

enum twist { TWIST_NONE, TWIST_CODE, TWIST_MORE, TWIST_LESS, TWIST_ODD, TWISTS };

/* What an answer is bent by, CKR_OK if by no code: a byte of the script, 0 most of the time. */
static CK_RV bent(enum twist *how, uint8_t *with)
{
	static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_SESSION_HANDLE_INVALID,
	    CKR_OBJECT_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED,
	    CKR_USER_NOT_LOGGED_IN, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_GENERAL_ERROR,
	    CKR_BUFFER_TOO_SMALL, CKR_HOST_MEMORY, CKR_PIN_INCORRECT, CKR_PIN_LOCKED,
	    CKR_USER_ALREADY_LOGGED_IN, CKR_FUNCTION_NOT_SUPPORTED, CKR_SESSION_CLOSED, 0x87654321};
	uint8_t byte = 0;

	fuzz_require(++hm.calls < CALLS_MOST, "a module is not called for ever");
	*how = TWIST_NONE;
	*with = 0;
	if (reader_u8(&hm.script, &byte) != ERR_OK || byte == 0)
		return CKR_OK;
	*how = (enum twist)(byte % TWISTS);
	*with = byte / TWISTS;
	return *how == TWIST_CODE ? codes[*with % (sizeof(codes) / sizeof(codes[0]))] : CKR_OK;
}

#define BEND                                                                                       \
	enum twist how;                                                                            \
	uint8_t with;                                                                              \
	CK_RV rv = bent(&how, &with);                                                              \
                                                                                                   \
	(void)with;                                                                                \
	if (rv != CKR_OK)                                                                          \
	return rv

static CK_ULONG bend_number(CK_ULONG n, enum twist how, uint8_t with)
{
	if (how == TWIST_MORE)
		return n + with + 1;
	if (how == TWIST_LESS)
		return n > with ? n - with : 0;
	if (how == TWIST_ODD)
		return with == 0 ? CK_UNAVAILABLE_INFORMATION : (CK_ULONG)1 << (with % 64);
	return n;
}

/* --- the module ---------------------------------------------------------------------- */

static CK_RV m_initialize(void *args)
{
	BEND;
	(void)args;
	return CKR_OK;
}

static CK_RV m_get_info(CK_INFO *out)
{
	BEND;
	memset(out, ' ', sizeof(*out));
	return CKR_OK;
}

/* One that says more than there is room for is one that does not write it. */
static CK_RV m_get_slot_list(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *n)
{
	CK_ULONG room = *n;
	BEND;

	(void)present;
	*n = bend_number(SLOTS, how, with);
	for (CK_ULONG i = 0; list != NULL && i < *n && i < room; i++)
		list[i] = i;
	return CKR_OK;
}

static CK_RV m_get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *out)
{
	BEND;
	memset(out, ' ', sizeof(*out));
	out->flags = CKF_REMOVABLE_DEVICE | (hm.absent[slot % SLOTS] ? 0 : CKF_TOKEN_PRESENT);
	if (how == TWIST_ODD)
		memset(out->slotDescription, with, sizeof(out->slotDescription));
	return CKR_OK;
}

static CK_RV m_get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
	BEND;
	if (hm.absent[slot % SLOTS])
		return CKR_TOKEN_NOT_PRESENT;
	memset(out, ' ', sizeof(*out));
	out->serialNumber[0] = (unsigned char)('0' + slot % 10);
	memcpy(out->label, "a token", 7);
	out->flags = hm.flags[slot % SLOTS];
	if (how == TWIST_MORE)
		out->flags ^= (CK_FLAGS)1 << (with % 32);
	if (how == TWIST_ODD)
		memset(out->label, with, sizeof(out->label));
	if (how == TWIST_LESS)
		out->serialNumber[0] = 'x';
	return CKR_OK;
}

static CK_RV m_get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
	static const CK_MECHANISM_TYPE all[] = {CKM_EDDSA, CKM_ECDSA, CKM_RSA_PKCS};
	CK_ULONG room = *n;
	BEND;

	(void)slot;
	*n = bend_number(3, how, with);
	for (CK_ULONG i = 0; list != NULL && i < *n && i < room; i++)
		list[i] = all[i % 3];
	return CKR_OK;
}

/* A session's number tells its slot. */
static CK_RV m_open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	BEND;
	(void)flags, (void)application, (void)notify;
	if (hm.absent[slot % SLOTS])
		return CKR_TOKEN_NOT_PRESENT;
	*out = 100 + slot % SLOTS;
	return CKR_OK;
}

static unsigned slot_of(CK_SESSION_HANDLE session)
{
	return (unsigned)(session % 100 % SLOTS);
}

static CK_RV m_close_session(CK_SESSION_HANDLE session)
{
	BEND;
	(void)session;
	return CKR_OK;
}

static CK_RV m_get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *out)
{
	BEND;
	*out = (CK_SESSION_INFO){.slotID = slot_of(session),
	    .state = hm.logged[slot_of(session)] ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION};
	if (how == TWIST_ODD)
		out->state = with;
	return CKR_OK;
}

static CK_RV m_login(CK_SESSION_HANDLE session, CK_USER_TYPE type, unsigned char *pin, CK_ULONG n)
{
	unsigned slot = slot_of(session);
	BEND;

	(void)type;
	hm.entered++;
	if ((hm.flags[slot] & CKF_USER_PIN_FINAL_TRY) != 0 && !hm.last_try)
		hm.unasked++;
	if (n != 4 || memcmp(pin, "1234", 4) != 0) {
		hm.wrong++;
		return CKR_PIN_INCORRECT;
	}
	hm.logged[slot] = true;
	return CKR_OK;
}

static CK_RV m_logout(CK_SESSION_HANDLE session)
{
	BEND;
	hm.logged[slot_of(session)] = false;
	return CKR_OK;
}

/* Objects 1 to 6: public key, certificate (which is none) and private key, of two keys. */
static CK_OBJECT_CLASS class_of(CK_OBJECT_HANDLE object)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_PRIVATE_KEY};

	return classes[object % 3];
}

static CK_RV m_find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *a, CK_ULONG n)
{
	BEND;
	(void)session;
	hm.found = 0;
	for (CK_ULONG i = 0; i < n; i++) {
		if (a[i].type == CKA_CLASS)
			memcpy(&hm.class, a[i].pValue, sizeof(hm.class));
	}
	return CKR_OK;
}

static CK_RV m_find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG most, CK_ULONG *n)
{
	bool hidden = hm.class == CKO_PRIVATE_KEY && !hm.logged[slot_of(session)];
	CK_ULONG given = 0;
	BEND;

	while (!hidden && hm.found < OBJECTS && given < most) {
		CK_OBJECT_HANDLE object = ++hm.found;

		if (class_of(object) == hm.class)
			out[given++] = object;
	}
	*n = bend_number(given, how, with);
	return CKR_OK;
}

static CK_RV m_find_final(CK_SESSION_HANDLE session)
{
	BEND;
	(void)session;
	return CKR_OK;
}

static struct bytes value_of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
	static const CK_KEY_TYPE edwards = CKK_EC_EDWARDS;
	static const CK_BBOOL yes = CK_TRUE;
	static const uint8_t oid[] = {0x06, 0x03, 0x2b, 0x65, 0x70};
	static uint8_t point[34] = {0x04, 0x20};

	switch (type) {
	case CKA_KEY_TYPE:
		return BYTES(&edwards, sizeof(edwards));
	case CKA_ID:
		return object > 3 ? bytes_str("two") : bytes_str("one");
	case CKA_LABEL:
		return bytes_str("a key");
	case CKA_SIGN:
	case CKA_VERIFY:
		return BYTES(&yes, sizeof(yes));
	case CKA_EC_PARAMS:
		return BYTES(oid, sizeof(oid));
	case CKA_EC_POINT:
		if (class_of(object) == CKO_PRIVATE_KEY)
			return BYTES_NONE;
		memcpy(point + 2, public_half, sizeof(public_half));
		point[33] ^= object > 3; /* another's, that nobody has */
		return BYTES(point, sizeof(point));
	default:
		return BYTES_NONE;
	}
}

static CK_RV give_value(CK_ATTRIBUTE *a, struct bytes value, enum twist how, uint8_t with)
{
	CK_ULONG room = a->ulValueLen;

	if (value.data == NULL) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	a->ulValueLen = bend_number(value.len, how == TWIST_ODD ? TWIST_NONE : how, with);
	if (a->pValue == NULL)
		return CKR_OK;
	for (CK_ULONG i = 0; i < a->ulValueLen && i < room; i++)
		((uint8_t *)a->pValue)[i] = value.data[i % value.len];
	if (how == TWIST_ODD && room != 0)
		((uint8_t *)a->pValue)[with % room] ^= 0x11;
	return CKR_OK;
}

static CK_RV m_get_attributes(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *a, CK_ULONG n)
{
	BEND;
	(void)session;
	for (CK_ULONG i = 0; i < n && rv == CKR_OK; i++)
		rv = give_value(&a[i], value_of(object, a[i].type), how, with);
	return rv;
}

static CK_RV m_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	BEND;
	(void)session, (void)mechanism, (void)key;
	return CKR_OK;
}

static CK_RV m_sign(
    CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG len, unsigned char *out, CK_ULONG *n)
{
	uint8_t signature[64];
	size_t made = sizeof(signature);
	CK_ULONG room = *n;
	EVP_MD_CTX *ctx;
	BEND;

	(void)session;
	ctx = EVP_MD_CTX_new();
	fuzz_require(ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, inside) == 1 &&
			 EVP_DigestSign(ctx, signature, &made, data, len) == 1,
	    "a token signs");
	EVP_MD_CTX_free(ctx);
	*n = bend_number(made, how, with);
	for (CK_ULONG i = 0; out != NULL && i < *n && i < room; i++)
		out[i] = signature[i % made];
	if (how == TWIST_ODD && out != NULL && room != 0)
		out[with % room] ^= 1;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = m_initialize,
    .C_Finalize = m_initialize,
    .C_GetInfo = m_get_info,
    .C_GetSlotList = m_get_slot_list,
    .C_GetSlotInfo = m_get_slot_info,
    .C_GetTokenInfo = m_get_token_info,
    .C_GetMechanismList = m_get_mechanism_list,
    .C_OpenSession = m_open_session,
    .C_CloseSession = m_close_session,
    .C_GetSessionInfo = m_get_session_info,
    .C_Login = m_login,
    .C_Logout = m_logout,
    .C_GetAttributeValue = m_get_attributes,
    .C_FindObjectsInit = m_find_init,
    .C_FindObjects = m_find,
    .C_FindObjectsFinal = m_find_final,
    .C_SignInit = m_sign_init,
    .C_Sign = m_sign,
};

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
