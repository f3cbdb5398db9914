/* What cards answer, taken apart: BER-TLV, and ECDSA signatures in DER. */
#include "tests/support/wire_scene.h"

#include "tokens/card/tlv.h"

static struct bytes hex(const char *text, uint8_t *buf, size_t room)
{
	return BYTES(buf, wire_unhex(text, buf, room));
}

static void objects_are_read(void **state)
{
	static const struct {
		const char *hex;
		enum err e;
		uint32_t tag;
		size_t len;
	} table[] = {
	    {"", ERR_NOT_FOUND, 0, 0},
	    {"0000ff", ERR_NOT_FOUND, 0, 0},
	    {"53", ERR_FORMAT, 0, 0},
	    {"5300", ERR_OK, 0x53, 0},
	    {"00005301aa", ERR_OK, 0x53, 1},
	    {"ff5301aa", ERR_OK, 0x53, 1},
	    {"5302aa", ERR_FORMAT, 0, 0},
	    {"538101aa", ERR_OK, 0x53, 1},
	    {"53820001aa", ERR_OK, 0x53, 1},
	    {"5383000001aa", ERR_OK, 0x53, 1},
	    {"538400000001aa", ERR_OK, 0x53, 1},
	    {"53850000000001aa", ERR_FORMAT, 0, 0},
	    {"5380aa0000", ERR_FORMAT, 0, 0},
	    {"5381", ERR_FORMAT, 0, 0},
	    {"5384ffffffff", ERR_FORMAT, 0, 0},
	    {"5384fffffff0aa", ERR_FORMAT, 0, 0},
	    {"7f4901aa", ERR_OK, 0x7f49, 1},
	    {"5f2f02aabb", ERR_OK, 0x5f2f, 2},
	    {"5f810201aa", ERR_OK, 0x5f8102, 1},
	    {"5f818102 01aa", ERR_FORMAT, 0, 0},
	    {"7f", ERR_FORMAT, 0, 0},
	    {"7f81", ERR_FORMAT, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t buf[64];
		struct reader r = reader_of(hex(table[i].hex, buf, sizeof(buf)));
		struct reader before = r;
		struct tlv t = {0};

		assert_int_equal(tlv_next(&r, &t), table[i].e);
		if (table[i].e != ERR_OK) {
			assert_ptr_equal(r.p, before.p);
			assert_int_equal(r.left, before.left);
			continue;
		}
		assert_int_equal(t.tag, table[i].tag);
		assert_int_equal(t.value.len, table[i].len);
		assert_int_equal(r.left, 0);
	}
}

static void objects_are_found(void **state)
{
	uint8_t buf[64];
	struct bytes all = hex("8101aa5f2f02bbcc82007e0181", buf, sizeof(buf)), v;

	(void)state;
	assert_int_equal(tlv_find(all, 0x5f2f, &v), ERR_OK);
	assert_int_equal(v.len, 2);
	assert_int_equal(v.data[0], 0xbb);
	assert_int_equal(tlv_find(all, 0x82, &v), ERR_OK);
	assert_int_equal(v.len, 0);
	assert_int_equal(tlv_find(all, 0x99, &v), ERR_NOT_FOUND);
	assert_int_equal(tlv_find_sized(all, 0x81, 2, &v), ERR_FORMAT);
	assert_int_equal(tlv_find_sized(all, 0x81, 1, &v), ERR_OK);
	/* What is behind something malformed is not found. */
	all = hex("8105aa5f2f02bbcc", buf, sizeof(buf));
	assert_int_equal(tlv_find(all, 0x5f2f, &v), ERR_FORMAT);
}

static void ecdsa_signatures_are_read(void **state)
{
	static const struct {
		const char *hex;
		size_t field;
		size_t r, s; /* 0: malformed */
	} table[] = {
	    {"3006020101020102", 32, 1, 1},
	    {"300702020081020102", 32, 1, 1},
	    {"3006020101020100", 32, 0, 0},
	    {"3006020181020101", 32, 0, 0},
	    {"300602010102010200", 32, 0, 0},
	    {"30090201010201020201 03", 32, 0, 0},
	    {"300702010102010205", 32, 0, 0},
	    {"3106020101020102", 32, 0, 0},
	    {"3006030101020102", 32, 0, 0},
	    {"30050201010200", 32, 0, 0},
	    {"3003020101", 32, 0, 0},
	    {"30", 32, 0, 0},
	    {"", 32, 0, 0},
	    {"300802030101010201 02", 2, 0, 0},
	    {"3008020301010102010200", 2, 0, 0},
	    {"3008020301010102", 2, 0, 0},
	    {"300802030101010201", 2, 0, 0},
	    {"30080203010101020102", 3, 3, 1},
	    {"30080203010101020102", 2, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t buf[64];
		struct bytes r, s;
		enum err e = tlv_ecdsa(hex(table[i].hex, buf, sizeof(buf)), table[i].field, &r, &s);

		assert_int_equal(e, table[i].r != 0 ? ERR_OK : ERR_FORMAT);
		if (e == ERR_OK) {
			assert_int_equal(r.len, table[i].r);
			assert_int_equal(s.len, table[i].s);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(objects_are_read),
	    cmocka_unit_test(objects_are_found),
	    cmocka_unit_test(ecdsa_signatures_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
