/* OpenSSH's own format, openssh-key-v1 (its PROTOCOL.key). */
#include <string.h>

#include "keystore/file/armor.h"
#include "keystore/file/cipher.h"
#include "keystore/file/format.h"
#include "keystore/kdf.h"
#include "proto/base/mem.h"
#include "proto/builder.h"

static const char magic[] = "openssh-key-v1"; /* its NUL belongs to it */

enum { CHECK = 4, BLOCK_MOST = 16 };

struct openssh_cipher {
	const char *name;     /* in the file */
	struct cipher cipher; /* no name: none, or not libcrypto's */
	size_t block;
	size_t tag; /* bytes behind the encrypted section */
};

/* All that `ssh -Q cipher` lists; the file's block size bounds its padding. */
static const struct openssh_cipher ciphers[] = {
    {"none", {NULL, 0, 0, false}, 8, 0},
    {"aes256-ctr", {"AES-256-CTR", 32, 16, false}, 16, 0},
    {"aes192-ctr", {"AES-192-CTR", 24, 16, false}, 16, 0},
    {"aes128-ctr", {"AES-128-CTR", 16, 16, false}, 16, 0},
    {"aes256-cbc", {"AES-256-CBC", 32, 16, false}, 16, 0},
    {"aes192-cbc", {"AES-192-CBC", 24, 16, false}, 16, 0},
    {"aes128-cbc", {"AES-128-CBC", 16, 16, false}, 16, 0},
    {"aes256-gcm@openssh.com", {"AES-256-GCM", 32, 12, false}, 16, 16},
    {"aes128-gcm@openssh.com", {"AES-128-GCM", 16, 12, false}, 16, 16},
    {"chacha20-poly1305@openssh.com", {NULL, 64, 0, false}, 8, 16},
    {"3des-cbc", {"DES-EDE3-CBC", 24, 8, false}, 8, 0},
};

/* The clear part of a file; views. */
struct header {
	const struct openssh_cipher *cipher;
	bool bcrypt;
	struct bytes salt;
	uint32_t rounds;
	struct bytes public_blob;
	struct bytes section, tag;
};

static bool is_encrypted(const struct header *h)
{
	return h->cipher->cipher.key != 0;
}

static enum err read_cipher(struct reader *r, struct header *out)
{
	struct bytes name;
	enum err e = reader_string(r, &name);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (bytes_is(name, ciphers[i].name)) {
			out->cipher = &ciphers[i];
			return ERR_OK;
		}
	}
	return ERR_FILE_CIPHER;
}

static enum err read_kdf(struct reader *r, struct header *out)
{
	struct reader options;
	struct bytes name;
	enum err e = reader_string(r, &name);

	if (e == ERR_OK)
		e = reader_nested(r, &options);
	if (e != ERR_OK)
		return e;
	out->bcrypt = bytes_is(name, "bcrypt");
	if (!out->bcrypt && !bytes_is(name, "none"))
		return ERR_FILE_KDF;
	if (out->bcrypt != is_encrypted(out))
		return ERR_FORMAT;
	if (out->bcrypt)
		e = reader_string(&options, &out->salt);
	if (e == ERR_OK && out->bcrypt)
		e = reader_u32(&options, &out->rounds);
	return e == ERR_OK ? reader_end(&options) : e;
}

/* One public key, the section, and behind it the tag. */
static enum err read_keys(struct reader *r, struct header *out)
{
	uint32_t keys;
	enum err e = reader_u32(r, &keys);

	if (e == ERR_OK && keys != 1)
		e = ERR_FILE_SEVERAL;
	if (e == ERR_OK)
		e = reader_string(r, &out->public_blob);
	if (e == ERR_OK)
		e = reader_string(r, &out->section);
	if (e == ERR_OK)
		e = reader_take(r, out->cipher->tag, &out->tag);
	if (e == ERR_OK)
		e = reader_end(r);
	if (e == ERR_OK && (out->section.len == 0 || out->section.len % out->cipher->block != 0))
		e = ERR_FORMAT;
	return e;
}

static enum err read_header(struct bytes file, struct header *out)
{
	struct reader r = reader_of(file);
	struct bytes start;
	enum err e = reader_take(&r, sizeof(magic), &start);

	if (e == ERR_OK && memcmp(start.data, magic, sizeof(magic)) != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = read_cipher(&r, out);
	if (e == ERR_OK)
		e = read_kdf(&r, out);
	if (e == ERR_OK)
		e = read_keys(&r, out);
	return e;
}

static enum err derive(const struct header *h, const struct unlock *with,
    uint8_t key[CIPHER_KEY_MOST + CIPHER_IV_MOST])
{
	if (with->passphrase == NULL)
		return ERR_PASSPHRASE_NEEDED;
	if (h->rounds > with->limits->bcrypt_rounds)
		return ERR_FILE_COST;
	if (h->salt.len == 0 || h->rounds == 0)
		return ERR_FORMAT;
	if (with->passphrase->len == 0)
		return ERR_PASSPHRASE; /* bcrypt takes none that is empty, so no file has one */
	return kdf_bcrypt(*with->passphrase, h->salt, h->rounds, key,
	    h->cipher->cipher.key + h->cipher->cipher.iv);
}

static enum err decrypt(const struct header *h, const struct unlock *with, struct blob *plain)
{
	uint8_t key[CIPHER_KEY_MOST + CIPHER_IV_MOST];
	const struct cipher_run run = {.cipher = &h->cipher->cipher,
	    .key = key,
	    .iv = key + h->cipher->cipher.key,
	    .padding = CIPHER_BARE,
	    .tag = h->tag};
	enum err e;

	if (!is_encrypted(h))
		return blob_copy(plain, h->section);
	e = derive(h, with, key);
	if (e == ERR_OK && h->cipher->cipher.name == NULL)
		e = chachapoly_decrypt(key, h->section, h->tag, plain);
	else if (e == ERR_OK)
		e = cipher_decrypt(&run, h->section, plain);
	mem_wipe(key, sizeof(key));
	return e;
}

/* Two equal numbers, which a wrong passphrase leaves different. */
static enum err read_check(struct reader *r, bool encrypted)
{
	struct bytes first, second;
	enum err e = reader_take(r, CHECK, &first);

	if (e == ERR_OK)
		e = reader_take(r, CHECK, &second);
	if (e == ERR_OK && !mem_equal(first.data, second.data, CHECK))
		e = encrypted ? ERR_PASSPHRASE : ERR_FILE_TAMPERED;
	return e;
}

/* 1, 2, 3, ... up to the block's end. */
static enum err read_padding(const struct reader *r, size_t block)
{
	uint8_t expected[BLOCK_MOST];

	if (r->left >= block)
		return ERR_SURPLUS;
	for (size_t i = 0; i < r->left; i++)
		expected[i] = (uint8_t)(i + 1);
	return mem_equal(r->p, expected, r->left) ? ERR_OK : ERR_FILE_TAMPERED;
}

static enum err read_section(const struct header *h, struct bytes plain, struct keyfile_key *out)
{
	struct reader r = reader_of(plain);
	struct privkey pk;
	struct bytes comment;
	enum err e = read_check(&r, is_encrypted(h));

	if (e == ERR_OK)
		e = privkey_read(&r, &pk);
	if (e == ERR_OK)
		e = reader_string(&r, &comment);
	if (e == ERR_OK)
		e = read_padding(&r, h->cipher->block);
	if (e == ERR_OK)
		e = keyfile_key_fill(&pk, comment, out);
	return e;
}

/* The clear public half is what a person decides by before typing the passphrase: it must be true.
 */
static enum err check_public(struct bytes outer, const struct keyfile_key *key)
{
	struct pubkey public;
	struct builder own = {0};
	bool is_cert;
	enum err e = keyblob_parse(outer, &public, &is_cert);

	if (e != ERR_OK)
		return e;
	pubkey_build(&own, &public);
	e = builder_error(&own);
	if (e == ERR_OK && !bytes_equal(builder_view(&own), blob_view(&key->public_blob)))
		e = ERR_KEY_MISMATCH;
	builder_clear(&own);
	return e;
}

static enum err decode(
    const struct key_text *text, const struct unlock *with, struct keyfile_key *out)
{
	struct blob file = {0}, plain = {0};
	struct header h = {0};
	enum err e = armor_decode(text->body, &file);

	if (e == ERR_OK)
		e = read_header(blob_view(&file), &h);
	if (e == ERR_OK)
		e = decrypt(&h, with, &plain);
	if (e == ERR_OK)
		e = read_section(&h, blob_view(&plain), out);
	if (e == ERR_OK)
		e = check_public(h.public_blob, out);
	blob_clear(&plain);
	blob_clear(&file);
	return e;
}

/* The public half stands in the clear; the comment is in the section. */
static enum err probe(const struct key_text *text, struct keyfile_info *out)
{
	struct blob file = {0};
	struct header h = {0};
	enum err e = armor_decode(text->body, &file);

	if (e == ERR_OK)
		e = read_header(blob_view(&file), &h);
	if (e == ERR_OK) {
		out->encrypted = is_encrypted(&h);
		e = out->encrypted ? blob_copy(&out->public_blob, h.public_blob)
				   : keyfile_probe_by_decoding(&keyfile_openssh, text, out);
	}
	blob_clear(&file);
	return e;
}

const struct keyfile_format keyfile_openssh = {"OpenSSH", probe, decode};
