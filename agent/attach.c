#include "agent/attach.h"

#include "agent/policy.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/keyblob.h"

/* The identity of this key: the key itself where it is listed, else one of its certificates. */
static struct identity *find_key(const struct store *s, struct bytes plain)
{
	struct identity *id = store_find(s, plain);

	if (id != NULL)
		return id;
	id = store_first(s);
	while (id != NULL && !bytes_equal(key_blob(id->key), plain))
		id = id->next;
	return id;
}

static bool is_earlier(
    const struct identity *id, const struct identity *fresh, const struct cert *cert)
{
	struct cert other;

	return id != fresh && cert_parse(id->blob, &other) == ERR_OK && other.kind == cert->kind &&
	       bytes_equal(other.signature_key, cert->signature_key);
}

static void remove_earlier(struct store *s, const struct identity *fresh, const struct cert *cert)
{
	struct identity *id = store_first(s);

	while (id != NULL) {
		struct identity *next = id->next;

		if (bytes_equal(key_blob(id->key), key_blob(fresh->key)) &&
		    is_earlier(id, fresh, cert)) {
			log_info("a certificate makes room for a newer one");
			store_remove(s, id);
		}
		id = next;
	}
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/*
 * The stricter of both, so that nothing may be used more freely than before; both are of one key.
 * Destinations are not cut with one another: two that differ are refused.
 */
static enum err restrict_rules(struct rules *rules, const struct rules *other)
{
	if (rules->destinations.len == 0)
		rules->destinations = other->destinations;
	else if (other->destinations.len != 0 &&
		 !bytes_equal(rules->destinations, other->destinations))
		return ERR_CONSTRAINT;
	policy_stricter(&rules->key, &other->key);
	rules->expires = sooner(rules->expires, other->expires);
	return ERR_OK;
}

/* Those of id, and of the certificates that this one replaces. */
static enum err rules_for(const struct store *s, const struct identity *id,
    struct bytes certificate, const struct cert *cert, struct rules *out)
{
	enum err e = ERR_OK;

	*out = id->rules;
	for (const struct identity *i = store_first(s); e == ERR_OK && i != NULL; i = i->next) {
		if (bytes_equal(key_blob(i->key), key_blob(id->key)) &&
		    (bytes_equal(i->blob, certificate) || is_earlier(i, NULL, cert)))
			e = restrict_rules(out, &i->rules);
	}
	return e;
}

static enum err put(
    struct store *s, struct bytes plain, struct bytes certificate, const struct cert *cert)
{
	struct identity *id = find_key(s, plain);
	struct rules rules;
	enum err e;

	if (id == NULL)
		return ERR_NOT_FOUND;
	e = rules_for(s, id, certificate, cert, &rules);
	if (e != ERR_OK)
		return e;
	/* All that is handed over lies in identities that stay until copies were made. */
	e = store_put(s, key_ref(id->key), certificate, id->comment, &rules);
	if (e != ERR_OK)
		key_unref(id->key);
	return e;
}

static uint64_t today(void)
{
	int64_t now = clock_wall();

	return now > 0 ? (uint64_t)now : 0;
}

/* Nothing that logs nobody in makes room for itself. */
static enum err check(const struct cert *cert)
{
	enum err e = key_verify(cert->signature_key, cert->signed_part, cert->signature);

	if (e != ERR_OK)
		return ERR_CERT;
	if (cert->kind != CERT_USER)
		return ERR_CERT_HOST;
	return today() >= cert->valid_before ? ERR_CERT_EXPIRED : ERR_OK;
}

enum err attach_certificate(struct store *s, struct bytes certificate, struct identity **out)
{
	struct builder plain = {0};
	struct cert cert;
	enum err e = cert_parse(certificate, &cert);

	e = e == ERR_OK ? check(&cert) : ERR_CERT;
	if (e != ERR_OK)
		return e;
	pubkey_build(&plain, &cert.key);
	e = builder_error(&plain);
	if (e == ERR_OK)
		e = put(s, builder_view(&plain), certificate, &cert);
	builder_clear(&plain);
	if (e != ERR_OK)
		return e;
	*out = store_find(s, certificate);
	if (today() >= cert.valid_after)
		remove_earlier(s, *out, &cert);
	return ERR_OK;
}
