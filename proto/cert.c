/* Certificates (OpenSSH's PROTOCOL.certkeys): layout, not whether the signature is good. */
#include "proto/keyblob.h"

#include "proto/limits.h"

/* A list is strings back to back, with nothing behind the last. */
static enum err check_principals(struct bytes list)
{
	struct reader r = reader_of(list);
	struct bytes name;
	size_t count = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && r.left != 0)
		e = ++count > LIMIT_CERT_PRINCIPALS ? ERR_LIMIT : reader_text(&r, &name);
	return e;
}

/* Pairs of a name and a value. */
static enum err check_options(struct bytes list)
{
	struct reader r = reader_of(list);
	struct bytes name, value;
	enum err e = ERR_OK;

	while (e == ERR_OK && r.left != 0) {
		e = reader_text(&r, &name);
		if (e == ERR_OK)
			e = reader_string(&r, &value);
	}
	return e;
}

/* What the scheme puts behind the algorithm's name differs; the name is always there. */
static enum err check_signature(struct bytes signature)
{
	struct reader r = reader_of(signature);
	struct bytes algorithm;
	enum err e = reader_text(&r, &algorithm);

	return e == ERR_OK && algorithm.len == 0 ? ERR_FORMAT : e;
}

/* string type name, string nonce, the key's fields */
static enum err read_key(struct reader *r, struct pubkey *key)
{
	struct bytes name, nonce;
	const struct keytype *type;
	bool is_cert;
	enum err e = reader_text(r, &name);

	if (e != ERR_OK)
		return e;
	type = keytype_find(name, &is_cert);
	if (type == NULL || !is_cert)
		return ERR_KEY_TYPE;
	e = reader_string(r, &nonce);
	return e == ERR_OK ? pubkey_read_fields(r, type, key) : e;
}

/* u64 serial, u32 kind, string key id, string principals, u64 after, u64 before */
static enum err read_subject(struct reader *r, struct cert *c)
{
	uint32_t kind = 0;
	enum err e = reader_u64(r, &c->serial);

	if (e == ERR_OK)
		e = reader_u32(r, &kind);
	if (e == ERR_OK && kind != CERT_USER && kind != CERT_HOST)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text(r, &c->key_id);
	if (e == ERR_OK)
		e = reader_string(r, &c->principals);
	if (e == ERR_OK)
		e = check_principals(c->principals);
	if (e == ERR_OK)
		e = reader_u64(r, &c->valid_after);
	if (e == ERR_OK)
		e = reader_u64(r, &c->valid_before);
	c->kind = (enum cert_kind)kind;
	return e;
}

/*
 * string critical options, string extensions, string reserved (for later versions, to be passed
 * over)
 */
static enum err read_options(struct reader *r, struct cert *c)
{
	struct bytes reserved;
	enum err e = reader_string(r, &c->critical);

	if (e == ERR_OK)
		e = check_options(c->critical);
	if (e == ERR_OK)
		e = reader_string(r, &c->extensions);
	if (e == ERR_OK)
		e = check_options(c->extensions);
	if (e == ERR_OK)
		e = reader_string(r, &reserved);
	return e;
}

/* string signature key, string signature: the end */
static enum err read_authority(struct reader *r, struct bytes blob, struct cert *c)
{
	struct pubkey authority;
	enum err e = reader_string(r, &c->signature_key);

	if (e == ERR_OK)
		e = pubkey_parse(c->signature_key, &authority);
	if (e != ERR_OK)
		return e;
	c->signed_part = BYTES(blob.data, blob.len - r->left);
	e = reader_string(r, &c->signature);
	if (e == ERR_OK)
		e = check_signature(c->signature);
	return e == ERR_OK ? reader_end(r) : e;
}

enum err cert_parse(struct bytes blob, struct cert *out)
{
	struct reader r = reader_of(blob);
	struct cert c = {0};

	if (read_key(&r, &c.key) != ERR_OK || read_subject(&r, &c) != ERR_OK ||
	    read_options(&r, &c) != ERR_OK || read_authority(&r, blob, &c) != ERR_OK)
		return ERR_CERT;
	*out = c;
	return ERR_OK;
}
