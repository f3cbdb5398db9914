/* Objects of a PKCS#11 module that is none: a table of this test, with what real modules seldom
 * say. */
#include "tests/support/base_test.h"

#include <string.h>

#include "proto/keyblob.h"
#include "tokens/pkcs11/keys.h"
#include "tokens/pkcs11/objects.h"

enum { ATTRIBUTES = 6, OBJECTS = 6 };

struct value {
	CK_ATTRIBUTE_TYPE type;
	const void *data;
	size_t n;
};

struct fake {
	CK_OBJECT_CLASS class;
	struct value values[ATTRIBUTES];
};

#define VALUE(type, object)                                                                        \
	{                                                                                          \
		type, &(object), sizeof(object)                                                    \
	}

static const CK_KEY_TYPE rsa = CKK_RSA, unknown = 0x7fff;
static const CK_CERTIFICATE_TYPE x509 = CKC_X_509, wtls = CKC_WTLS;
static const CK_BBOOL no = 0;
static const uint8_t exponent[] = {3};
static uint8_t modulus[128], padded[130], other[128];
/* Ed25519 (RFC 8410, section 4). */
static const uint8_t info[44] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0, 7};

/* The module: its objects have their place plus 1 as handle. */
static const struct fake *objects;
static CK_OBJECT_CLASS wanted;
static CK_ULONG given;
static CK_RV start_result;
static bool lies;

static CK_RV find_start(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	(void)session, (void)n;
	memcpy(&wanted, template[0].pValue, sizeof(wanted));
	given = 0;
	return start_result;
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG room, CK_ULONG *n)
{
	(void)session;
	for (*n = 0; given < OBJECTS && *n < room; given++) {
		if (objects[given].values[0].type != 0 && objects[given].class == wanted)
			out[(*n)++] = given + 1;
	}
	if (lies)
		*n = room + 1;
	return CKR_OK;
}

static CK_RV find_end(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV get(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *a, CK_ULONG n)
{
	(void)session;
	assert_int_equal(n, 1);
	for (size_t i = 0; i < ATTRIBUTES; i++) {
		const struct value *v = &objects[handle - 1].values[i];

		if (v->type != a->type || v->data == NULL)
			continue;
		if (a->pValue != NULL && a->ulValueLen < v->n)
			return CKR_BUFFER_TOO_SMALL;
		if (a->pValue != NULL)
			memcpy(a->pValue, v->data, v->n);
		a->ulValueLen = v->n;
		return CKR_OK;
	}
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_FUNCTION_LIST functions = {
    .C_FindObjectsInit = find_start,
    .C_FindObjects = find,
    .C_FindObjectsFinal = find_end,
    .C_GetAttributeValue = get,
};

static struct world world = {.module.f = &functions,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .scanning = PTHREAD_MUTEX_INITIALIZER};
static struct token token;
static struct fault fault;

static int setup(void **state)
{
	(void)state;
	memset(modulus, 0xa5, sizeof(modulus));
	memcpy(padded + 2, modulus, sizeof(modulus));
	memset(other, 0xc3, sizeof(other));
	start_result = CKR_OK;
	lies = false;
	token = (struct token){
	    .login = PTHREAD_MUTEX_INITIALIZER, .refs = 1, .anchored = true, .anchor = 1};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keys_free(token.keys);
	return 0;
}

static enum err read_keys(const struct fake *table)
{
	objects = table;
	keys_free(token.keys);
	token.keys = NULL;
	return keys_read(&world, &token, &fault);
}

/* A private half that shows no exponent, and no name that the public one has, is known by its
 * modulus. */
static void halves_by_their_modulus(void **state)
{
	const struct fake table[OBJECTS] = {
	    {CKO_PUBLIC_KEY, {VALUE(CKA_KEY_TYPE, rsa), VALUE(CKA_MODULUS, modulus),
				 VALUE(CKA_PUBLIC_EXPONENT, exponent)}},
	    {CKO_PRIVATE_KEY, {VALUE(CKA_KEY_TYPE, rsa), VALUE(CKA_MODULUS, other)}},
	    {CKO_PRIVATE_KEY, {VALUE(CKA_KEY_TYPE, rsa), VALUE(CKA_MODULUS, padded)}},
	};

	(void)state;
	assert_int_equal(read_keys(table), ERR_OK);
	assert_non_null(token.keys);
	assert_null(token.keys->next);
	assert_int_equal(token.keys->n, 1);
	assert_int_equal(token.keys->candidates[0].handle, 3);
	assert_true(token.keys->candidates[0].certain);
	/* What a signature said of a half that there is not says nothing. */
	key_settled(&world, &token, blob_view(&token.keys->id), 7, false);
	assert_int_equal(token.keys->n, 1);
	key_settled(&world, &token, blob_view(&token.keys->id), 3, false);
	assert_int_equal(token.keys->n, 0);
}

static void what_is_no_key(void **state)
{
	const struct fake table[OBJECTS] = {
	    {CKO_CERTIFICATE, {VALUE(CKA_CERTIFICATE_TYPE, wtls), VALUE(CKA_VALUE, modulus)}},
	    {CKO_CERTIFICATE, {VALUE(CKA_CERTIFICATE_TYPE, x509)}},
	    {CKO_CERTIFICATE, {VALUE(CKA_CERTIFICATE_TYPE, x509), VALUE(CKA_VALUE, modulus)}},
	    {CKO_PRIVATE_KEY,
		{VALUE(CKA_KEY_TYPE, rsa), VALUE(CKA_MODULUS, modulus), VALUE(CKA_SIGN, no)}},
	    {CKO_PUBLIC_KEY, {VALUE(CKA_KEY_TYPE, unknown), VALUE(CKA_PUBLIC_KEY_INFO, modulus)}},
	};
	struct objects found;

	(void)state;
	assert_int_equal(read_keys(table), ERR_OK);
	assert_null(token.keys);
	assert_int_equal(objects_read(&world, 1, CKO_CERTIFICATE, &found, &fault), ERR_OK);
	assert_int_equal(found.n, 0);
	assert_int_equal(found.unusable, 3);
	objects_free(&found);
}

/* Of a type that we do not know, but with its public half in a form that we do. */
static void a_key_by_its_info(void **state)
{
	const struct fake table[OBJECTS] = {
	    {CKO_PUBLIC_KEY, {VALUE(CKA_KEY_TYPE, unknown), VALUE(CKA_PUBLIC_KEY_INFO, info)}},
	    {CKO_PRIVATE_KEY, {VALUE(CKA_KEY_TYPE, unknown), VALUE(CKA_PUBLIC_KEY_INFO, info)}},
	};

	(void)state;
	assert_int_equal(read_keys(table), ERR_OK);
	assert_non_null(token.keys);
	assert_string_equal(token.keys->type->name, "ssh-ed25519");
	assert_int_equal(token.keys->n, 1);
}

static void modules_that_fail(void **state)
{
	static const struct fake none[OBJECTS];
	struct objects found;

	(void)state;
	start_result = CKR_DEVICE_ERROR;
	assert_int_not_equal(read_keys(none), ERR_OK);
	assert_int_equal(fault.rv, CKR_DEVICE_ERROR);
	start_result = CKR_OK;
	/* More handles than there was room for. */
	lies = true;
	assert_int_equal(objects_read(&world, 1, CKO_PUBLIC_KEY, &found, &fault), ERR_OK);
	assert_int_equal(found.n, 0);
	objects_free(&found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(halves_by_their_modulus),
	    TEST(what_is_no_key),
	    TEST(a_key_by_its_info),
	    TEST(modules_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
