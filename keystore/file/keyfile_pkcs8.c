/* PKCS#8: PrivateKeyInfo, its successor OneAsymmetricKey, and EncryptedPrivateKeyInfo (RFC 5958).
 */
#include "keystore/file/armor.h"
#include "keystore/file/derkey.h"
#include "keystore/file/pbe.h"

/* PrivateKeyInfo in parts; views. */
struct parts {
	struct bytes oid;
	struct reader params; /* what follows the OID */
	struct bytes key;     /* content of the OCTET STRING */
	struct bytes public;  /* empty where there is none */
};

static enum err read_rsa(const struct parts *p, struct keyfile_key *out)
{
	return derkey_rsa(p->key, out);
}

static enum err read_dsa(const struct parts *p, struct keyfile_key *out)
{
	struct reader r = p->params, numbers;
	enum err e = der_enter(&r, DER_SEQUENCE, &numbers);

	if (e == ERR_OK)
		e = reader_end(&r);
	return e == ERR_OK ? derkey_dsa_parts(numbers, p->key, out) : e;
}

static enum err read_ec(const struct parts *p, struct keyfile_key *out)
{
	struct reader r = p->params;
	struct bytes curve;

	if (der_take(&r, DER_OID, &curve) != ERR_OK || reader_end(&r) != ERR_OK)
		return ERR_KEY_CURVE; /* a curve spelt out in numbers */
	return derkey_ec(p->key, curve, out);
}

static enum err read_ed25519(const struct parts *p, struct keyfile_key *out)
{
	return derkey_eddsa("ssh-ed25519", p->key, p->public, out);
}

static enum err read_ed448(const struct parts *p, struct keyfile_key *out)
{
	return derkey_eddsa("ssh-ed448", p->key, p->public, out);
}

static const struct algorithm {
	struct bytes oid;
	enum err (*read)(const struct parts *p, struct keyfile_key *out);
} algorithms[] = {
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), read_rsa},
    {OID("\x2a\x86\x48\xce\x3d\x02\x01"), read_ec},
    {OID("\x2b\x65\x70"), read_ed25519},
    {OID("\x2b\x65\x71"), read_ed448},
    {OID("\x2a\x86\x48\xce\x38\x04\x01"), read_dsa},
};

static enum err read_algorithm(struct reader *r, struct parts *out)
{
	enum err e = der_enter(r, DER_SEQUENCE, &out->params);

	return e == ERR_OK ? der_take(&out->params, DER_OID, &out->oid) : e;
}

/* [0] attributes, which say nothing about the key, and [1] its public half. */
static enum err read_trailer(struct reader *r, struct parts *out)
{
	struct bytes skipped, bits;
	enum err e = ERR_OK;

	if (der_next_is(r, DER_CONTEXT0))
		e = der_take(r, DER_CONTEXT0, &skipped);
	if (e == ERR_OK && der_next_is(r, DER_CONTEXT1_PLAIN)) {
		e = der_take(r, DER_CONTEXT1_PLAIN, &bits);
		if (e == ERR_OK)
			e = der_bits(bits, &out->public);
	}
	return e == ERR_OK ? reader_end(r) : e;
}

static enum err read_parts(struct bytes der, struct parts *out)
{
	struct reader outer = reader_of(der), r;
	uint32_t version;
	enum err e = der_enter(&outer, DER_SEQUENCE, &r);

	if (e == ERR_OK)
		e = reader_end(&outer);
	if (e == ERR_OK)
		e = der_u32(&r, &version);
	if (e == ERR_OK && version > 1)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = read_algorithm(&r, out);
	if (e == ERR_OK)
		e = der_take(&r, DER_OCTETS, &out->key);
	return e == ERR_OK ? read_trailer(&r, out) : e;
}

static enum err read_plain(struct bytes der, struct keyfile_key *out)
{
	struct parts p = {0};
	enum err e = read_parts(der, &p);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (bytes_equal(p.oid, algorithms[i].oid))
			return algorithms[i].read(&p, out);
	}
	return ERR_KEY_TYPE;
}

static enum err decrypt(struct bytes der, const struct unlock *with, struct blob *plain)
{
	struct reader outer = reader_of(der), r, algorithm;
	struct bytes data;
	enum err e = der_enter(&outer, DER_SEQUENCE, &r);

	if (e == ERR_OK)
		e = reader_end(&outer);
	if (e == ERR_OK)
		e = der_enter(&r, DER_SEQUENCE, &algorithm);
	if (e == ERR_OK)
		e = der_take(&r, DER_OCTETS, &data);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && with->passphrase == NULL)
		e = ERR_PASSPHRASE_NEEDED;
	if (e == ERR_OK)
		e = pbe_decrypt(algorithm, data, with, plain);
	if (e == ERR_OK && !derkey_plausible(blob_view(plain)))
		e = ERR_PASSPHRASE;
	return e;
}

static bool is_encrypted(const struct key_text *text)
{
	return bytes_is(text->label, "ENCRYPTED PRIVATE KEY");
}

static enum err decode(
    const struct key_text *text, const struct unlock *with, struct keyfile_key *out)
{
	struct blob body = {0}, plain = {0};
	enum err e = armor_decode(text->body, &body);

	if (e == ERR_OK && !is_encrypted(text))
		plain = blob_move(&body);
	else if (e == ERR_OK)
		e = decrypt(blob_view(&body), with, &plain);
	if (e == ERR_OK)
		e = read_plain(blob_view(&plain), out);
	blob_clear(&plain);
	blob_clear(&body);
	return e;
}

static enum err probe(const struct key_text *text, struct keyfile_info *out)
{
	out->encrypted = is_encrypted(text);
	return out->encrypted ? ERR_OK : keyfile_probe_by_decoding(&keyfile_pkcs8, text, out);
}

const struct keyfile_format keyfile_pkcs8 = {"PKCS#8", probe, decode};
