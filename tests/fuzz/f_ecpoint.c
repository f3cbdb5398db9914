/*
 * CKA_EC_PARAMS and CKA_EC_POINT, and ECDSA signatures in DER.  An input is a byte of length, so
 * many bytes of parameters, and the point or signature.
 */
#include "proto/keyblob.h"
#include "tests/fuzz/fuzz.h"
#include "tokens/base/ecdsasig.h"
#include "tokens/base/pubkey.h"

static void check_key(struct bytes params, struct bytes point)
{
	struct builder b = {0}, again = {0};
	const char *curve;
	struct pubkey key;

	if (pubkey_from_ec(params, point, &b) != ERR_OK) {
		fuzz_require(b.len == 0, "nothing is left of a bad one");
		return;
	}
	fuzz_require(pubkey_parse(builder_view(&b), &key) == ERR_OK, "a key is well-formed");
	fuzz_require(pubkey_curve(params, &curve) == ERR_OK, "its curve is known");
	fuzz_require(
	    pubkey_from_point(curve, key.type->family == FAMILY_ED25519 ? key.raw : key.ec.point,
		&again) == ERR_OK &&
		bytes_equal(builder_view(&b), builder_view(&again)),
	    "its bare point is the same key's");
	fuzz_plant(key.type->family == FAMILY_ED25519 && key.raw.data[0] == 0xff);
	builder_clear(&again);
	builder_clear(&b);
}

static void check_signature(struct bytes der)
{
	static const size_t sizes[] = {32, 48, 66};
	struct bytes r, s;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (ecdsasig_read(der, sizes[i], &r, &s) != ERR_OK)
			continue;
		fuzz_require(r.len != 0 && r.len <= sizes[i] && r.data[0] != 0, "r is a magnitude");
		fuzz_require(s.len != 0 && s.len <= sizes[i] && s.data[0] != 0, "s is a magnitude");
		fuzz_touch(r);
		fuzz_touch(s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size == 0 ? 0 : data[0];

	if (size == 0 || n > size - 1)
		return 0;
	check_key(BYTES(data + 1, n), BYTES(data + 1 + n, size - 1 - n));
	check_signature(BYTES(data + 1 + n, size - 1 - n));
	return 0;
}
