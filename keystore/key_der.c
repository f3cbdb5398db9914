/*
 * The DER form of a DSA or ECDSA signature, SEQUENCE { INTEGER r, INTEGER s }
 * (ITU-T X.690), which is what libcrypto gives and takes.
 */
#include <openssl/ec.h>

#include "keystore/key_impl.h"

enum { DER_INTEGER = 0x02, DER_SEQUENCE = 0x30, DER_ONE_LENGTH_BYTE = 0x81 };

/* Content of an element with this tag: a length of up to 255 bytes, which covers P-521. */
static enum err read_element(struct reader *r, uint8_t tag, struct bytes *out)
{
	uint8_t is, n;
	enum err e = reader_u8(r, &is);

	if (e == ERR_OK && is != tag)
		return ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_u8(r, &n);
	if (e == ERR_OK && n == DER_ONE_LENGTH_BYTE)
		e = reader_u8(r, &n);
	else if (e == ERR_OK && n > 0x7f)
		return ERR_FORMAT;
	return e == ERR_OK ? reader_take(r, n, out) : e;
}

enum err key_der_split(struct bytes der, struct bytes *r, struct bytes *s)
{
	struct reader outer = reader_of(der);
	struct reader inner;
	struct bytes content;
	enum err e = read_element(&outer, DER_SEQUENCE, &content);

	if (e == ERR_OK)
		e = reader_end(&outer);
	if (e != ERR_OK)
		return e;
	inner = reader_of(content);
	e = read_element(&inner, DER_INTEGER, r);
	if (e == ERR_OK)
		e = read_element(&inner, DER_INTEGER, s);
	return e == ERR_OK ? reader_end(&inner) : e;
}

enum err key_der_join(struct bytes r, struct bytes s, struct builder *der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *rn = BN_bin2bn(r.data, (int)r.len, NULL);
	BIGNUM *sn = BN_bin2bn(s.data, (int)s.len, NULL);
	enum err e = ERR_MEMORY;
	uint8_t *place;
	int n;

	if (sig == NULL || rn == NULL || sn == NULL || ECDSA_SIG_set0(sig, rn, sn) != 1)
		goto out;
	rn = sn = NULL;
	n = i2d_ECDSA_SIG(sig, NULL);
	place = n > 0 ? builder_reserve(der, (size_t)n) : NULL;
	if (place != NULL && i2d_ECDSA_SIG(sig, &place) == n)
		e = ERR_OK;
out:
	BN_free(rn);
	BN_free(sn);
	ECDSA_SIG_free(sig);
	return e;
}
