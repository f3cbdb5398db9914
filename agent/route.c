#include "agent/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keystore/fingerprint.h"
#include "keystore/key.h"
#include "proto/destination.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "proto/pattern.h"
#include "proto/signdata.h"

static enum err verify_authority(struct bytes blob)
{
	struct cert cert;
	enum err e = cert_parse(blob, &cert);

	return e == ERR_OK ? key_verify(cert.signature_key, cert.signed_part, cert.signature) : e;
}

/*
 * A well-formed name of a key type that is not known, or that libcrypto lacks.  key_verify's
 * ERR_KEY_TYPE says less: a signature algorithm that is none of the key's has it too.
 */
static bool is_foreign(struct bytes blob)
{
	struct reader r = reader_of(blob);
	const struct keytype *type;
	struct bytes name;
	bool certified;

	if (reader_text(&r, &name) != ERR_OK)
		return false;
	type = keytype_find(name, &certified);
	return type == NULL || !key_type_available(type);
}

static bool has_foreign_authority(struct bytes blob)
{
	struct cert cert;

	return cert_parse(blob, &cert) == ERR_OK && is_foreign(cert.signature_key);
}

enum err bind_verify(const struct session_bind *m)
{
	struct pubkey key;
	bool is_cert;

	if (is_foreign(m->host_key))
		return ERR_KEY_TYPE;
	if (keyblob_parse(m->host_key, &key, &is_cert) != ERR_OK ||
	    key_verify(m->host_key, m->session, m->signature) != ERR_OK)
		return ERR_BIND;
	if (is_cert && has_foreign_authority(m->host_key))
		return ERR_KEY_TYPE;
	return is_cert && verify_authority(m->host_key) != ERR_OK ? ERR_BIND : ERR_OK;
}

static struct bind *bind_new(const struct session_bind *m)
{
	struct bind *b = calloc(1, sizeof(*b) + m->host_key.len + m->session.len);
	char print[FINGERPRINT_ROOM];

	if (b == NULL)
		return NULL;
	memcpy(b->bytes, m->host_key.data, m->host_key.len);
	memcpy(b->bytes + m->host_key.len, m->session.data, m->session.len);
	b->host_key = BYTES(b->bytes, m->host_key.len);
	b->session = BYTES(b->bytes + m->host_key.len, m->session.len);
	b->forwarding = m->forwarding;
	if (fingerprint(b->host_key, FINGERPRINT_SHA256, print) == ERR_OK)
		(void)snprintf(b->print, sizeof(b->print), "%.51s", print);
	return b;
}

enum err route_add(struct route *r, const struct session_bind *m)
{
	struct bind *fresh;

	for (const struct bind *b = r->first; b != NULL; b = b->next) {
		if (!b->forwarding)
			return ERR_BIND_OVER;
		if (bytes_equal(b->session, m->session))
			return bytes_equal(b->host_key, m->host_key) ? ERR_OK : ERR_BIND_TWICE;
	}
	if (r->count >= LIMIT_SESSION_BINDS)
		return ERR_LIMIT;
	fresh = bind_new(m);
	if (fresh == NULL)
		return ERR_MEMORY;
	if (r->last != NULL)
		r->last->next = fresh;
	else
		r->first = fresh;
	r->last = fresh;
	r->count++;
	r->bytes += sizeof(*fresh) + m->host_key.len + m->session.len;
	return ERR_OK;
}

void route_fail(struct route *r, enum err why)
{
	bool open = r->count < LIMIT_SESSION_BINDS && (r->last == NULL || r->last->forwarding);

	r->failed = true;
	if (why != ERR_KEY_TYPE || !open)
		r->barred = true;
}

void route_clear(struct route *r)
{
	while (r->first != NULL) {
		struct bind *b = r->first;

		r->first = b->next;
		free(b);
	}
	*r = (struct route){0};
}

bool route_is_remote(const struct route *r)
{
	return r->failed || (r->first != NULL && r->first->forwarding);
}

bool route_is_forwarded(const struct route *r)
{
	return r->first != NULL && r->first->forwarding;
}

static bool has_principal(const struct cert *cert, struct bytes host)
{
	struct reader r = reader_of(cert->principals);
	struct bytes pattern;

	while (reader_text(&r, &pattern) == ERR_OK) {
		if (pattern_match(host, pattern))
			return true;
	}
	return false;
}

/* Hash functions too weak to vouch for a host, as OpenSSH sees it too. */
static bool signed_weakly(const struct cert *cert)
{
	struct reader r = reader_of(cert->signature);
	struct bytes algorithm;

	return reader_text(&r, &algorithm) != ERR_OK || bytes_is(algorithm, "ssh-rsa") ||
	       bytes_is(algorithm, "ssh-dss");
}

/* Is it good for this host, now?  Its signature was verified with the bind. */
static bool cert_is_good(const struct cert *cert, struct bytes host)
{
	time_t now = time(NULL);

	return cert->kind == CERT_HOST && now >= 0 && cert->valid_after <= (uint64_t)now &&
	       (uint64_t)now < cert->valid_before && cert->critical.len == 0 &&
	       !signed_weakly(cert) && has_principal(cert, host);
}

/* A host is known by its key, or, where it shows a certificate, by the authority alone. */
static bool hop_is(const struct hop *hop, struct bytes host_key)
{
	struct reader keys = reader_of(hop->keys);
	struct bytes blob;
	struct cert cert;
	bool certified = cert_parse(host_key, &cert) == ERR_OK;
	bool is_ca;

	while (hop_key_next(&keys, &blob, &is_ca)) {
		if (is_ca != certified)
			continue;
		if (!certified && bytes_equal(blob, host_key))
			return true;
		if (certified && bytes_equal(blob, cert.signature_key))
			return cert_is_good(&cert, hop->host);
	}
	return false;
}

const struct bind *route_login_bind(const struct route *r, const struct sign_login *login)
{
	const struct bind *b = r->last;

	if (b == NULL || r->failed || b->forwarding || !bytes_equal(login->session, b->session) ||
	    (login->host_key.len != 0 && !bytes_equal(login->host_key, b->host_key)))
		return NULL;
	return b;
}

bool route_host_name(const struct bind *b, struct bytes destinations, struct bytes *name)
{
	struct destination_walk w = destinations_walk(destinations);
	struct destination d;

	while (destination_next(&w, &d)) {
		if (hop_is(&d.to, b->host_key)) {
			*name = d.to.host;
			return true;
		}
	}
	return false;
}

/* One hop: from NULL is this machine, to NULL is anywhere, user NULL is anybody. */
static bool hop_permitted(struct bytes destinations, const struct bind *from, const struct bind *to,
    const struct bytes *user)
{
	struct destination_walk w = destinations_walk(destinations);
	struct destination d;

	while (destination_next(&w, &d)) {
		if (from == NULL ? d.from.host.len != 0 : !hop_is(&d.from, from->host_key))
			continue;
		if (to != NULL && !hop_is(&d.to, to->host_key))
			continue;
		if (user == NULL || d.to.user.len == 0 || pattern_match(*user, d.to.user))
			return true;
	}
	return false;
}

/* Each hop by a constraint of its own; only behind the last may the client log in. */
static bool all_hops_permitted(
    const struct route *r, struct bytes destinations, const struct bytes *user)
{
	const struct bind *from = NULL;

	for (const struct bind *b = r->first; b != NULL; from = b, b = b->next) {
		bool last = b->next == NULL;

		if (!last && !b->forwarding)
			return false;
		if (!hop_permitted(destinations, from, b, last ? user : NULL))
			return false;
	}
	return true;
}

enum err route_permits(const struct route *r, struct bytes destinations)
{
	if (destinations.len == 0)
		return ERR_OK;
	if (r->failed)
		return ERR_BIND_FAILED;
	if (r->first == NULL)
		return ERR_OK;
	if (!all_hops_permitted(r, destinations, NULL))
		return ERR_ROUTE;
	if (r->last->forwarding && !hop_permitted(destinations, r->last, NULL, NULL))
		return ERR_ROUTE;
	return ERR_OK;
}

bool route_is_astray(const struct route *r, const struct sign_data *what)
{
	return what->kind == SIGN_LOGIN && r->last != NULL && !r->last->forwarding &&
	       route_login_bind(r, &what->login) == NULL;
}

/* As route_is_astray; an unbound connection, the usual one, costs no look at the data. */
static bool data_is_astray(const struct route *r, struct bytes data)
{
	struct sign_data d;

	if (r->last == NULL)
		return false;
	sign_data_read(data, &d);
	return route_is_astray(r, &d);
}

enum err route_permits_sign(
    const struct route *r, struct bytes destinations, struct bytes blob, struct bytes data)
{
	struct sign_data d;

	if (r->barred)
		return ERR_BIND_FAILED;
	if (destinations.len == 0)
		return data_is_astray(r, data) ? ERR_OTHER_SESSION : ERR_OK;
	if (r->failed)
		return ERR_BIND_FAILED;
	if (r->first == NULL)
		return ERR_UNBOUND;
	sign_data_read(data, &d);
	if (d.kind != SIGN_LOGIN || !bytes_equal(d.login.key, blob) ||
	    !bytes_is(d.login.service, "ssh-connection"))
		return ERR_NOT_LOGIN;
	if (r->last->forwarding || !all_hops_permitted(r, destinations, &d.login.user))
		return ERR_ROUTE;
	if (!bytes_equal(d.login.session, r->last->session))
		return ERR_OTHER_SESSION;
	/* Older servers do not know the method that names the host key: allowed from this machine
	 * only. */
	if (d.login.host_key.len == 0 ? r->count > 1
				      : !bytes_equal(d.login.host_key, r->last->host_key))
		return ERR_OTHER_SESSION;
	return ERR_OK;
}
