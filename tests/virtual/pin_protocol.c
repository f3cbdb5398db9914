/* PIN/UV auth protocols one and two (CTAP 2.1, sections 6.5.6 and 6.5.7). */
#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

bool protocol_known(const struct authenticator *a, int64_t protocol)
{
	for (size_t i = 0; i < sizeof a->options.pin_protocols; i++)
		if (protocol != 0 && a->options.pin_protocols[i] == protocol)
			return true;
	return false;
}

/* x and y of a COSE key; the key type and curve must be those of P-256. */
static enum err read_point(struct reader *r, uint8_t x[32], uint8_t y[32])
{
	unsigned seen = 0;
	struct bytes value;
	int64_t number = 0;
	int64_t key;
	size_t n;
	enum err e = ctap_cbor_get_map(r, &n);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		e = ctap_cbor_get_int(r, &key);
		if (e != ERR_OK)
			return e;
		if (key == -2 || key == -3) {
			e = ctap_cbor_get_bytes(r, &value);
			if (e == ERR_OK && value.len != 32)
				e = ERR_FORMAT;
			if (e != ERR_OK)
				return e;
			memcpy(key == -2 ? x : y, value.data, 32);
			seen |= key == -2 ? 1 : 2;
		} else {
			e = ctap_cbor_get_int(r, &number);
			if (e == ERR_OK &&
			    ((key == 1 && number != 2) || (key == -1 && number != 1)))
				e = ERR_FORMAT;
		}
	}
	return e == ERR_OK && seen != 3 ? ERR_FORMAT : e;
}

enum ctap shared_make(
    const struct authenticator *a, int protocol, struct reader cose, struct shared *out)
{
	uint8_t x[32];
	uint8_t y[32];
	uint8_t z[32];
	enum err e;

	if (read_point(&cose, x, y) != ERR_OK)
		return CTAP_INVALID_PARAMETER;
	if (vcrypto_agree(a->session.agreement, x, y, z) != ERR_OK)
		return CTAP_INVALID_PARAMETER;
	out->protocol = protocol;
	if (protocol == 1) {
		e = vcrypto_sha256(BYTES(z, sizeof z), out->aes_key);
		memcpy(out->hmac_key, out->aes_key, sizeof out->hmac_key);
	} else {
		e = vcrypto_hkdf(BYTES(z, sizeof z), "CTAP2 HMAC key", out->hmac_key);
		if (e == ERR_OK)
			e = vcrypto_hkdf(BYTES(z, sizeof z), "CTAP2 AES key", out->aes_key);
	}
	mem_wipe(z, sizeof z);
	return e == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

enum ctap shared_decrypt(
    const struct shared *s, struct bytes in, uint8_t *out, size_t room, size_t *n)
{
	uint8_t iv[AES_BLOCK] = {0};

	if (s->protocol == 2) {
		if (in.len < AES_BLOCK)
			return CTAP_INVALID_LENGTH;
		memcpy(iv, in.data, AES_BLOCK);
		in = BYTES(in.data + AES_BLOCK, in.len - AES_BLOCK);
	}
	if (in.len == 0 || in.len > room || in.len % AES_BLOCK != 0)
		return CTAP_INVALID_LENGTH;
	*n = in.len;
	return vcrypto_decrypt(s->aes_key, iv, in, out) == ERR_OK ? CTAP_OK : CTAP_OTHER;
}

enum err shared_encrypt(const struct shared *s, struct bytes in, struct builder *out)
{
	uint8_t iv[AES_BLOCK] = {0};
	uint8_t *p;
	enum err e = ERR_OK;

	if (s->protocol == 2) {
		e = vcrypto_random(iv, sizeof iv);
		builder_put(out, BYTES(iv, sizeof iv));
	}
	p = builder_reserve(out, in.len);
	if (p == NULL)
		return builder_error(out);
	return e == ERR_OK ? vcrypto_encrypt(s->aes_key, iv, in, p) : e;
}

bool protocol_verify(int protocol, const uint8_t key[32], struct bytes first, struct bytes second,
    struct bytes signature)
{
	const size_t length = protocol == 1 ? 16 : HASH_LEN;
	uint8_t mac[HASH_LEN];

	return vcrypto_hmac(BYTES(key, 32), first, second, mac) == ERR_OK &&
	       signature.len == length && mem_equal(mac, signature.data, length);
}
