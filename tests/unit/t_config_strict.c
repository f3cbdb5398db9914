/* Mistakes in the configuration: what was to restrict keys and views does, as much as it can; each
 * line is looked at. */
#include "tests/support/config_scene.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config_policy policy_of(const struct config *c, const char *comment)
{
	const struct key_facts key = {.comment = bytes_str(comment)};
	struct config_policy p;

	config_policy(c, &key, &p);
	return p;
}

/* Lines that may have meant anything restrict the keys of their block, wherever they stand. */
static void test_unknown_restricts(void **state)
{
	static const char *const texts[] = {"Key a\nConfrim 10m",
	    "Key a\nConfirm never\nLocalOny yes", "Key a\nLocalOny yes\nConfirm never",
	    "Key a\nCards yes", "Key a\nSocket /x", "Key a\nBanana", "Key a\n= b",
	    "Key a\nIdle \"1h\nKey *\nConfirm always", "Kye a\nConfirm always",
	    "\"Key\" a\nIdle 1h", "Confirm always"};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct told t;
		bool well;

		c = parse_bytes(bytes_str(texts[i]), &t, &well);
		assert_false(well);
		if (policy_of(c, "a").rules.confirm != CONFIRM_ALWAYS)
			fail_msg("'%s' leaves its key free", texts[i]);
		config_free(c);
	}
	c = bad("Key a\nLifetme 1h\nKey *\nConfirm forwarded", 2, "Lifetime?");
	assert_int_equal(policy_of(c, "b").rules.confirm, CONFIRM_FORWARDED);
	config_free(c);
}

/* A Key line with a mistake may have named any key; but it frees none. */
static void test_key_line_restricts(void **state)
{
	static const char *const lines[] = {
	    "Key \"work laptop", "Key", "Key ! x", "Key !x", "Key wo\\\"rk \""};
	static const char nul[] = "Key a\nConfirm never\nKey\0 b\nConfirm always";
	char text[256];
	struct config_policy p;
	struct told t;
	bool well;
	struct config *c;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text),
		    "%s\nConfirm 10m\nIdle 1h\nKeyring yes\nOffer yes\nKey mine\nConfirm always\n"
		    "Keyring no\nOffer no\nIdle 1m",
		    lines[i]);
		c = bad(text, 1, "");
		p = policy_of(c, "other");
		assert_int_equal(p.rules.confirm, CONFIRM_TIMED);
		assert_int_equal(p.rules.idle, 3600);
		assert_int_equal(p.keyring, KEYRING_RULE_ASK);
		p = policy_of(c, "mine");
		assert_int_equal(p.rules.confirm, CONFIRM_ALWAYS);
		assert_int_equal(p.rules.idle, 60);
		assert_int_equal(p.keyring, KEYRING_RULE_NO);
		assert_false(p.offer);
		config_free(c);
	}
	c = parse_bytes(BYTES(nul, sizeof(nul) - 1), &t, &well);
	assert_int_equal(t.count, 1);
	assert_int_equal(policy_of(c, "b").rules.confirm, CONFIRM_ALWAYS);
	config_free(c);
}

static void test_bad_times_restrict(void **state)
{
	static const char *const times[] = {"never", "", "99999w", "1 2"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "Lifetime %s", times[i]);
		c = bad(text, 1, "Lifetime");
		assert_int_equal(c->options.lifetime, 60);
		assert_true((c->options.set & OPTION_LIFETIME) != 0);
		config_free(c);
		snprintf(text, sizeof(text), "Key a\nLifetime %s", times[i]);
		c = bad(text, 2, "Lifetime");
		assert_int_equal(policy_of(c, "a").lifetime, 60);
		config_free(c);
		snprintf(text, sizeof(text), "Key a\nIdle %s", times[i]);
		c = bad(text, 2, "Idle");
		assert_int_equal(policy_of(c, "a").rules.idle, 60);
		config_free(c);
		snprintf(text, sizeof(text), "Key a\nRelock %s", times[i]);
		c = bad(text, 2, "Relock");
		assert_int_equal(policy_of(c, "a").relock, 60);
		config_free(c);
	}
}

static void test_views_restrict(void **state)
{
	static const char *const texts[] = {"View v\nKeys *\nReadOny yes",
	    "View v\nReadOny yes\nReadOnly no\nConfirm never\nKeys *",
	    "View v\nKeys *\nConfirm never\nLocalOnly yes", "View v\nKeys *\nView v\nReadOnly yes"};
	static const char *const lost[] = {
	    "View v\nKeys *\nKeys \"!secret", "View v\nKeys * ! secret", "View v\nKeys !secret"};
	struct told t;
	struct config *c;
	bool well;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		c = parse_bytes(bytes_str(texts[i]), &t, &well);
		if (!c->views[0].read_only || !c->views[0].has_confirm ||
		    c->views[0].confirm.confirm != CONFIRM_ALWAYS)
			fail_msg("'%s' leaves its view free", texts[i]);
		assert_int_equal(c->view_count, 1);
		config_free(c);
	}
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		c = bad(lost[i], i == 0 ? 3 : 2, "");
		assert_int_equal(c->views[0].keys.n, 0);
		config_free(c);
	}
}

/* Each line is looked at, and the first that is right holds. */
static void test_later_lines(void **state)
{
	struct config *c = bad("PromptTimeout 30s\nPromptTimeout 9h", 2, "PromptTimeout");

	(void)state;
	assert_int_equal(c->options.prompt_timeout, 30);
	config_free(c);
	c = bad("AskPass askpass\nAskPass /usr/bin/ssh-askpass\nAskPass /x", 1, "AskPass");
	assert_string_equal(c->askpass, "/usr/bin/ssh-askpass");
	config_free(c);
	c = bad("Key a\nConfirm alwys\nConfirm never", 2, "Confirm");
	assert_int_equal(policy_of(c, "a").rules.confirm, CONFIRM_ALWAYS);
	config_free(c);
	c = bad("Key a\nConfirm never\nConfirm alwys", 3, "Confirm");
	assert_int_equal(policy_of(c, "a").rules.confirm, CONFIRM_NEVER);
	config_free(c);
	c = bad("View v\nKeys *\nSocket /a\nSocket b", 4, "Socket");
	assert_string_equal(c->views[0].socket, "/a");
	config_free(c);
	config_free(bad("View agent\nKeys *", 1, "which are taken"));
	config_free(good("Cards yes\nCards no"));
}

/* What a file says that is not to be followed. */
static void test_refused(void **state)
{
	const struct options line = {.set = OPTION_OFFER_KEYS, .offer_keys = true};
	struct told t = {.count = 0};
	const struct config_teller to = {hear, &t};
	struct blob packed = {0};
	struct config *c, *sent;
	struct options o;
	bool well = true;

	(void)state;
	assert_int_equal(config_load("/", &to, &c, &well), ERR_OK);
	assert_false(well);
	assert_int_equal(t.count, 1);
	assert_int_equal(config_pack(c, &packed), ERR_OK);
	assert_int_equal(config_unpack(blob_view(&packed), &sent), ERR_OK);
	assert_true(sent->refused);
	assert_string_equal(sent->path, "/");
	assert_int_equal(policy_of(sent, "any").rules.confirm, CONFIRM_ALWAYS);
	config_options(sent, &line, &o);
	assert_false(o.offer_keys);
	assert_true((o.set & OPTION_OFFER_KEYS) != 0);
	blob_clear(&packed);
	config_free(sent);
	config_free(c);
}

/* config_load of the default file, as a user that may not look into every folder: 0 when all is
 * well and nothing was told. */
static int load_unprivileged(const char *home)
{
	pid_t child = fork();

	if (child == 0) {
		struct told t = {.count = 0};
		const struct config_teller to = {hear, &t};
		struct config *c;
		bool well = false;

		(void)unsetenv("XDG_CONFIG_HOME");
		if (setenv("HOME", home, 1) != 0 || setresuid(65534, 65534, 65534) != 0 ||
		    config_load(NULL, &to, &c, &well) != ERR_OK)
			_exit(2);
		_exit(well && t.count == 0 && !c->refused ? 0 : 1);
	}
	child = base_wait_end(child);
	return WIFEXITED(child) ? WEXITSTATUS(child) : -1;
}

/* Behind a folder of somebody else no configuration is ours; one behind a folder of our own that is
 * shut is a mistake.
 */
static void test_a_home_of_others(void **state)
{
	char folder[64], home[128];

	(void)state;
	if (getuid() != 0)
		base_skip("not on Debian 12: only root can become another user");
	base_folder_make(folder);
	assert_int_equal(chmod(folder, 0755), 0);
	snprintf(home, sizeof(home), "%s/home", folder);
	assert_int_equal(mkdir(home, 0700), 0);
	assert_int_equal(load_unprivileged(home), 0);
	assert_int_equal(chown(home, 65534, 65534), 0);
	assert_int_equal(load_unprivileged(home), 0);
	assert_int_equal(chmod(home, 0), 0);
	assert_int_equal(load_unprivileged(home), 1);
	base_folder_remove(folder);
}

/* Where the default file is: of a HOME that is no absolute path nothing is taken. */
static void test_where_the_file_is(void **state)
{
	const char *home = getenv("HOME"), *folder = getenv("XDG_CONFIG_HOME");
	char *before[] = {
	    home != NULL ? strdup(home) : NULL, folder != NULL ? strdup(folder) : NULL};
	char *path;

	(void)state;
	assert_int_equal(setenv("XDG_CONFIG_HOME", "/x", 1), 0);
	path = config_default_path();
	assert_string_equal(path, "/x/signet/config");
	free(path);
	assert_int_equal(setenv("XDG_CONFIG_HOME", "x", 1), 0);
	assert_int_equal(setenv("HOME", "/h", 1), 0);
	path = config_default_path();
	assert_string_equal(path, "/h/.config/signet/config");
	free(path);
	assert_int_equal(setenv("HOME", "h", 1), 0);
	path = config_default_path();
	assert_int_equal(path[0], '/');
	assert_null(strstr(path, "/h/"));
	free(path);
	for (size_t i = 0; i < 2; i++) {
		const char *name = i == 0 ? "HOME" : "XDG_CONFIG_HOME";

		if (before[i] != NULL)
			assert_int_equal(setenv(name, before[i], 1), 0);
		else
			assert_int_equal(unsetenv(name), 0);
		free(before[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unknown_restricts),
	    cmocka_unit_test(test_key_line_restricts),
	    cmocka_unit_test(test_bad_times_restrict),
	    cmocka_unit_test(test_views_restrict),
	    cmocka_unit_test(test_later_lines),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_a_home_of_others),
	    cmocka_unit_test(test_where_the_file_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
