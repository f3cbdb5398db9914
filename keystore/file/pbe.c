#include "keystore/file/pbe.h"

#include "proto/base/mem.h"

static const struct bytes oid_pbes2 = OID("\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d");

static enum err derive(struct reader algorithm, const struct unlock *with, struct pbe_key *out)
{
	struct reader params;
	struct bytes oid;
	enum err e = der_take(&algorithm, DER_OID, &oid);

	if (e == ERR_OK)
		e = der_enter(&algorithm, DER_SEQUENCE, &params);
	if (e == ERR_OK)
		e = reader_end(&algorithm);
	if (e != ERR_OK)
		return e;
	return bytes_equal(oid, oid_pbes2) ? pbes2_derive(params, with, out)
					   : pbes1_derive(oid, params, with, out);
}

enum err pbe_decrypt(
    struct reader algorithm, struct bytes in, const struct unlock *with, struct blob *out)
{
	struct pbe_key k = {0};
	enum err e = derive(algorithm, with, &k);
	struct cipher_run run = {
	    .cipher = k.cipher, .key = k.key, .iv = k.iv, .padding = CIPHER_PADDED};

	if (e == ERR_OK)
		e = cipher_decrypt(&run, in, out);
	mem_wipe(&k, sizeof(k));
	return e;
}
