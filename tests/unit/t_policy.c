/* Which Key blocks hold for a key, and what they make of its rules. */
#include "tests/support/base_test.h"

#include <string.h>

#include "agent/policy.h"
#include "proto/base/clock.h"

static void quiet(void *ctx, const struct config_mistake *m)
{
	(void)ctx;
	fail_msg("line %u: %s", m->line, m->what);
}

static void ignore(void *ctx, const struct config_mistake *m)
{
	(void)ctx, (void)m;
}

static struct config *config_of(const char *text)
{
	struct config *c = config_new("/home/me");
	struct config_teller to = {quiet, NULL};

	assert_non_null(c);
	assert_true(config_parse(c, bytes_str(text), "/home/me", &to));
	return c;
}

static const struct key_facts work = {.file = {(const uint8_t *)"/home/me/.ssh/id_work", 21},
    .comment = {(const uint8_t *)"me@work", 7},
    .print = "SHA256:abcdefg/+"};

static bool matches(const char *patterns, const struct key_facts *key)
{
	char text[256] = "Key ";
	struct config *c = config_of(strncat(text, patterns, sizeof(text) - 8));
	bool result = key_patterns_match(&c->keys[0].patterns, key);

	config_free(c);
	return result;
}

static void test_patterns(void **state)
{
	const struct key_facts nothing = {.print = NULL};
	const struct key_facts bare = {.comment = bytes_str("me@work")};

	(void)state;
	assert_true(matches("*", &work));
	assert_true(matches("*", &nothing));
	assert_true(matches("*@work", &work));
	assert_true(matches("id_*", &work));
	assert_true(matches("~/.ssh/id_work", &work));
	assert_true(matches("/home/*/id_????", &work));
	assert_true(matches("SHA256:abcdefg/+", &work));
	assert_true(matches("SHA256:*", &work));
	assert_true(matches("no me@wor?", &work));
	assert_false(matches("work", &work));
	assert_false(matches("ME@WORK", &work));
	assert_false(matches("/home/me", &work));
	assert_false(matches("SHA256:abc", &work));
	assert_false(matches("* !id_work", &work));
	assert_false(matches("!~/.ssh/* *", &work));
	assert_false(matches("* !SHA256:abc*", &work));
	assert_true(matches("* !id_home", &work));
	assert_true(matches("* !~/.ssh/*", &bare));
	assert_false(matches("id_* ~/* SHA256:*", &bare));
	assert_false(matches("?*", &nothing));
}

static void test_first_block_holds(void **state)
{
	struct config *c = config_of("Keyring no\nKey id_work\nIdle 1m\nKey other\nRelock 1m\n"
				     "Key *\nIdle 2m\nConfirm forwarded\nOffer no\nKeyring yes\n");
	const struct key_facts other = {.comment = bytes_str("x")};
	struct config_policy p;

	(void)state;
	config_policy(c, &work, &p);
	assert_int_equal(p.set, KEY_IDLE | KEY_CONFIRM | KEY_OFFER | KEY_KEYRING);
	assert_int_equal(p.rules.idle, 60);
	assert_int_equal(p.rules.confirm, CONFIRM_FORWARDED);
	assert_int_equal(p.keyring, KEYRING_RULE_YES);
	assert_int_equal(p.relock, 0);
	assert_false(p.offer);
	config_policy(c, &other, &p);
	assert_int_equal(p.rules.idle, 120);
	config_free(c);
	c = config_of("Keyring no");
	config_policy(c, &work, &p);
	assert_int_equal(p.set, 0);
	assert_true(p.offer);
	assert_int_equal(p.keyring, KEYRING_RULE_NO);
	config_free(c);
}

static void test_confirm(void **state)
{
	/* rule and rule to what both make */
	static const struct {
		struct key_rules a, b, both;
	} rows[] = {
	    {{CONFIRM_NEVER, 0, 0, 0}, {CONFIRM_NEVER, 0, 0, 0}, {CONFIRM_NEVER, 0, 0, 0}},
	    {{CONFIRM_NEVER, 0, 0, 0}, {CONFIRM_TIMED, 60, 0, 0}, {CONFIRM_TIMED, 60, 0, 0}},
	    {{CONFIRM_TIMED, 90, 0, 0}, {CONFIRM_TIMED, 60, 0, 0}, {CONFIRM_TIMED, 60, 0, 0}},
	    {{CONFIRM_ALWAYS, 0, 0, 0}, {CONFIRM_TIMED, 60, 0, 0}, {CONFIRM_ALWAYS, 0, 0, 0}},
	    {{CONFIRM_ALWAYS, 0, 0, 0}, {CONFIRM_FORWARDED, 0, 0, 0}, {CONFIRM_ALWAYS, 0, 0, 0}},
	    {{CONFIRM_CONNECTION, 0, 0, 0}, {CONFIRM_CONNECTION, 0, 0, 0},
		{CONFIRM_CONNECTION, 0, 0, 0}},
	    {{CONFIRM_CONNECTION, 0, 0, 0}, {CONFIRM_FORWARDED, 0, 0, 0},
		{CONFIRM_ALWAYS, 0, 0, 0}},
	    {{CONFIRM_TIMED, 60, 0, 0}, {CONFIRM_FORWARDED, 0, 0, 0}, {CONFIRM_ALWAYS, 0, 0, 0}},
	    {{CONFIRM_NEVER, 0, 5, 0}, {CONFIRM_NEVER, 0, 3, 1}, {CONFIRM_NEVER, 0, 3, 1}},
	    {{CONFIRM_NEVER, 0, 0, 1}, {CONFIRM_NEVER, 0, 3, 0}, {CONFIRM_NEVER, 0, 3, 1}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key_rules ab = rows[i].a, ba = rows[i].b;

		policy_stricter(&ab, &rows[i].b);
		policy_stricter(&ba, &rows[i].a);
		assert_memory_equal(&ab, &rows[i].both, sizeof(ab));
		assert_memory_equal(&ba, &rows[i].both, sizeof(ba));
	}
}

static void test_times(void **state)
{
	struct config *c = config_of("Key *\nLifetime 1h\nRelock 10m\n");
	uint64_t now = clock_now();
	struct rules rules = {.expires = 0};

	(void)state;
	policy_apply(c, &work, &rules);
	assert_true(rules.expires >= now + 3600000 && rules.expires < now + 3700000);
	assert_int_equal(rules.relock, 0);
	rules = (struct rules){.expires = now + 1000};
	policy_apply(c, &work, &rules);
	assert_int_equal(rules.expires, now + 1000);
	rules = (struct rules){.expires = now + 9000000};
	policy_apply(c, &work, &rules);
	assert_true(rules.expires < now + 3700000);
	/* Of a file they are of the unlocked key, from then on. */
	rules = (struct rules){.file = work.file};
	policy_apply(c, &work, &rules);
	assert_int_equal(rules.expires, 0);
	assert_int_equal(rules.lifetime, 3600);
	assert_int_equal(rules.relock, 600);
	rules = (struct rules){.file = work.file, .lifetime = 60, .relock = 3600};
	policy_apply(c, &work, &rules);
	assert_int_equal(rules.lifetime, 60);
	assert_int_equal(rules.relock, 600);
	config_free(c);
}

static void test_destinations(void **state)
{
	struct config *c = config_of("Key *\nDestination a\n");
	struct rules rules = {.expires = 0};

	(void)state;
	assert_int_equal(blob_copy(&c->keys[0].destination_bytes, bytes_str("list")), ERR_OK);
	policy_apply(c, &work, &rules);
	assert_true(bytes_is(rules.destinations, "list"));
	rules.destinations = bytes_str("own");
	policy_apply(c, &work, &rules);
	assert_true(bytes_is(rules.destinations, "own"));
	config_free(c);
}

/* A block of which it is not known what was meant makes no rule milder than it was. */
static void test_an_unsure_block(void **state)
{
	struct config *c = config_new("/home/me");
	struct config_teller deaf = {ignore, NULL};
	struct config_policy p;

	(void)state;
	assert_non_null(c);
	assert_false(config_parse(c,
	    bytes_str("Keyring yes\nKey *\nNonsense\nKeyring no\nDestination nowhere\n"),
	    "/home/me", &deaf));
	assert_true(c->keys[0].policy.unsure);
	assert_int_equal(blob_copy(&c->keys[0].destination_bytes, bytes_str("bytes")), ERR_OK);
	config_policy(c, &work, &p);
	assert_int_equal(p.keyring, KEYRING_RULE_NO);
	assert_true(bytes_is(p.destinations, "bytes"));
	assert_true((p.set & KEY_DESTINATION) != 0);
	assert_int_equal(p.rules.confirm, CONFIRM_ALWAYS);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_patterns),
	    cmocka_unit_test(test_first_block_holds),
	    cmocka_unit_test(test_confirm),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_destinations),
	    cmocka_unit_test(test_an_unsure_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
