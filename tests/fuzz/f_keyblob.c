/* Public key blobs and certificates. */
#include "proto/builder.h"
#include "proto/keyblob.h"
#include "tests/fuzz/fuzz.h"

static void check_plain(struct bytes blob)
{
	struct builder b = {0};
	struct pubkey key;

	fuzz_require(pubkey_parse(blob, &key) == ERR_OK, "both parsers of plain blobs agree");
	pubkey_build(&b, &key);
	fuzz_require(bytes_equal(builder_view(&b), blob), "a blob is written as it was read");
	builder_clear(&b);
}

/* The nested lists were checked, so walking them cannot fail. */
static void walk(struct bytes list)
{
	struct reader r = reader_of(list);
	struct bytes s;

	while (r.left != 0) {
		fuzz_require(reader_string(&r, &s) == ERR_OK, "lists of a certificate are whole");
		fuzz_touch(s);
	}
}

static void check_cert(struct bytes blob)
{
	struct pubkey authority;
	struct cert c;

	fuzz_require(cert_parse(blob, &c) == ERR_OK, "both parsers of certificates agree");
	walk(c.principals);
	walk(c.critical);
	walk(c.extensions);
	fuzz_touch(c.key_id);
	fuzz_touch(c.signature);
	fuzz_require(
	    pubkey_parse(c.signature_key, &authority) == ERR_OK, "the authority's key is plain");
	fuzz_require(
	    c.signed_part.data == blob.data && c.signed_part.len + 4 + c.signature.len == blob.len,
	    "the signature covers all before it");
	fuzz_plant(c.valid_after > c.valid_before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes blob = BYTES(data, size);
	struct pubkey key;
	bool is_cert;

	if (keyblob_parse(blob, &key, &is_cert) != ERR_OK)
		return 0;
	(void)pubkey_bits(&key);
	if (is_cert)
		check_cert(blob);
	else
		check_plain(blob);
	return 0;
}
