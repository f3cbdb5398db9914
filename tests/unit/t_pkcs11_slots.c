/* Slots and tokens of a PKCS#11 module that is none, as no sane module tells of them. */
#include "tests/support/base_test.h"

#include <string.h>
#include <sys/socket.h>

#include "tokens/pkcs11/slots.h"

enum { SLOTS = TOKEN_TOKENS_MOST + 4, MANY = 100000 };

/* What the module says. */
static struct {
	CK_ULONG count, given; /* of slots, when asked for the number and for the list */
	CK_RV list_result, slot_result, token_result;
	unsigned too_small; /* so often the list does not fit */
	bool same;          /* all tokens are one by what they tell */
	CK_FLAGS slot_flags, token_flags;
} module;

static CK_RV list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	assert_int_equal(present, CK_FALSE);
	if (slots == NULL) {
		*n = module.count;
		return module.list_result;
	}
	if (module.too_small != 0) {
		module.too_small--;
		return CKR_BUFFER_TOO_SMALL;
	}
	for (CK_ULONG i = 0; i < module.given && i < *n; i++)
		slots[i] = i;
	*n = module.given;
	return CKR_OK;
}

static CK_RV slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *out)
{
	(void)slot;
	memset(out, ' ', sizeof(*out));
	out->flags = module.slot_flags;
	return module.slot_result;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
	memset(out, ' ', sizeof(*out));
	out->flags = module.token_flags;
	if (!module.same)
		out->serialNumber[0] = (unsigned char)('0' + slot);
	return module.token_result;
}

static CK_RV open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	(void)slot, (void)flags, (void)app, (void)notify;
	*out = 1;
	return CKR_OK;
}

static CK_RV of_session(CK_SESSION_HANDLE session)
{
	(void)session;
	return CKR_OK;
}

static CK_RV session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *out)
{
	(void)session;
	*out = (CK_SESSION_INFO){.state = CKS_RO_PUBLIC_SESSION};
	return CKR_OK;
}

static CK_RV find_start(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	(void)session, (void)template, (void)n;
	return CKR_OK;
}

static CK_RV find_none(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG room, CK_ULONG *n)
{
	(void)session, (void)out, (void)room;
	*n = 0;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .C_GetSlotList = list,
    .C_GetSlotInfo = slot_info,
    .C_GetTokenInfo = token_info,
    .C_OpenSession = open_session,
    .C_CloseSession = of_session,
    .C_Logout = of_session,
    .C_GetSessionInfo = session_info,
    .C_FindObjectsInit = find_start,
    .C_FindObjects = find_none,
    .C_FindObjectsFinal = of_session,
};

static struct world world = {
    .module = {.f = &functions,
	.threads = true,
	.door = PTHREAD_MUTEX_INITIALIZER,
	.use = PTHREAD_RWLOCK_INITIALIZER,
	.turn = PTHREAD_MUTEX_INITIALIZER},
    .scanning = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .telling = PTHREAD_MUTEX_INITIALIZER,
};
static int asker[2];

static int start(void **state)
{
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, asker), 0);
	world.outlet = outlet_new(asker[0]);
	assert_non_null(world.outlet);
	return 0;
}

static int honest(void **state)
{
	(void)state;
	module.count = module.given = 2;
	module.list_result = module.slot_result = module.token_result = CKR_OK;
	module.too_small = 0;
	module.same = false;
	module.slot_flags = CKF_TOKEN_PRESENT;
	module.token_flags = CKF_TOKEN_INITIALIZED;
	return 0;
}

/* A look at all slots: how many tokens there are then. */
static size_t scan(void)
{
	uint8_t told[4096];
	size_t n = 0;

	slots_scan(&world, false);
	while (recv(asker[1], told, sizeof(told), MSG_DONTWAIT) > 0)
		continue;
	for (const struct token *t = world.tokens; t != NULL; t = t->next)
		n++;
	return n;
}

static void test_tokens_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(scan(), 2);
	assert_int_equal(world.trouble, ERR_OK);
	assert_false(world.removable);
	module.slot_flags |= CKF_REMOVABLE_DEVICE;
	module.given = 1;
	assert_int_equal(scan(), 1);
	assert_true(world.removable);
	module.count = 0;
	assert_int_equal(scan(), 0);
}

static void test_what_is_no_token(void **state)
{
	(void)state;
	module.slot_result = CKR_DEVICE_ERROR;
	assert_int_equal(scan(), 0);
	honest(NULL);
	module.token_result = CKR_DEVICE_ERROR;
	assert_int_equal(scan(), 0);
	honest(NULL);
	module.token_flags = 0;
	assert_int_equal(scan(), 0);
	honest(NULL);
	module.slot_flags = 0;
	assert_int_equal(scan(), 0);
	assert_int_equal(world.trouble, ERR_OK);
}

static void test_lists_that_do_not_fit(void **state)
{
	(void)state;
	module.too_small = 3;
	assert_int_equal(scan(), 2);
	module.too_small = 4;
	assert_int_equal(scan(), 0);
	assert_int_equal(world.trouble, ERR_TOKEN);
	assert_true(world.removable);
	honest(NULL);
	module.given = MANY;
	assert_int_equal(scan(), 0);
	assert_int_equal(world.trouble, ERR_TOKEN);
	honest(NULL);
	module.list_result = CKR_GENERAL_ERROR;
	assert_int_equal(scan(), 0);
	assert_int_equal(world.trouble, ERR_TOKEN);
}

static void test_more_tokens_than_can_be(void **state)
{
	(void)state;
	module.count = module.given = SLOTS;
	assert_int_equal(scan(), TOKEN_TOKENS_MOST);
	assert_int_equal(world.tokens_left_out, SLOTS - TOKEN_TOKENS_MOST);
	module.same = true;
	assert_int_equal(scan(), 1);
	assert_int_equal(world.tokens_left_out, SLOTS - 1);
	module.given = 1;
	assert_int_equal(scan(), 1);
	assert_int_equal(world.tokens_left_out, 0);
	module.given = 0;
	assert_int_equal(scan(), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, honest)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_tokens_come_and_go),
	    TEST(test_what_is_no_token),
	    TEST(test_lists_that_do_not_fit),
	    TEST(test_more_tokens_than_can_be),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
