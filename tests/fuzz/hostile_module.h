/*
 * A PKCS#11 module for f_pkcs11.c: two tokens with keys, whose answers are as PKCS#11 wants them
 * but for those that a script bends.
 */
#ifndef SIGNET_FUZZ_HOSTILE_MODULE_H
#define SIGNET_FUZZ_HOSTILE_MODULE_H

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <string.h>

#include "proto/reader.h"
#include "tests/fuzz/fuzz.h"

enum { SLOTS = 2, OBJECTS = 6, CALLS_MOST = 200000 };

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
static uint8_t public_half[32];

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

#endif
