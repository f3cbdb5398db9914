/* The configuration: each keyword with its default, good values and bad ones; mistakes and where
 * they are. */
#include "tests/support/config_scene.h"

static void test_defaults(void **state)
{
	static const char *const empty[] = {"", "\n\n", "# only a comment\n", "   \t\r\n#x"};

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct config *c = good(empty[i]);

		assert_int_equal(c->key_directories.n, 1);
		assert_string_equal(c->key_directories.list[0], "/home/me/.ssh");
		assert_false(c->has_offer_keys || c->unlock_forwarded || c->keyring_pins ||
			     c->resident_keys || c->cards);
		assert_int_equal(c->on_screen_lock, EVENT_NOTHING);
		assert_int_equal(c->on_sleep, EVENT_NOTHING);
		assert_int_equal(c->keyring, KEYRING_RULE_ASK);
		assert_int_equal(c->modules.n + c->card_serials.n + c->slots.n, 0);
		assert_null(c->askpass);
		assert_null(c->pinentry);
		assert_null(c->prompt_order);
		assert_int_equal(c->options.set, 0);
		assert_int_equal(c->key_count + c->view_count, 0);
		config_free(c);
	}
}

static void check_globals(const struct config *c)
{
	const struct options *o = &c->options;

	assert_int_equal(c->key_directories.n, 3);
	assert_string_equal(c->key_directories.list[0], "/home/me/keys");
	assert_string_equal(c->key_directories.list[1], "/srv/more keys");
	assert_string_equal(c->key_directories.list[2], "/home/me");
	assert_true(c->has_offer_keys && c->offer_keys && c->unlock_forwarded && c->keyring_pins &&
		    c->resident_keys);
	assert_int_equal(c->on_screen_lock, EVENT_LOCK);
	assert_int_equal(c->on_sleep, EVENT_DROP);
	assert_int_equal(c->keyring, KEYRING_RULE_YES);
	assert_int_equal(c->modules.n, 3);
	assert_string_equal(c->modules.list[2], "pkcs11:token=a?module-path=/x/y.so");
	assert_true(c->cards);
	assert_string_equal(c->card_serials.list[0], "12345678");
	assert_int_equal(c->slots.n, 2);
	assert_string_equal(c->slots.list[0], "9a");
	assert_string_equal(c->askpass, "/usr/bin/ssh-askpass");
	assert_string_equal(c->pinentry, "/home/me/bin/pinentry");
	assert_string_equal(c->prompt_order, "pinentry askpass");
	assert_int_equal(o->set, OPTIONS_ALL & ~OPTION_OFFER_KEYS);
	assert_int_equal(o->prompt_timeout, 90);
	assert_int_equal(o->insert_wait, 0);
	assert_true(o->insert_wait_forwarded && o->hide_absent && o->allow_dss && o->no_rsa_sha1);
	assert_true(o->remote_pkcs11 && !o->restrict_websafe);
	assert_int_equal(o->remember_pin, UINT32_MAX);
	assert_string_equal(c->network, "/opt/*");
	assert_string_equal(c->providers, "/usr/lib/*,/opt/*");
	assert_string_equal(c->websafe, "ssh:*,me:*");
	assert_int_equal(o->secret_memory, SECRET_LOCKED);
	assert_int_equal(o->lifetime, 5400);
	assert_int_equal(o->fingerprints, FINGERPRINT_SHA512);
}

static const char globals[] =
    "keydirectory ~/keys \"/srv/more keys/\"\nKEYDIRECTORY=~\nOfferKeys yes\n"
    "UnlockForwarded = yes\nOnScreenLock lock\nOnSleep drop\nKeyring yes\nKeyringPins "
    "yes\nResidentKeys yes\n"
    "PKCS11Module /usr/lib/x.so opensc\nPKCS11Module pkcs11:token=a?module-path=/x/y.so\n"
    "Cards yes\nCardSerial 12345678\nCardSlots 9A all\nAskPass /usr/bin/ssh-askpass\n"
    "Pinentry ~/bin/pinentry\nPromptOrder Pinentry askpass # not the others\nPromptTimeout 90\n"
    "InsertWait 0\nInsertWaitForwarded yes\nRememberPin plugged\nHideAbsent yes\n"
    "PKCS11Network /opt/*\nAllowedProviders \"/usr/lib/*,/opt/*\"\nSecretMemory locked\n"
    "Lifetime 1h30m\nFingerprintHash sha512\nAllowDSS yes\nRSASHA1 no\nRestrictWebsafe no\n"
    "WebsafeAllow ssh:*,me:*\nAllowRemotePKCS11 yes\n";

static void test_globals(void **state)
{
	struct config *c = good(globals);
	struct blob packed = {0}, again = {0};
	struct config *other;

	(void)state;
	check_globals(c);
	assert_int_equal(config_pack(c, &packed), ERR_OK);
	assert_int_equal(config_unpack(blob_view(&packed), &other), ERR_OK);
	check_globals(other);
	assert_int_equal(config_pack(other, &again), ERR_OK);
	assert_true(bytes_equal(blob_view(&packed), blob_view(&again)));
	for (size_t n = 0; n < packed.len; n++) {
		struct config *none = NULL;

		assert_int_equal(config_unpack(BYTES(packed.data, n), &none), ERR_FORMAT);
		assert_null(none);
	}
	blob_clear(&packed);
	blob_clear(&again);
	config_free(other);
	config_free(c);
}

/* Each keyword that has one value takes the first, and none or two of them are a mistake. */
static void test_number_of_values(void **state)
{
	static const char *const one[] = {"OfferKeys", "UnlockForwarded", "OnScreenLock", "OnSleep",
	    "Keyring", "KeyringPins", "ResidentKeys", "Cards", "AskPass", "Pinentry",
	    "PromptTimeout", "InsertWait", "InsertWaitForwarded", "RememberPin", "HideAbsent",
	    "PKCS11Network", "AllowedProviders", "SecretMemory", "Lifetime", "FingerprintHash",
	    "AllowDSS", "RSASHA1", "RestrictWebsafe", "WebsafeAllow", "AllowRemotePKCS11", "View"};
	static const char *const several[] = {
	    "KeyDirectory", "PKCS11Module", "CardSerial", "CardSlots", "PromptOrder", "Key"};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
		snprintf(line, sizeof(line), "\n%s", one[i]);
		config_free(bad(line, 2, "has no value; write "));
		snprintf(line, sizeof(line), "\n%s = a b\n", one[i]);
		config_free(bad(line, 2, "has more than one value; write "));
	}
	for (size_t i = 0; i < sizeof(several) / sizeof(several[0]); i++) {
		snprintf(line, sizeof(line), "%s # none", several[i]);
		config_free(bad(line, 1, "has no value; write "));
	}
}

static void test_bad_values(void **state)
{
	static const char *const lines[] = {"KeyDirectory .ssh", "KeyDirectory ~me/.ssh",
	    "KeyDirectory /a/../b", "KeyDirectory /a/.", "OfferKeys maybe", "UnlockForwarded 1",
	    "OnScreenLock sleep", "OnSleep off", "Keyring maybe", "KeyringPins ask",
	    "ResidentKeys plugged", "PKCS11Module lib/x.so", "PKCS11Module \"\"", "Cards none",
	    "CardSerial a;slot=9c", "CardSlots 9b", "AskPass ssh-askpass", "Pinentry pinentry",
	    "PromptOrder askpass gui", "PromptTimeout 0", "PromptTimeout 61m", "PromptTimeout soon",
	    "InsertWait 61m", "InsertWaitForwarded 1", "RememberPin 25h", "RememberPin never",
	    "HideAbsent x", "PKCS11Network \"\"", "AllowedProviders \"\"", "SecretMemory swap",
	    "Lifetime ever", "Lifetime 99999w", "FingerprintHash crc", "AllowDSS x", "RSASHA1 x",
	    "RestrictWebsafe x", "WebsafeAllow \"\"", "AllowRemotePKCS11 x", "View agent",
	    "View a/b", "View .x"};
	static const char *const in_key[] = {"Confirm maybe", "Lifetime x", "Idle x", "Relock x",
	    "LocalOnly x", "Keyring x", "Offer x"};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "# one\n%s\n", lines[i]);
		config_free(bad(line, 2, "is no value of "));
		config_free(bad(line, 2, "; write "));
	}
	for (size_t i = 0; i < sizeof(in_key) / sizeof(in_key[0]); i++) {
		snprintf(line, sizeof(line), "Key *\n%s", in_key[i]);
		config_free(bad(line, 2, "is no value of "));
	}
}

static void test_unknown(void **state)
{
	(void)state;
	config_free(bad("KeyDirectry ~/.ssh", 1, "\"KeyDirectry\"; did you mean KeyDirectory?"));
	config_free(bad("\n\nOffer-Keys yes", 3, "did you mean OfferKeys?"));
	config_free(bad("Banana 1", 1, "\"Banana\"; see signet-config(5)"));
	config_free(bad("\x1b[2J yes", 1, "\"\\x1b[2J\""));
}

static void test_places(void **state)
{
	(void)state;
	config_free(
	    bad("Key *\nIdle 1h\nOfferKeys yes\n", 3, "move it above the first Key or View line"));
	config_free(
	    bad("View v\nKeys *\nPKCS11Module x", 3, "move it above the first Key or View line"));
	config_free(bad("Idle 1h", 1, "belongs to a block; move it below a Key line"));
	config_free(bad("Socket /x", 1, "move it below a View line"));
	config_free(bad("Confirm always", 1, "move it below a Key or View line"));
	config_free(bad("View v\nKeys *\nOffer no", 3, "move it below a Key line"));
	config_free(bad("Key *\nReadOnly yes", 2, "move it below a View line"));
}

static void test_syntax(void **state)
{
	static const char nul[] = "OfferKeys yes\nKeyr\0ing no\nKeyring yes\n";
	struct config *c =
	    good("\xef\xbb\xbfOfferKeys yes\r\n\tKeyring\tno\r\nAskPass \"/a b\\\"c\"");
	struct told t;
	bool well;
	char *big;

	(void)state;
	assert_true(c->offer_keys);
	assert_int_equal(c->keyring, KEYRING_RULE_NO);
	assert_string_equal(c->askpass, "/a b\"c");
	config_free(c);
	c = good("OfferKeys yes\nOfferKeys no\nKey a # b\nIdle 1m\nIdle 2m\nKey *\nIdle 3m");
	assert_true(c->offer_keys);
	assert_int_equal(c->key_count, 2);
	assert_int_equal(c->keys[0].patterns.n, 1);
	assert_int_equal(c->keys[0].policy.rules.idle, 60);
	config_free(c);
	config_free(bad("\nAskPass \"/a b\nKeyring no", 2, "quotation mark is left open"));
	c = parse_bytes(BYTES(nul, sizeof(nul) - 1), &t, &well);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.line, 2);
	assert_non_null(strstr(t.text, "NUL byte"));
	assert_int_equal(c->keyring, KEYRING_RULE_YES);
	config_free(c);
	big = malloc(1024 * 1024);
	assert_non_null(big);
	memset(big, '\n', 1024 * 1024);
	c = parse_bytes(BYTES(big, 1024 * 1024), &t, &well);
	assert_int_equal(t.count, 1);
	assert_non_null(strstr(t.text, "bigger than 256 KiB"));
	config_free(c);
	memset(big, 'x', CONFIG_MOST);
	c = parse_bytes(BYTES(big, CONFIG_MOST), &t, &well);
	assert_int_equal(t.count, 1);
	config_free(c);
	memcpy(big, "KeyDirectory /", 14);
	c = parse_bytes(BYTES(big, CONFIG_MOST), &t, &well);
	assert_non_null(strstr(t.text, "longer than 4096 bytes"));
	config_free(c);
	free(big);
}

static void test_limits(void **state)
{
	static char text[CONFIG_MOST];
	size_t n = 0;
	struct config *c;

	(void)state;
	for (unsigned i = 0; i <= CONFIG_BLOCKS_MOST; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "Key a%u\nIdle %u\n", i, i + 1);
	c = bad(text, 2 * CONFIG_BLOCKS_MOST + 1, "more than 1024 Key blocks; take some away");
	/* And one for all keys in the place of those that were too many. */
	assert_int_equal(c->key_count, CONFIG_BLOCKS_MOST + 1);
	assert_true(c->keys[CONFIG_BLOCKS_MOST].policy.unsure);
	assert_string_equal(c->keys[CONFIG_BLOCKS_MOST].patterns.list[0], "*");
	assert_int_equal(c->keys[CONFIG_BLOCKS_MOST - 1].policy.rules.idle, CONFIG_BLOCKS_MOST);
	config_free(c);
	n = (size_t)snprintf(text, sizeof(text), "KeyDirectory");
	for (unsigned i = 0; i <= CONFIG_DIRECTORIES_MOST; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " /d%u", i);
	config_free(bad(text, 1, "more than 64 key directories"));
	n = (size_t)snprintf(text, sizeof(text), "PKCS11Module");
	for (unsigned i = 0; i <= CONFIG_MODULES_MOST; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " m%u", i);
	config_free(bad(text, 1, "more than 32 values"));
	n = (size_t)snprintf(text, sizeof(text), "Key");
	for (unsigned i = 0; i <= CONFIG_WORDS_MOST; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " m%u", i);
	config_free(bad(text, 1, "more than 1024 values"));
}

static void test_directories(void **state)
{
	struct config *c = good("KeyDirectory none");

	(void)state;
	assert_int_equal(c->key_directories.n, 0);
	config_free(c);
	config_free(bad("KeyDirectory none /x", 1, "none beside others"));
	c = good("KeyDirectory //a//b/ /");
	assert_string_equal(c->key_directories.list[0], "/a/b");
	assert_string_equal(c->key_directories.list[1], "/");
	config_free(c);
}

static void test_blocks(void **state)
{
	struct config *c = good(
	    "Key ~/.ssh/id_* !~/.ssh/id_old SHA256:abc work-*\nConfirm 10m\nLifetime 1d\nIdle 1h\n"
	    "Relock 5m\nDestination me@a b>c\nDestination d\nLocalOnly yes\nKeyring no\nOffer no\n"
	    "View work\nSocket ~/work.sock\nKeys work-*\nKeys SHA256:*\nReadOnly yes\n"
	    "Confirm forwarded\nView bare\nKeys *");
	struct blob packed = {0};
	struct config *sent;

	(void)state;
	assert_int_equal(config_pack(c, &packed), ERR_OK);
	assert_int_equal(config_unpack(blob_view(&packed), &sent), ERR_OK);
	assert_int_equal(c->keys[0].destination_words.n, 3);
	assert_int_equal(c->keys[0].destination_lines[2], 7);
	for (unsigned i = 0; i < 2; i++) {
		const struct config *one = i == 0 ? c : sent;
		const struct config_key *k = &one->keys[0];
		const struct config_view *v = &one->views[0];

		assert_int_equal(one->key_count, 1);
		assert_int_equal(k->policy.set, KEYS_ALL);
		assert_string_equal(k->patterns.list[0], "/home/me/.ssh/id_*");
		assert_string_equal(k->patterns.list[1], "!/home/me/.ssh/id_old");
		assert_int_equal(k->policy.rules.confirm, CONFIRM_TIMED);
		assert_int_equal(k->policy.rules.confirm_seconds, 600);
		assert_int_equal(k->policy.rules.idle, 3600);
		assert_int_equal(k->policy.lifetime, 86400);
		assert_int_equal(k->policy.relock, 300);
		assert_true(k->policy.rules.local_only && !k->policy.offer);
		assert_int_equal(k->policy.keyring, KEYRING_RULE_NO);
		assert_int_equal(one->view_count, 2);
		assert_string_equal(v->name, "work");
		assert_string_equal(v->socket, "/home/me/work.sock");
		assert_int_equal(v->keys.n, 2);
		assert_int_equal(v->line, 11);
		assert_true(v->read_only && v->has_confirm);
		assert_int_equal(v->confirm.confirm, CONFIRM_FORWARDED);
		assert_null(one->views[1].socket);
		assert_false(one->views[1].read_only || one->views[1].has_confirm);
	}
	blob_clear(&packed);
	config_free(sent);
	config_free(c);
}

static void test_bad_blocks(void **state)
{
	char text[256];
	struct config *c;

	(void)state;
	config_free(bad("View a\nKeys *\nView b\nReadOnly yes\nView c\nKeys *", 3, "names no key"));
	config_free(bad("View a\nSocket /s\nKeys *\nView b\nSocket /s\nKeys *", 4, "same socket"));
	config_free(
	    bad("View a\nKeys *\nView a\nKeys *\n", 3, "there is a view a already (line 1)"));
	config_free(bad("Key !x", 1, "names none"));
	config_free(bad("Key ! x", 1, "is no value of Key"));
	snprintf(text, sizeof(text), "View a\nKeys *\nSocket /%0120d", 0);
	c = bad(text, 3, "longer than 107 bytes");
	assert_null(c->views[0].socket);
	config_free(c);
}

/* What was to restrict does so as much as it can. */
static void test_strict(void **state)
{
	struct config *c = bad("Key *\nConfirm 10x", 2, "Confirm");

	(void)state;
	assert_int_equal(c->keys[0].policy.rules.confirm, CONFIRM_ALWAYS);
	config_free(c);
	c = bad("Key *\nLocalOnly maybe", 2, "LocalOnly");
	assert_true(c->keys[0].policy.rules.local_only);
	config_free(c);
	c = bad("Key *\nOffer maybe", 2, "Offer");
	assert_true((c->keys[0].policy.set & KEY_OFFER) != 0 && !c->keys[0].policy.offer);
	config_free(c);
	c = bad("Key *\nKeyring", 2, "Keyring");
	assert_int_equal(c->keys[0].policy.keyring, KEYRING_RULE_NO);
	config_free(c);
	c = bad("Key *\nDestination", 2, "Destination");
	assert_true((c->keys[0].policy.set & KEY_DESTINATION) != 0);
	config_free(c);
	c = bad("View v\nKeys *\nReadOnly maybe", 3, "ReadOnly");
	assert_true(c->views[0].read_only);
	config_free(c);
	c = bad("View v\nKeys *\nConfirm", 3, "Confirm");
	assert_true(c->views[0].has_confirm);
	assert_int_equal(c->views[0].confirm.confirm, CONFIRM_ALWAYS);
	config_free(c);
	/* A block whose own line is wrong takes its lines along. */
	c = bad("View /\nKeys *\nSocket /s\nReadOnly yes\nKey *\nIdle 1m", 1, "View");
	assert_int_equal(c->view_count, 0);
	assert_int_equal(c->keys[0].policy.rules.idle, 60);
	config_free(c);
}

static void test_options(void **state)
{
	struct options line = {.set = OPTION_LIFETIME | OPTION_PROVIDERS | OPTION_OFFER_KEYS,
	    .lifetime = 7,
	    .providers = "/mine/*",
	    .insert_wait = 60,
	    .restrict_websafe = true};
	struct config *c = good(globals);
	struct options o;

	(void)state;
	config_options(c, &line, &o);
	assert_int_equal(o.lifetime, 7);
	assert_string_equal(o.providers, "/mine/*");
	assert_false(o.offer_keys);
	assert_string_equal(o.network, "/opt/*");
	assert_int_equal(o.insert_wait, 0);
	assert_false(o.restrict_websafe);
	assert_int_equal(o.set, OPTIONS_ALL);
	line.set = 0;
	config_options(c, &line, &o);
	assert_int_equal(o.lifetime, 5400);
	assert_true(o.offer_keys);
	config_free(c);
	c = good("");
	config_options(c, &line, &o);
	assert_int_equal(o.insert_wait, 60);
	assert_int_equal(o.set, 0);
	config_free(c);
}

/* What the reader of a packed configuration would not have written itself. */
static void refused_packed(const struct config *c)
{
	struct blob packed = {0};
	struct config *none = NULL;

	assert_int_equal(config_pack(c, &packed), ERR_OK);
	assert_int_equal(config_unpack(blob_view(&packed), &none), ERR_FORMAT);
	assert_null(none);
	blob_clear(&packed);
}

static void test_packed_nonsense(void **state)
{
	struct config *c = good("Keyring yes\n");

	(void)state;
	c->keyring = KEYRING_RULE_UNSET;
	refused_packed(c);
	config_free(c);
	c = good("");
	assert_non_null(config_add_view(c)); /* without a name */
	refused_packed(c);
	config_free(c);
	c = good("Key *\nIdle 1m\n");
	assert_int_equal(blob_copy(&c->keys[0].destination_bytes, BYTES("\0\0\0\1x", 5)), ERR_OK);
	refused_packed(c);
	config_free(c);
}

/* A home may be written with slashes behind it. */
static void test_a_home_with_slashes(void **state)
{
	struct config *c = config_new("/home/me//");
	struct told t = {.count = 0};
	struct config_teller to = {hear, &t};

	(void)state;
	assert_string_equal(c->key_directories.list[0], "/home/me/.ssh");
	assert_true(config_parse(c, bytes_str("KeyDirectory ~/keys\n"), "/home/me//", &to));
	assert_string_equal(c->key_directories.list[0], "/home/me/keys");
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_globals),
	    cmocka_unit_test(test_number_of_values),
	    cmocka_unit_test(test_bad_values),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_syntax),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_directories),
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_bad_blocks),
	    cmocka_unit_test(test_strict),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_packed_nonsense),
	    cmocka_unit_test(test_a_home_with_slashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
