/* What keys of applications other than SSH's may sign. */
#include "tests/support/base_test.h"

#include "agent/websafe.h"
#include "keystore/crypto.h"
#include "tests/support/keys_ssh.h"
#include "tests/support/proto_vectors.h"

static struct key *sk_key(const char *application)
{
	struct privkey pk = {0};
	struct key *key = NULL;
	bool is_cert;

	pk.type = pk.public.type = keytype_find(bytes_str("sk-ssh-ed25519@openssh.com"), &is_cert);
	pk.public.raw = bytes_str("01234567890123456789012345678901");
	pk.public.application = bytes_str(application);
	pk.sk.handle = bytes_str("handle");
	pk.sk.flags = 1;
	assert_int_equal(key_import(&pk, &key), ERR_OK);
	return key;
}

/* RFC 4252, section 7, with this key. */
static void build_login(struct builder *b, struct bytes key)
{
	builder_clear(b);
	builder_cstring(b, "0123456789abcdef0123456789abcdef");
	builder_u8(b, 50);
	builder_cstring(b, "root");
	builder_cstring(b, "ssh-connection");
	builder_cstring(b, "publickey");
	builder_u8(b, 1);
	builder_cstring(b, "sk-ssh-ed25519@openssh.com");
	builder_string(b, key);
}

static enum err permitted(const struct options *o, struct key *key, struct bytes data)
{
	struct identity id = {.key = key, .blob = key_blob(key)};

	return websafe_permit(o, &id, data);
}

static void test_applications(void **state)
{
	static const struct {
		const char *application;
		enum err by_default, restricted; /* -O websafe-allow=ssh:work,https://a.* */
	} rows[] = {
	    {"ssh:", ERR_OK, ERR_WEBSAFE},
	    {"ssh:work", ERR_OK, ERR_OK},
	    {"ssh", ERR_WEBSAFE, ERR_WEBSAFE},
	    {"SSH:", ERR_WEBSAFE, ERR_WEBSAFE},
	    {" ssh:", ERR_WEBSAFE, ERR_WEBSAFE},
	    {"", ERR_WEBSAFE, ERR_WEBSAFE},
	    {"https://a.example", ERR_WEBSAFE, ERR_OK},
	    {"https://b.example", ERR_WEBSAFE, ERR_WEBSAFE},
	};
	const struct options usual = {.restrict_websafe = true};
	const struct options chosen = {.restrict_websafe = true, .websafe = "ssh:work,https://a.*"};
	const struct options none = {.restrict_websafe = true, .websafe = ""};
	const struct options off = {.restrict_websafe = false, .websafe = "ssh:work"};
	struct bytes data = bytes_str("what a web site makes up");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key *key = sk_key(rows[i].application);

		assert_int_equal(permitted(&usual, key, data), rows[i].by_default);
		assert_int_equal(permitted(&chosen, key, data), rows[i].restricted);
		assert_int_equal(permitted(&none, key, data), ERR_WEBSAFE);
		assert_int_equal(permitted(&off, key, data), ERR_OK);
		key_unref(key);
	}
}

static void test_logins_and_sshsigs_are_for_ssh(void **state)
{
	const struct options o = {.restrict_websafe = true};
	struct key *key = sk_key("https://a.example"), *other = sk_key("https://b.example");
	struct identity id = {.key = key, .blob = bytes_str("its certificate")};
	struct builder b = {0};

	(void)state;
	assert_int_equal(permitted(&o, key, vector("sshsig.signed")), ERR_OK);
	/* ssh's own login, but with another key. */
	assert_int_equal(permitted(&o, key, vector("login.signed")), ERR_WEBSAFE);
	build_login(&b, key_blob(key));
	assert_int_equal(permitted(&o, key, builder_view(&b)), ERR_OK);
	assert_int_equal(permitted(&o, other, builder_view(&b)), ERR_WEBSAFE);
	assert_int_equal(websafe_permit(&o, &id, builder_view(&b)), ERR_OK);
	/* Neither more nor less than a login. */
	builder_u8(&b, 0);
	assert_int_equal(permitted(&o, key, builder_view(&b)), ERR_WEBSAFE);
	b.len -= 2;
	assert_int_equal(permitted(&o, key, builder_view(&b)), ERR_WEBSAFE);
	build_login(&b, id.blob);
	assert_int_equal(websafe_permit(&o, &id, builder_view(&b)), ERR_OK);
	assert_int_equal(permitted(&o, key, builder_view(&b)), ERR_WEBSAFE);
	assert_int_equal(permitted(&o, key, BYTES_NONE), ERR_WEBSAFE);
	/* What stands in a web site's client data. */
	assert_int_equal(
	    permitted(&o, key, bytes_str("{\"type\":\"webauthn.get\",\"challenge\":\"\"}")),
	    ERR_WEBSAFE);
	builder_clear(&b);
	key_unref(key);
	key_unref(other);
}

static void test_other_keys_sign_anything(void **state)
{
	const struct options o = {.restrict_websafe = true};
	struct keys_dir dir;
	struct builder wire = {0};
	struct key *key;

	(void)state;
	keys_dir_make(&dir);
	keys_generate(&dir, "plain", "-t ed25519", &wire);
	key = keys_import(&wire);
	assert_int_equal(permitted(&o, key, bytes_str("anything")), ERR_OK);
	key_unref(key);
	builder_clear(&wire);
	keys_dir_remove(&dir);
}

static int setup(void **state)
{
	crypto_clean_environment();
	return crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK ? vectors_load(state) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_applications),
	    cmocka_unit_test(test_logins_and_sshsigs_are_for_ssh),
	    cmocka_unit_test(test_other_keys_sign_anything),
	};

	return cmocka_run_group_tests(tests, setup, vectors_unload);
}
