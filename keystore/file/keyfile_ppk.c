/* PuTTY's PPK 2 and 3: deriving the keys, checking the MAC, reading the private part. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "keystore/file/cipher.h"
#include "keystore/file/format.h"
#include "keystore/file/ppk.h"
#include "proto/base/mem.h"
#include "proto/builder.h"

enum { SHA1 = 20, BLOCK = 16, KEY = 32, MAC_KEY = 32 };

/* All that a passphrase turns into.  Laid out as version 3 derives it in one piece. */
struct keys {
	uint8_t key[KEY];
	uint8_t iv[BLOCK];
	uint8_t mac[MAC_KEY];
	size_t mac_len;
};

/* SHA-1 of two pieces. */
static enum err sha1(struct bytes a, struct bytes b, uint8_t out[SHA1])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum err e = ERR_CRYPTO;

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) &&
	    EVP_DigestUpdate(ctx, a.data, a.len) && EVP_DigestUpdate(ctx, b.data, b.len) &&
	    EVP_DigestFinal_ex(ctx, out, NULL))
		e = ERR_OK;
	EVP_MD_CTX_free(ctx);
	return e;
}

/* Version 2: SHA-1 with a counter before the passphrase for the cipher, a fixed word for the MAC.
 */
static enum err derive_v2(struct bytes passphrase, struct keys *out)
{
	static const uint8_t counters[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 1}};
	uint8_t sums[2 * SHA1];
	enum err e = sha1(BYTES(counters[0], 4), passphrase, sums);

	if (e == ERR_OK)
		e = sha1(BYTES(counters[1], 4), passphrase, sums + SHA1);
	if (e == ERR_OK)
		e = sha1(bytes_str("putty-private-key-file-mac-key"), passphrase, out->mac);
	for (size_t i = 0; i < KEY && e == ERR_OK; i++)
		out->key[i] = sums[i];
	out->mac_len = SHA1;
	mem_wipe(sums, sizeof(sums));
	return e;
}

static enum err derive_v3(const struct ppk *p, const struct unlock *with, struct keys *out)
{
	const struct argon2_cost *c = &p->cost;

	_Static_assert(offsetof(struct keys, mac) == KEY + BLOCK, "derived in one piece");
	if (c->memory > with->limits->memory ||
	    (uint64_t)c->memory * c->passes > with->limits->work)
		return ERR_FILE_COST;
	out->mac_len = MAC_KEY;
	return argon2_derive(
	    c, *with->passphrase, blob_view(&p->salt), out->key, KEY + BLOCK + MAC_KEY);
}

static enum err derive(const struct ppk *p, const struct unlock *with, struct keys *out)
{
	if (p->encrypted && with->passphrase == NULL)
		return ERR_PASSPHRASE_NEEDED;
	if (p->version == 2)
		return derive_v2(p->encrypted ? *with->passphrase : BYTES_NONE, out);
	return p->encrypted ? derive_v3(p, with, out) : ERR_OK; /* without: an empty MAC key */
}

static enum err decrypt(const struct ppk *p, const struct keys *k, struct blob *plain)
{
	static const struct cipher aes = {"AES-256-CBC", KEY, BLOCK, false};
	const struct cipher_run run = {&aes, k->key, k->iv, CIPHER_BARE, BYTES_NONE};
	struct bytes in = blob_view(&p->private);

	if (!p->encrypted)
		return blob_copy(plain, in);
	return in.len % BLOCK == 0 ? cipher_decrypt(&run, in, plain) : ERR_FORMAT;
}

/* The MAC covers everything that a person sees, and the private part. */
static enum err check_mac(const struct ppk *p, const struct keys *k, struct bytes plain)
{
	const EVP_MD *md = p->version == 3 ? EVP_sha256() : EVP_sha1();
	struct builder covered = {0};
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	enum err e;

	builder_string(&covered, p->type);
	builder_string(&covered, p->encryption);
	builder_string(&covered, p->comment);
	builder_string(&covered, blob_view(&p->public_blob));
	builder_string(&covered, plain);
	e = builder_error(&covered);
	if (e == ERR_OK &&
	    HMAC(md, k->mac, (int)k->mac_len, covered.data, covered.len, mac, &n) == NULL)
		e = ERR_CRYPTO;
	if (e == ERR_OK && (n != p->mac_len || !mem_equal(mac, p->mac, n)))
		e = p->encrypted ? ERR_PASSPHRASE : ERR_FILE_TAMPERED;
	builder_clear(&covered);
	return e;
}

static enum err read_rsa(struct reader *r, struct privkey *pk)
{
	enum err e = reader_mpint(r, &pk->rsa.d);

	if (e == ERR_OK)
		e = reader_mpint(r, &pk->rsa.p);
	if (e == ERR_OK)
		e = reader_mpint(r, &pk->rsa.q);
	return e == ERR_OK ? reader_mpint(r, &pk->rsa.iqmp) : e;
}

static enum err read_seed(struct reader *r, struct privkey *pk)
{
	enum err e = reader_string(r, &pk->seed);

	return e == ERR_OK && pk->seed.len != pk->type->field ? ERR_FORMAT : e;
}

static enum err read_private(struct reader *r, struct privkey *pk)
{
	switch (pk->type->family) {
	case FAMILY_RSA:
		return read_rsa(r, pk);
	case FAMILY_DSA:
	case FAMILY_ECDSA:
		return reader_mpint(r, &pk->scalar);
	case FAMILY_ED25519:
	case FAMILY_ED448:
		return read_seed(r, pk);
	default:
		return ERR_KEY_TYPE;
	}
}

/* The first line's type is the blob's: a certificate's, when PuTTY attached one to the key. */
static enum err check_type(const struct ppk *p)
{
	struct reader r = reader_of(blob_view(&p->public_blob));
	struct bytes type;
	enum err e = reader_string(&r, &type);

	return e == ERR_OK && !bytes_equal(type, p->type) ? ERR_FORMAT : e;
}

static enum err read_key(const struct ppk *p, struct bytes plain, struct keyfile_key *out)
{
	struct privkey pk = {0};
	struct reader r = reader_of(plain);
	bool is_cert;
	enum err e = keyblob_parse(blob_view(&p->public_blob), &pk.public, &is_cert);

	if (e == ERR_OK)
		e = check_type(p);
	if (e != ERR_OK)
		return e;
	pk.type = pk.public.type;
	e = read_private(&r, &pk);
	/* An encrypted section is filled up to the cipher's block; the MAC covers that too. */
	if (e == ERR_OK && r.left >= (p->encrypted ? BLOCK : 1))
		e = ERR_SURPLUS;
	return e == ERR_OK ? keyfile_key_fill(&pk, p->comment, out) : e;
}

static enum err decode(
    const struct key_text *text, const struct unlock *with, struct keyfile_key *out)
{
	struct ppk p = {0};
	struct keys keys = {0};
	struct blob plain = {0};
	enum err e = ppk_parse(text->body, &p);

	if (e == ERR_OK)
		e = derive(&p, with, &keys);
	if (e == ERR_OK)
		e = decrypt(&p, &keys, &plain);
	if (e == ERR_OK)
		e = check_mac(&p, &keys, blob_view(&plain));
	if (e == ERR_OK)
		e = read_key(&p, blob_view(&plain), out);
	mem_wipe(&keys, sizeof(keys));
	blob_clear(&plain);
	ppk_clear(&p);
	return e;
}

/* Everything but the private part stands in the clear. */
static enum err probe(const struct key_text *text, struct keyfile_info *out)
{
	struct ppk p = {0};
	struct builder blob = {0};
	struct pubkey public;
	bool is_cert;
	enum err e = ppk_parse(text->body, &p);

	if (e == ERR_OK)
		e = keyblob_parse(blob_view(&p.public_blob), &public, &is_cert);
	if (e == ERR_OK) {
		out->encrypted = p.encrypted;
		pubkey_build(&blob, &public);
		e = builder_take(&blob, &out->public_blob);
	}
	if (e == ERR_OK)
		e = blob_copy(&out->comment, p.comment);
	builder_clear(&blob);
	ppk_clear(&p);
	return e;
}

const struct keyfile_format keyfile_ppk = {"PuTTY", probe, decode};
