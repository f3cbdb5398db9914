/* The same numbers as bytes: keys, hosts, constraints, data, as clients send them. */
#ifndef SIGNET_FUZZ_HISTORY_LEXICON_H
#define SIGNET_FUZZ_HISTORY_LEXICON_H

#include <openssl/evp.h>

#include "keystore/key.h"
#include "proto/agentmsg.h"
#include "proto/destination.h"
#include "proto/numbers.h"
#include "proto/sessionbind.h"
#include "tests/fuzz/history_model.h"

struct lexicon {
	struct blob key[MODEL_KEYS], private[MODEL_KEYS]; /* blobs, and what ADD_IDENTITY has */
	struct blob host[MODEL_HOSTS + 1];
	struct key *signer[MODEL_HOSTS];
	struct key *inside[MODEL_KEYS]; /* what signs where a device has the key */
};

static struct lexicon lexicon;

static const char *const lexicon_users[MODEL_USERS] = {"alice", "bob", "git"};
static const char *const lexicon_hosts[MODEL_HOSTS] = {"h0", "h1", "h2", "h3"};

/* P-256's generator, doubled: the public half of the private key 2. */
static const uint8_t lexicon_point[65] = {0x04, 0x7c, 0xf2, 0x7b, 0x18, 0x8d, 0x03, 0x4f, 0x7e,
    0x8a, 0x52, 0x38, 0x03, 0x04, 0xb5, 0x1a, 0xc3, 0xc0, 0x89, 0x69, 0xe2, 0x77, 0xf2, 0x1b, 0x35,
    0xa6, 0x0b, 0x48, 0xfc, 0x47, 0x66, 0x99, 0x78, 0x07, 0x77, 0x55, 0x10, 0xdb, 0x8e, 0xd0, 0x40,
    0x29, 0x3d, 0x9a, 0xc6, 0x9f, 0x74, 0x30, 0xdb, 0xba, 0x7d, 0xad, 0xe6, 0x3c, 0xe9, 0x82, 0x29,
    0x9e, 0x04, 0xb7, 0x9d, 0x22, 0x78, 0x73, 0xd1};

static void lexicon_take(struct builder *b, struct blob *out)
{
	fuzz_require(builder_take(b, out) == ERR_OK, "there is memory");
	builder_clear(b);
}

static void lexicon_write(const struct privkey *pk, struct blob *private, struct blob *public)
{
	struct builder b = {0};

	privkey_build(&b, pk, BYTES_NONE);
	lexicon_take(&b, private);
	pubkey_build(&b, &pk->public);
	lexicon_take(&b, public);
}

static const struct keytype *lexicon_type(const char *name)
{
	bool certified;

	return keytype_find(bytes_str(name), &certified);
}

static void lexicon_eddsa(const char *name, uint8_t number, struct blob *private,
    struct blob *public, struct key **signer)
{
	struct privkey pk = {.type = lexicon_type(name)};
	uint8_t seed[57], raw[57];
	size_t n = sizeof(raw);
	EVP_PKEY *k;

	memset(seed, number, sizeof(seed));
	k = EVP_PKEY_new_raw_private_key_ex(NULL, pk.type->label, NULL, seed, pk.type->field);
	fuzz_require(k != NULL && EVP_PKEY_get_raw_public_key(k, raw, &n) == 1, "a key is made");
	EVP_PKEY_free(k);
	pk.public.type = pk.type;
	pk.public.raw = BYTES(raw, n);
	pk.seed = BYTES(seed, pk.type->field);
	lexicon_write(&pk, private, public);
	fuzz_require(key_import(&pk, signer) == ERR_OK, "it is one");
}

static void lexicon_ed25519(
    uint8_t number, struct blob *private, struct blob *public, struct key **signer)
{
	lexicon_eddsa("ssh-ed25519", number, private, public, signer);
}

static void lexicon_ecdsa(struct blob *private, struct blob *public, struct key **signer)
{
	static const uint8_t two = 2;
	struct privkey pk = {.type = lexicon_type("ecdsa-sha2-nistp256"), .scalar = BYTES(&two, 1)};

	pk.public.type = pk.type;
	pk.public.ec.point = BYTES(lexicon_point, sizeof(lexicon_point));
	lexicon_write(&pk, private, public);
	fuzz_require(key_import(&pk, signer) == ERR_OK, "it is a key");
}

/* A security key with an Ed25519 key in it. */
static void lexicon_sk(struct blob *private, struct blob *public, struct key **inside)
{
	struct blob plain = {0}, unused = {0};
	struct privkey pk = {.type = lexicon_type("sk-ssh-ed25519@openssh.com")};

	lexicon_ed25519(4, &unused, &plain, inside);
	fuzz_require(pubkey_parse(blob_view(&plain), &pk.public) == ERR_OK, "it is a public key");
	pk.public.type = pk.type;
	pk.public.application = bytes_str("ssh:");
	pk.sk.flags = 1;
	pk.sk.handle = bytes_str("a handle");
	lexicon_write(&pk, private, public);
	blob_clear(&plain);
	blob_clear(&unused);
}

static void lexicon_start(void)
{
	struct blob unused = {0};
	struct builder b = {0};

	for (uint8_t i = 0; i < 2; i++)
		lexicon_ed25519(
		    (uint8_t)(i + 1), &lexicon.private[i], &lexicon.key[i], &lexicon.inside[i]);
	lexicon_ecdsa(&lexicon.private[2], &lexicon.key[2], &lexicon.inside[2]);
	lexicon_sk(&lexicon.private[MODEL_SK], &lexicon.key[MODEL_SK], &lexicon.inside[MODEL_SK]);
	for (unsigned i = 0; i < MODEL_HOSTS; i++) {
		lexicon_ed25519((uint8_t)(10 + i), &unused, &lexicon.host[i], &lexicon.signer[i]);
		blob_clear(&unused);
	}
	builder_cstring(&b, "ssh-of-tomorrow");
	builder_cstring(&b, "whatever it has");
	lexicon_take(&b, &lexicon.host[MODEL_FOREIGN]);
}

/* From here on this key is one whose signatures take long. */
static inline void lexicon_slow(unsigned key)
{
	blob_clear(&lexicon.private[key]);
	blob_clear(&lexicon.key[key]);
	key_unref(lexicon.inside[key]);
	lexicon_eddsa("ssh-ed448", (uint8_t)(key + 1), &lexicon.private[key], &lexicon.key[key],
	    &lexicon.inside[key]);
}

/* A key's algorithm, which is what its blob begins with. */
static inline struct bytes lexicon_algorithm(unsigned key)
{
	struct reader r = reader_of(blob_view(&lexicon.key[key]));
	struct bytes name = BYTES_NONE;

	fuzz_require(reader_string(&r, &name) == ERR_OK, "a blob has a name");
	return name;
}

static struct bytes lexicon_session(int session)
{
	static uint8_t id[MODEL_SESSIONS][32];

	memset(id[session], 's' + session, sizeof(id[0]));
	return BYTES(id[session], sizeof(id[0]));
}

static void lexicon_hop(const struct model_hop *hop, struct builder *out)
{
	struct builder from = {0}, to = {0};
	struct destination d = {0};

	if (hop->from != MODEL_ANY) {
		hop_key_build(&from, blob_view(&lexicon.host[hop->from]), false);
		d.from.host = bytes_str(lexicon_hosts[hop->from]);
		d.from.keys = builder_view(&from);
	}
	hop_key_build(&to, blob_view(&lexicon.host[hop->to]), false);
	d.to.host = bytes_str(lexicon_hosts[hop->to]);
	d.to.keys = builder_view(&to);
	if (hop->user != MODEL_ANY)
		d.to.user = bytes_str(lexicon_users[hop->user]);
	destination_build(out, &d);
	builder_clear(&from);
	builder_clear(&to);
}

/* ADD_IDENTITY's body; seconds 0: no lifetime. */
static void lexicon_add(
    unsigned key, const struct model_key *k, uint32_t seconds, struct builder *b)
{
	struct builder list = {0};
	struct constraints c = {
	    .confirm = k->confirm, .has_lifetime = seconds != 0, .lifetime = seconds};

	for (unsigned i = 0; i < k->hops; i++)
		lexicon_hop(&k->hop[i], &list);
	c.destinations = builder_view(&list);
	builder_put(b, blob_view(&lexicon.private[key]));
	builder_cstring(b, "a key");
	constraints_build(b, &c);
	builder_clear(&list);
}

static inline void lexicon_data(const struct model_data *d, struct builder *b)
{
	if (!d->is_login) {
		builder_cstring(b, "no login");
		return;
	}
	builder_string(b, lexicon_session(d->session));
	builder_u8(b, 50); /* SSH_MSG_USERAUTH_REQUEST */
	builder_cstring(b, lexicon_users[d->user]);
	builder_cstring(b, d->other_service ? "ssh-other" : "ssh-connection");
	builder_cstring(
	    b, d->host == MODEL_ANY ? "publickey" : "publickey-hostbound-v00@openssh.com");
	builder_bool(b, true);
	builder_string(b, lexicon_algorithm((unsigned)d->key));
	builder_string(b, blob_view(&lexicon.key[d->key]));
	if (d->host != MODEL_ANY)
		builder_string(b, blob_view(&lexicon.host[d->host]));
}

/* The body of a bind; forged: over another session. */
static inline void lexicon_bind(const struct model_bind *bind, bool forged, struct builder *b)
{
	const struct sigalg *alg;
	struct builder signature = {0};
	int over = forged ? (bind->session + 1) % MODEL_SESSIONS : bind->session;
	struct session_bind m = {
	    .host_key = blob_view(&lexicon.host[bind->host]),
	    .session = lexicon_session(bind->session),
	    .forwarding = bind->forwarding,
	};

	if (bind->host == MODEL_FOREIGN) {
		builder_cstring(&signature, "ssh-of-tomorrow");
		builder_cstring(&signature, "a signature");
	} else {
		fuzz_require(
		    sigalg_choose(key_type(lexicon.signer[bind->host]), 0, &alg) == ERR_OK &&
			key_sign(lexicon.signer[bind->host], alg, lexicon_session(over),
			    &signature) == ERR_OK,
		    "a host signs");
	}
	m.signature = builder_view(&signature);
	session_bind_build(b, &m);
	builder_clear(&signature);
}

#endif
