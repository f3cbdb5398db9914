/*
 * Session binds and keys with destination constraints.  Hosts are keys made by ssh-keygen and
 * openssl; what a host would sign in a key exchange, the agent signs for it on another connection.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agent_client_keys.h"

enum { BINDS = 16, SESSION_MAX = 128 };

static struct probe agent;
static int client; /* bound by no test: adds keys, and signs for hosts */

static const struct test_key *host(const char *name)
{
	return test_key("ed25519", name);
}

static const struct test_key *user_key(void)
{
	return test_key("ed25519", "user");
}

static void hold(const struct test_key *key)
{
	struct wire w = ask_add(key, "host");

	probe_expect(client, &w, MSG_SUCCESS);
}

/* What is shown for a host: its key, unless certificate says something else. */
struct binding {
	const struct test_key *key;
	const struct wire *certificate;
	const char *session, *signed_session; /* NULL: the same */
	uint32_t flags;
	bool forwarding;
};

static struct wire ask_bind(const struct binding *b)
{
	struct wire w = ask_text(MSG_EXTENSION, "session-bind@openssh.com"), signature;
	const char *text = b->signed_session != NULL ? b->signed_session : b->session;
	struct wire data = {0};
	const struct wire *shown = b->certificate != NULL ? b->certificate : &b->key->blob;

	hold(b->key);
	wire_raw(&data, text, strlen(text));
	signature = probe_sign(client, &b->key->blob, &data, b->flags);
	wire_string(&w, shown->data, shown->len);
	wire_string(&w, b->session, strlen(b->session));
	wire_string(&w, signature.data, signature.len);
	wire_u8(&w, b->forwarding);
	wire_free(&data);
	wire_free(&signature);
	return w;
}

static void bind_expect(int fd, struct binding b, uint8_t reply)
{
	struct wire w = ask_bind(&b);

	probe_expect(fd, &w, reply);
}

static void bind_host(int fd, const char *name, const char *session, bool forwarding)
{
	bind_expect(fd,
	    (struct binding){.key = host(name), .session = session, .forwarding = forwarding},
	    MSG_SUCCESS);
}

/* A hop: user, host, reserved and one key; name NULL is this machine. */
struct hop_spec {
	const char *user, *name, *reserved;
	const struct wire *key;
	bool is_ca;
};

static void put_hop(struct wire *w, struct hop_spec h)
{
	struct wire hop = {0};

	wire_text(&hop, h.user != NULL ? h.user : "");
	wire_text(&hop, h.name != NULL ? h.name : "");
	wire_text(&hop, h.reserved != NULL ? h.reserved : "");
	if (h.key != NULL) {
		wire_string(&hop, h.key->data, h.key->len);
		wire_u8(&hop, h.is_ca);
	}
	wire_string(w, hop.data, hop.len);
	wire_free(&hop);
}

static void put_route(
    struct wire *list, struct hop_spec from, struct hop_spec to, const char *reserved)
{
	struct wire one = {0};

	put_hop(&one, from);
	put_hop(&one, to);
	wire_text(&one, reserved);
	wire_string(list, one.data, one.len);
	wire_free(&one);
}

static struct hop_spec known(const char *name)
{
	return (struct hop_spec){.name = name, .key = &host(name)->blob};
}

static struct hop_spec here(void)
{
	return (struct hop_spec){0};
}

/* Add the user's key with this list (freed). */
static void add_routed(int fd, struct wire *list, uint8_t reply)
{
	struct wire w = ask_add_constrained(user_key(), "routed");

	constrain_extension(&w, "restrict-destination-v00@openssh.com");
	wire_string(&w, list->data, list->len);
	wire_free(list);
	probe_expect(fd, &w, reply);
}

/* Here to a, a to b as u*. */
static void add_a_to_b(void)
{
	struct wire list = {0};
	struct hop_spec b = known("b");

	b.user = "u*";
	put_route(&list, here(), known("a"), "");
	put_route(&list, known("a"), b, "");
	add_routed(client, &list, MSG_SUCCESS);
}

struct login {
	const char *session, *user;
	const struct wire *key;      /* NULL: the user's */
	const struct wire *host_key; /* NULL: not named */
	bool surplus;
};

static struct wire login_data(struct login l)
{
	struct wire w = {0};
	const struct wire *key = l.key != NULL ? l.key : &user_key()->blob;

	wire_string(&w, l.session, strlen(l.session));
	wire_u8(&w, 50);
	wire_text(&w, l.user);
	wire_text(&w, "ssh-connection");
	wire_text(&w, l.host_key != NULL ? "publickey-hostbound-v00@openssh.com" : "publickey");
	wire_u8(&w, 1);
	wire_text(&w, "ssh-ed25519");
	wire_string(&w, key->data, key->len);
	if (l.host_key != NULL)
		wire_string(&w, l.host_key->data, l.host_key->len);
	if (l.surplus)
		wire_u8(&w, 0);
	return w;
}

static void sign_data_expect(int fd, struct wire *data, bool allowed)
{
	struct wire ask = ask_sign(&user_key()->blob, data, 0);
	struct wire reply = probe_ask(fd, &ask);

	assert_int_equal(reply.data[0], allowed ? MSG_SIGNATURE : MSG_FAILURE);
	wire_free(&reply);
	wire_free(data);
}

static void sign_expect(int fd, struct login l, bool allowed)
{
	struct wire data = login_data(l);

	sign_data_expect(fd, &data, allowed);
}

static bool listed(int fd)
{
	return probe_holds(fd, &user_key()->blob);
}

static void test_every_host_key_type(void **state)
{
	static const struct {
		const char *what;
		uint32_t flags;
	} types[] = {{"ed25519", 0}, {"ed448", 0}, {"ecdsa256", 0}, {"ecdsa384", 0},
	    {"ecdsa521", 0}, {"rsa2048", 0}, {"rsa2048", 2}, {"rsa2048", 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct binding b = {.key = test_key(types[i].what, "host"),
		    .session = "one",
		    .flags = types[i].flags,
		    .forwarding = true};
		int fd = probe_dial(&agent);

		bind_expect(fd, b, MSG_SUCCESS);
		b.session = "two";
		b.signed_session = "one";
		bind_expect(fd, b, MSG_EXTENSION_FAILURE);
		close(fd);
	}
}

static void test_the_listed_route(void **state)
{
	const struct wire *b = &host("b")->blob;
	int fd = probe_dial(&agent);

	(void)state;
	add_a_to_b();
	bind_host(fd, "a", "s1", true);
	assert_true(listed(fd));
	bind_host(fd, "b", "s2", false);
	assert_true(listed(fd));
	sign_expect(fd, (struct login){.session = "s2", .user = "uwe", .host_key = b}, true);
	sign_expect(fd, (struct login){.session = "s2", .user = "root", .host_key = b}, false);
	/* Behind a forwarding the host must be named. */
	sign_expect(fd, (struct login){.session = "s2", .user = "uwe"}, false);
	sign_expect(fd, (struct login){.session = "s1", .user = "uwe", .host_key = b}, false);
	sign_expect(fd,
	    (struct login){.session = "s2", .user = "uwe", .host_key = &host("a")->blob}, false);
	sign_expect(
	    fd, (struct login){.session = "s2", .user = "uwe", .key = b, .host_key = b}, false);
	sign_expect(fd,
	    (struct login){.session = "s2", .user = "uwe", .host_key = b, .surplus = true}, false);
	close(fd);
}

static void test_first_hop(void **state)
{
	int fd = probe_dial(&agent);

	(void)state;
	add_a_to_b();
	/* Listed and removable here, but good for no host without a bind. */
	assert_true(listed(fd));
	sign_expect(fd, (struct login){.session = "s1", .user = "uwe"}, false);
	bind_host(fd, "a", "s1", false);
	sign_expect(fd, (struct login){.session = "s1", .user = "anybody"}, true);
	sign_expect(fd,
	    (struct login){.session = "s1", .user = "anybody", .host_key = &host("a")->blob}, true);
	/* After a login's bind nothing more may be bound. */
	bind_expect(fd, (struct binding){.key = host("b"), .session = "s2"}, MSG_EXTENSION_FAILURE);
	sign_expect(fd, (struct login){.session = "s1", .user = "anybody"}, false);
	close(fd);
}

static void test_off_the_route(void **state)
{
	int direct = probe_dial(&agent), wrong = probe_dial(&agent), beyond = probe_dial(&agent);

	(void)state;
	add_a_to_b();
	bind_host(direct, "b", "s1", false);
	assert_false(listed(direct));
	sign_expect(direct, (struct login){.session = "s1", .user = "uwe"}, false);
	bind_host(wrong, "x", "s1", true);
	bind_host(wrong, "b", "s2", false);
	assert_false(listed(wrong));
	sign_expect(wrong,
	    (struct login){.session = "s2", .user = "uwe", .host_key = &host("b")->blob}, false);
	/* Nobody goes on from b: there the key is not even seen, and cannot be removed. */
	bind_host(beyond, "a", "s1", true);
	bind_host(beyond, "b", "s2", true);
	assert_false(listed(beyond));
	struct wire ask = ask_string(MSG_REMOVE, user_key()->blob.data, user_key()->blob.len);
	probe_expect(beyond, &ask, MSG_FAILURE);
	assert_true(listed(client));
	ask = ask_plain(MSG_REMOVE_ALL);
	probe_expect(beyond, &ask, MSG_SUCCESS);
	assert_false(listed(client));
	close(direct);
	close(wrong);
	close(beyond);
}

static void test_other_data_is_refused(void **state)
{
	int fd = probe_dial(&agent);
	struct wire data = {0};

	(void)state;
	add_a_to_b();
	bind_host(fd, "a", "s1", false);
	wire_raw(&data, "SSHSIG", 6);
	wire_text(&data, "git");
	wire_text(&data, "");
	wire_text(&data, "sha256");
	wire_text(&data, "0123456789abcdef0123456789abcdef");
	sign_data_expect(fd, &data, false);
	data = (struct wire){0};
	wire_raw(&data, "anything", 8);
	sign_data_expect(fd, &data, false);
	close(fd);
}

/* By a key without constraints, too. */
static void test_forged_is_remembered(void **state)
{
	int fd = probe_dial(&agent);
	struct binding b = {.key = host("a"), .session = "s1", .signed_session = "s2"};
	struct wire data = {0}, ask;

	(void)state;
	add_a_to_b();
	bind_expect(fd, b, MSG_EXTENSION_FAILURE);
	assert_false(listed(fd));
	b.signed_session = NULL;
	bind_expect(fd, b, MSG_SUCCESS);
	sign_expect(fd, (struct login){.session = "s1", .user = "uwe"}, false);
	wire_text(&data, "data");
	ask = ask_sign(&host("a")->blob, &data, 0);
	probe_expect(fd, &ask, MSG_FAILURE);
	wire_free(&data);
	close(fd);
}

static void test_duplicate_and_replayed(void **state)
{
	int fd = probe_dial(&agent);
	struct binding other = {.key = host("b"), .session = "s1", .forwarding = true};

	(void)state;
	add_a_to_b();
	bind_host(fd, "a", "s1", true);
	bind_host(fd, "a", "s1", true);
	assert_true(listed(fd));
	bind_expect(fd, other, MSG_EXTENSION_FAILURE);
	assert_false(listed(fd));
	close(fd);
}

static void test_seventeenth(void **state)
{
	int fd = probe_dial(&agent);
	char session[24];

	(void)state;
	for (int i = 0; i <= BINDS; i++) {
		snprintf(session, sizeof(session), "session %d", i);
		bind_expect(fd,
		    (struct binding){.key = host("a"), .session = session, .forwarding = true},
		    i < BINDS ? MSG_SUCCESS : MSG_EXTENSION_FAILURE);
	}
	close(fd);
}

static void test_truncated_and_surplus(void **state)
{
	struct binding b = {.key = host("a"), .session = "s1", .forwarding = true};
	struct wire whole = ask_bind(&b);
	size_t head = 1 + 4 + strlen("session-bind@openssh.com");
	int fd;

	(void)state;
	add_a_to_b();
	for (size_t len = head; len <= whole.len + 1; len++) {
		struct wire w = {0};

		if (len == whole.len)
			continue;
		fd = probe_dial(&agent);
		wire_raw(&w, whole.data, len < whole.len ? len : whole.len);
		if (len > whole.len)
			wire_u8(&w, 0);
		probe_expect(fd, &w, MSG_EXTENSION_FAILURE);
		assert_false(listed(fd));
		close(fd);
	}
	wire_free(&whole);
}

static void test_length_of_the_session(void **state)
{
	char session[SESSION_MAX + 2];
	struct binding b = {.key = host("a"), .session = session, .forwarding = true};
	int fd = probe_dial(&agent);

	(void)state;
	memset(session, 's', sizeof(session));
	session[SESSION_MAX] = '\0';
	bind_expect(fd, b, MSG_SUCCESS);
	session[SESSION_MAX] = 's';
	session[SESSION_MAX + 1] = '\0';
	bind_expect(fd, b, MSG_EXTENSION_FAILURE);
	close(fd);
	fd = probe_dial(&agent);
	b.session = "";
	bind_expect(fd, b, MSG_EXTENSION_FAILURE);
	close(fd);
}

/* What a locked agent forwarded must not look local after unlocking. */
static void test_bound_while_locked(void **state)
{
	int fd = probe_dial(&agent);
	struct binding b = {.key = host("b"), .session = "s1", .forwarding = true};
	struct wire bind = ask_bind(&b), ask = ask_text(MSG_LOCK, "secret");

	(void)state;
	add_a_to_b();
	probe_expect(client, &ask, MSG_SUCCESS);
	probe_expect(fd, &bind, MSG_SUCCESS);
	ask = ask_text(MSG_UNLOCK, "secret");
	probe_expect(client, &ask, MSG_SUCCESS);
	assert_true(listed(client));
	assert_false(listed(fd));
	close(fd);
}

static struct wire certificate(const char *options, const char *name)
{
	const struct test_key *ca = test_key("ed25519", "ca"), *key = host(name);
	char path[192];

	shell(
	    "cd %s && chmod 600 %s && ssh-keygen -y -f %s >h.pub && "
	    "ssh-keygen -q -s %s -I test %s h.pub && cut -d' ' -f2 h-cert.pub | base64 -d >h.blob",
	    keys_folder(), key->path, key->path, ca->path, options);
	snprintf(path, sizeof(path), "%s/h.blob", keys_folder());
	return file_read(path);
}

/* Bind to a host with this certificate: is the key, limited to its authority, seen there? */
static void certified_expect(const char *options, uint8_t reply, bool seen)
{
	struct wire cert = certificate(options, "c"), list = {0};
	struct hop_spec to = {
	    .name = "c.example", .key = &test_key("ed25519", "ca")->blob, .is_ca = true};
	int fd = probe_dial(&agent);

	put_route(&list, here(), to, "");
	add_routed(client, &list, MSG_SUCCESS);
	bind_expect(
	    fd, (struct binding){.key = host("c"), .certificate = &cert, .session = "s1"}, reply);
	assert_int_equal(listed(fd), seen);
	sign_expect(fd, (struct login){.session = "s1", .user = "uwe", .host_key = &cert}, seen);
	close(fd);
	wire_free(&cert);
}

static void test_certified_hosts(void **state)
{
	(void)state;
	certified_expect("-h -n c.example", MSG_SUCCESS, true);
	certified_expect("-h -n other,*.example", MSG_SUCCESS, true);
	certified_expect("-h -n other.example", MSG_SUCCESS, false);
	certified_expect("-h", MSG_SUCCESS, false); /* for no host in particular: for none */
	certified_expect("-h -n c.example -V 20010101:20020101", MSG_SUCCESS, false);
	certified_expect("-h -n c.example -V 20990101:21000101", MSG_SUCCESS, false);
	certified_expect("-n c.example", MSG_EXTENSION_FAILURE, false);
}

/* The last byte of a certificate is of its authority's signature. */
static void test_forged_certificate(void **state)
{
	struct wire cert = certificate("-h -n c.example", "c");
	int fd = probe_dial(&agent);

	(void)state;
	cert.data[cert.len - 1] ^= 1;
	bind_expect(fd, (struct binding){.key = host("c"), .certificate = &cert, .session = "s1"},
	    MSG_EXTENSION_FAILURE);
	close(fd);
	wire_free(&cert);
}

/* A plain key does not stand for the authority of the same key, nor the other way round. */
static void test_key_is_no_authority(void **state)
{
	struct wire list = {0};
	struct hop_spec to = known("a");
	int fd = probe_dial(&agent);

	(void)state;
	to.is_ca = true;
	put_route(&list, here(), to, "");
	add_routed(client, &list, MSG_SUCCESS);
	bind_host(fd, "a", "s1", false);
	assert_false(listed(fd));
	close(fd);
}

static void bad_route(struct hop_spec from, struct hop_spec to, const char *reserved)
{
	struct wire list = {0};

	put_route(&list, from, to, reserved);
	add_routed(client, &list, MSG_FAILURE);
}

static void test_malformed_constraints(void **state)
{
	struct hop_spec a = known("a"), bad = a;
	struct wire junk = {(uint8_t[]){0, 0, 0, 1, 'x'}, 5}, list = {0};
	char pattern[258];

	(void)state;
	add_routed(client, &list, MSG_FAILURE); /* no destination at all */
	bad_route(here(), a, "r");
	bad.reserved = "r";
	bad_route(here(), bad, "");
	bad_route((struct hop_spec){.reserved = "r"}, a, "");
	bad_route((struct hop_spec){.user = "u"}, a, "");
	bad_route((struct hop_spec){.name = "n"}, a, "");
	bad_route((struct hop_spec){.key = a.key}, a, "");
	bad_route(here(), here(), "");
	bad_route(here(), (struct hop_spec){.name = "n"}, "");
	bad_route(here(), (struct hop_spec){.name = "n", .key = &junk}, "");
	memset(pattern, '*', sizeof(pattern));
	pattern[257] = '\0';
	bad = a;
	bad.user = pattern;
	bad_route(here(), bad, "");
	pattern[256] = '\0';
	put_route(&list, here(), bad, "");
	wire_u8(&list, 0);
	add_routed(client, &list, MSG_FAILURE); /* surplus */
	put_route(&list, here(), bad, "");
	add_routed(client, &list, MSG_SUCCESS);
}

static void test_adding_again_replaces(void **state)
{
	struct wire w = ask_add(user_key(), "free");
	int fd = probe_dial(&agent);

	(void)state;
	add_a_to_b();
	bind_host(fd, "x", "s1", false);
	assert_false(listed(fd));
	probe_expect(client, &w, MSG_SUCCESS);
	assert_true(listed(fd));
	add_a_to_b();
	assert_false(listed(fd));
	close(fd);
}

static int start(void **state)
{
	(void)state;
	probe_start(&agent, &(struct probe_options){0});
	client = probe_dial(&agent);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(client);
	probe_end(&agent);
	return 0;
}

static int last(void **state)
{
	(void)state;
	keys_remove();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_every_host_key_type),
	    TEST(test_the_listed_route),
	    TEST(test_first_hop),
	    TEST(test_off_the_route),
	    TEST(test_other_data_is_refused),
	    TEST(test_forged_is_remembered),
	    TEST(test_duplicate_and_replayed),
	    TEST(test_seventeenth),
	    TEST(test_truncated_and_surplus),
	    TEST(test_length_of_the_session),
	    TEST(test_bound_while_locked),
	    TEST(test_certified_hosts),
	    TEST(test_forged_certificate),
	    TEST(test_key_is_no_authority),
	    TEST(test_malformed_constraints),
	    TEST(test_adding_again_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, last);
}
