/*
 * Private key files.  The first byte says how the rest is meant: bit 0, whether there is a
 * passphrase; the bits above, whether the rest is a file (0) or what the armour of that label
 * holds, so that the fuzzer need not learn base64.
 */
#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "keystore/file/format.h"
#include "proto/reader.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What a corpus file costs at most; more would only be slow. */
static const struct kdf_limits limits = {
    .bcrypt_rounds = 1,
    .iterations = 2048,
    .memory = 64,
    .work = 256,
};

static const char *const labels[] = {
    "OPENSSH PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
};

enum { LABELS = sizeof(labels) / sizeof(labels[0]) };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_require(crypto_start() == ERR_OK, "libcrypto starts");
	return 0;
}

static void armor(const char *label, struct bytes data, struct builder *out)
{
	builder_put(out, bytes_str("-----BEGIN "));
	builder_put(out, bytes_str(label));
	builder_put(out, bytes_str("-----\n"));
	base64_encode(data, out);
	builder_put(out, bytes_str("\n-----END "));
	builder_put(out, bytes_str(label));
	builder_put(out, bytes_str("-----\n"));
}

/* What was decoded reads back, and is what the probe promised. */
static void check_key(struct bytes file, const struct keyfile_key *key)
{
	struct reader r = reader_of(blob_view(&key->key_data));
	struct keyfile_info info = {0};
	struct privkey pk;

	fuzz_require(privkey_read(&r, &pk) == ERR_OK && r.left == 0, "the key data reads back");
	fuzz_require(pk.type == key->type && pk.cert.len == 0, "it is the plain key");
	fuzz_require(keyfile_probe(file, &info) == ERR_OK, "what decodes can be probed");
	fuzz_require(info.public_blob.len == 0 ||
			 bytes_equal(blob_view(&info.public_blob), blob_view(&key->public_blob)),
	    "the probe tells the same public key");
	fuzz_require(info.encrypted || info.public_blob.len != 0, "only encryption hides it");
	fuzz_touch(blob_view(&key->comment));
	keyfile_info_clear(&info);
}

static bool holds_another_letter(struct bytes comment)
{
	for (size_t i = 0; i < comment.len; i++) {
		if (comment.data[i] != 'k')
			return true;
	}
	return false;
}

static void try_file(struct bytes file, const struct bytes *passphrase)
{
	const struct unlock with = {passphrase, &limits};
	struct keyfile_key key = {0};
	struct keyfile_info info = {0};

	if (keyfile_probe(file, &info) == ERR_OK)
		fuzz_touch(blob_view(&info.public_blob));
	keyfile_info_clear(&info);
	if (keyfile_decode_within(file, &with, &key) == ERR_OK) {
		check_key(file, &key);
		/* Every comment of the corpus is made of the letter k. */
		fuzz_plant(holds_another_letter(blob_view(&key.comment)));
	} else {
		fuzz_require(key.key_data.data == NULL, "a failure gives nothing");
	}
	keyfile_key_clear(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes passphrase = bytes_str("pw");
	struct builder built = {0};
	struct bytes file;
	size_t label;

	if (size == 0)
		return 0;
	label = data[0] >> 1;
	file = BYTES(data + 1, size - 1);
	if (label > LABELS)
		return 0;
	if (label != 0) {
		armor(labels[label - 1], file, &built);
		file = builder_view(&built);
	}
	try_file(file, (data[0] & 1) != 0 ? &passphrase : NULL);
	builder_clear(&built);
	return 0;
}
