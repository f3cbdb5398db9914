/* What cards answer, taken apart: BER-TLV within BER-TLV, and signatures. */
#include "tests/fuzz/fuzz.h"
#include "tokens/card/tlv.h"

static void walk(struct bytes b, unsigned depth)
{
	struct reader r = reader_of(b);
	struct bytes first;
	struct tlv t;

	while (tlv_next(&r, &t) == ERR_OK) {
		fuzz_touch(t.value);
		fuzz_require(t.value.len < b.len, "an object is smaller than what holds it");
		fuzz_require(tlv_find(b, t.tag, &first) == ERR_OK && first.data <= t.value.data,
		    "what was read can be found");
		fuzz_plant(t.tag == 0x7f49 && t.value.len == 3);
		if (depth < 4)
			walk(t.value, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size), r, s;

	walk(in, 0);
	if (tlv_ecdsa(in, 48, &r, &s) == ERR_OK) {
		fuzz_touch(r);
		fuzz_touch(s);
		fuzz_require(r.len != 0 && r.len <= 48 && r.data[0] != 0 && s.len != 0 &&
				 s.len <= 48 && s.data[0] != 0,
		    "magnitudes");
	}
	return 0;
}
