/* Private keys as the protocol and openssh-key-v1 files carry them. */
#include "proto/builder.h"
#include "proto/privkey.h"
#include "tests/fuzz/fuzz.h"

/* A certified key is written plain, and is the same key when it is read again. */
static void check_plain_form(const struct privkey *key)
{
	struct builder b = {0};
	struct privkey again;
	struct reader r;

	privkey_build(&b, key, BYTES_NONE);
	fuzz_require(builder_error(&b) == ERR_OK, "a key that was read can be written");
	r = reader_of(builder_view(&b));
	fuzz_require(
	    privkey_read(&r, &again) == ERR_OK && r.left == 0, "what was written can be read");
	fuzz_require(again.type == key->type && again.cert.len == 0, "it is the plain key");
	builder_clear(&b);
}

static bool is_sk(const struct privkey *key)
{
	return key->type->family == FAMILY_SK_ECDSA || key->type->family == FAMILY_SK_ED25519;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));
	struct privkey key;
	struct builder b = {0};

	if (privkey_read(&r, &key) != ERR_OK)
		return 0;
	privkey_build(&b, &key, key.cert);
	fuzz_require(bytes_equal(builder_view(&b), BYTES(data, size - r.left)),
	    "a key is written as it was read");
	builder_clear(&b);
	check_plain_form(&key);
	/* verification required, of no seed */
	fuzz_plant(is_sk(&key) && (key.sk.flags & 0x04) != 0);
	return 0;
}
