/* Signatures that are begun before they are asked for, with a PKCS#11 module that is none. */
#include "tests/support/base_test.h"

#include <string.h>

#include "proto/base/clock.h"
#include "tokens/pkcs11/ahead.h"

enum { ENOUGH = 9, QUICK = 10, SESSIONS = 64, KEY = 7, OTHER = 8 };

/* What the module was told. */
static struct {
	CK_SESSION_HANDLE last; /* session that was opened */
	bool open[SESSIONS];
	CK_OBJECT_HANDLE begun[SESSIONS]; /* 0: nothing is under way in it */
	CK_MECHANISM_TYPE mechanism;
	CK_RV begin_result, open_result;
	void (*meanwhile)(void);
} module;

static struct world world;
static struct token token;
static uint64_t now;

static uint64_t fake_clock(void)
{
	return now;
}

static CK_RV open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *app, CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
	(void)slot, (void)flags, (void)app, (void)notify;
	if (module.open_result != CKR_OK)
		return module.open_result;
	assert_true(++module.last < SESSIONS);
	module.open[module.last] = true;
	*out = module.last;
	return CKR_OK;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
	assert_true(session < SESSIONS && module.open[session]);
	module.open[session] = false;
	module.begun[session] = 0;
	return CKR_OK;
}

static CK_RV session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *out)
{
	(void)session;
	*out = (CK_SESSION_INFO){.state = CKS_RO_PUBLIC_SESSION};
	return CKR_OK;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
	(void)slot;
	memset(out, ' ', sizeof(*out));
	return CKR_OK;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	void (*meanwhile)(void) = module.meanwhile;

	assert_true(session < SESSIONS && module.open[session]);
	assert_int_equal(module.begun[session], 0);
	module.meanwhile = NULL;
	if (meanwhile != NULL)
		meanwhile();
	if (module.begin_result != CKR_OK)
		return module.begin_result;
	module.begun[session] = key;
	module.mechanism = mechanism->mechanism;
	return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .C_OpenSession = open_session,
    .C_CloseSession = close_session,
    .C_GetSessionInfo = session_info,
    .C_GetTokenInfo = token_info,
    .C_SignInit = sign_init,
};

static int start(void **state)
{
	CK_TOKEN_INFO info;

	(void)state;
	clock_replace(fake_clock, NULL);
	memset(&module, 0, sizeof(module));
	world = (struct world){
	    .module = {.f = &functions, .threads = true}, .lock = PTHREAD_MUTEX_INITIALIZER};
	token = (struct token){.refs = 1, .login = PTHREAD_MUTEX_INITIALIZER};
	(void)token_info(0, &info);
	assert_int_equal(token_id(&info, &token.id), ERR_OK);
	return 0;
}

static int end(void **state)
{
	(void)state;
	sessions_forget(&world, &token, true);
	for (size_t i = 0; i < SESSIONS; i++)
		assert_false(module.open[i]);
	blob_clear(&token.id);
	clock_replace(NULL, NULL);
	return 0;
}

/* So many signatures, so many milliseconds apart. */
static void make(unsigned n, CK_OBJECT_HANDLE key, unsigned apart)
{
	const struct begun what = {key, CKM_RSA_PKCS};

	while (n-- != 0) {
		now += apart;
		ahead_note(&world, &token, &what);
	}
	ahead_begin(&world, &token);
}

static unsigned count_open(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < SESSIONS; i++)
		n += module.open[i];
	return n;
}

/* The session in which this key's signature has begun; 0: none. */
static CK_SESSION_HANDLE take(CK_OBJECT_HANDLE key)
{
	const struct begun what = {key, CKM_RSA_PKCS};
	struct session s;

	return ahead_take(&world, &token, &what, &s) ? s.handle : 0;
}

/* It was used, and is nobody's. */
static void give(CK_SESSION_HANDLE session)
{
	assert_int_not_equal(session, 0);
	module.begun[session] = 0;
	session_give(&world, &token, &(struct session){session, token.era});
}

static void test_the_next_of_a_row(void **state)
{
	CK_SESSION_HANDLE session;

	(void)state;
	make(ENOUGH - 1, KEY, QUICK);
	assert_int_equal(count_open(), 0);
	make(1, KEY, QUICK);
	session = take(KEY);
	assert_int_not_equal(session, 0);
	assert_int_equal(module.begun[session], KEY);
	assert_int_equal(module.mechanism, CKM_RSA_PKCS);
	assert_int_equal(take(KEY), 0);
	give(session);
	/* The row goes on; the last session that nobody uses is left to others. */
	make(1, KEY, QUICK);
	assert_int_equal(count_open(), 2);
	assert_int_not_equal(take(KEY), session);
	give(module.last);
	make(1, KEY, QUICK);
	assert_int_equal(count_open(), 2);
	give(take(KEY));
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	make(ENOUGH, KEY, QUICK);
	make(1, KEY, QUICK);
	assert_int_equal(count_open(), 1);
}

static void test_not_for_another(void **state)
{
	const struct begun other = {KEY, CKM_SHA256_RSA_PKCS};
	struct session s;

	(void)state;
	make(ENOUGH, KEY, QUICK);
	assert_int_equal(take(OTHER), 0);
	assert_false(ahead_take(&world, &token, &other, &s));
	give(take(KEY));
}

static void test_slow_ones(void **state)
{
	(void)state;
	make(3 * ENOUGH, KEY, QUICK + 1);
	assert_int_equal(count_open(), 0);
}

static void test_keys_in_turns(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * ENOUGH; i++)
		make(1, i % 2 == 0 ? KEY : OTHER, QUICK);
	assert_int_equal(count_open(), 0);
}

static void test_a_row_of_another_key(void **state)
{
	CK_SESSION_HANDLE session;

	(void)state;
	make(ENOUGH, KEY, QUICK);
	make(ENOUGH, OTHER, QUICK);
	assert_int_equal(take(KEY), 0);
	assert_int_equal(count_open(), 1);
	session = take(OTHER);
	assert_int_equal(module.begun[session], OTHER);
	give(session);
}

static void test_without_threads(void **state)
{
	(void)state;
	world.module.threads = false;
	make(2 * ENOUGH, KEY, QUICK);
	assert_int_equal(count_open(), 0);
}

static void test_what_cannot_begin(void **state)
{
	(void)state;
	module.begin_result = CKR_FUNCTION_FAILED;
	make(ENOUGH, KEY, QUICK);
	assert_int_equal(module.last, 1);
	assert_int_equal(count_open(), 0);
	/* Not tried with each. */
	make(1, KEY, QUICK);
	assert_int_equal(module.last, 1);
	module.begin_result = CKR_OK;
	module.open_result = CKR_DEVICE_ERROR;
	make(ENOUGH, KEY, QUICK);
	assert_int_equal(take(KEY), 0);
	module.open_result = CKR_OK;
	make(ENOUGH, KEY, QUICK);
	give(take(KEY));
}

/* Where sessions are short none is taken for this, until they are all lost. */
static void test_sessions_are_short(void **state)
{
	(void)state;
	make(ENOUGH, KEY, QUICK);
	assert_true(ahead_forgo(&world, &token));
	assert_int_equal(count_open(), 0);
	make(2 * ENOUGH, KEY, QUICK);
	assert_int_equal(count_open(), 0);
	assert_false(ahead_forgo(&world, &token));
	ahead_end(&world, &token);
	make(2 * ENOUGH, KEY, QUICK);
	assert_int_equal(count_open(), 0);
	sessions_forget(&world, &token, true);
	module.open_result = CKR_SESSION_COUNT;
	make(ENOUGH, KEY, QUICK);
	module.open_result = CKR_OK;
	make(2 * ENOUGH, KEY, QUICK);
	assert_int_equal(count_open(), 0);
}

static void end_it(void)
{
	ahead_end(&world, &token);
}

static void lose_it(void)
{
	sessions_forget(&world, &token, false);
}

static void leave(void)
{
	token.gone = true;
}

static void stand(void)
{
	CK_SESSION_HANDLE anchor;
	struct fault f;

	assert_int_equal(session_anchor(&world, &token, &anchor, &f), ERR_OK);
	assert_true(sessions_stand(&world, &token));
}

static void test_not_wanted_any_more(void **state)
{
	(void)state;
	make(ENOUGH, KEY, QUICK);
	end_it();
	assert_int_equal(take(KEY), 0);
	assert_int_equal(count_open(), 0);
	/* It takes another row. */
	make(ENOUGH - 1, KEY, QUICK);
	assert_int_equal(count_open(), 0);
	make(1, KEY, QUICK);
	assert_int_equal(count_open(), 1);
	sessions_forget(&world, &token, true);
	assert_int_equal(take(KEY), 0);
	assert_int_equal(count_open(), 0);
	make(ENOUGH - 1, KEY, QUICK);
	assert_int_equal(count_open(), 0);
	make(1, KEY, QUICK);
	stand();
	assert_int_equal(take(KEY), 0);
	assert_int_equal(count_open(), 1); /* the token's own */
}

/* A logout, or the token's leaving, while the module is in C_SignInit. */
static void test_not_wanted_meanwhile(void **state)
{
	void (*const ways[])(void) = {end_it, stand, leave};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		start(NULL);
		module.meanwhile = ways[i];
		make(ENOUGH, KEY, QUICK);
		assert_null(module.meanwhile);
		assert_int_equal(take(KEY), 0);
		assert_int_equal(count_open(), ways[i] == stand);
		end(NULL);
		start(NULL);
	}
}

/* Its number may be another session's by then: it is not closed. */
static void test_lost_meanwhile(void **state)
{
	(void)state;
	module.meanwhile = lose_it;
	make(ENOUGH, KEY, QUICK);
	assert_int_equal(take(KEY), 0);
	assert_int_equal(count_open(), 1);
	module.open[1] = false;
}

static void begin_once_more(void)
{
	end_it();
	make(ENOUGH, KEY, QUICK);
}

/* What another began after the end stays, and only that. */
static void test_begun_anew_meanwhile(void **state)
{
	CK_SESSION_HANDLE session;

	(void)state;
	module.meanwhile = begin_once_more;
	make(ENOUGH, KEY, QUICK);
	assert_int_equal(module.last, 2);
	assert_int_equal(count_open(), 1);
	session = take(KEY);
	assert_int_equal(session, 2);
	assert_int_equal(module.begun[session], KEY);
	assert_int_equal(take(KEY), 0);
	give(session);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_next_of_a_row),
	    TEST(test_one_at_a_time),
	    TEST(test_not_for_another),
	    TEST(test_slow_ones),
	    TEST(test_keys_in_turns),
	    TEST(test_a_row_of_another_key),
	    TEST(test_without_threads),
	    TEST(test_what_cannot_begin),
	    TEST(test_sessions_are_short),
	    TEST(test_not_wanted_any_more),
	    TEST(test_not_wanted_meanwhile),
	    TEST(test_lost_meanwhile),
	    TEST(test_begun_anew_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
