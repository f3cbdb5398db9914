/* X.509 certificates and SubjectPublicKeyInfos of tokens. */
#include "proto/keyblob.h"
#include "proto/tokenmsg.h"
#include "tests/fuzz/fuzz.h"
#include "tokens/base/pubkey.h"

/* What a helper puts into an inventory must be what the core takes. */
static void check(enum err e, struct builder *b)
{
	struct bytes blob = builder_view(b);
	struct pubkey key;

	if (e != ERR_OK) {
		fuzz_require(blob.len == 0 && b->error == ERR_OK, "nothing is left of a bad one");
		return;
	}
	fuzz_require(blob.len <= TOKEN_PUBLIC_MOST, "a key fits into an inventory");
	fuzz_require(pubkey_parse(blob, &key) == ERR_OK, "a key is well-formed");
	fuzz_require(key.type->family == FAMILY_RSA || key.type->family == FAMILY_ECDSA ||
			 key.type->family == FAMILY_ED25519,
	    "it is of a type that tokens have");
	fuzz_touch(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes der = BYTES(data, size);
	struct builder b = {0};
	bool usable = true;
	enum err e = pubkey_from_x509(der, &b, &usable);

	check(e, &b);
	fuzz_plant(e == ERR_OK && !usable);
	builder_clear(&b);
	check(pubkey_from_spki(der, &b), &b);
	builder_clear(&b);
	return 0;
}
