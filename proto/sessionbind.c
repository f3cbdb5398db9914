#include "proto/sessionbind.h"

#include "proto/keyblob.h"
#include "proto/limits.h"

/* A certificate of a user binds nothing. */
static enum err check_host_key(struct bytes blob)
{
	struct pubkey key;
	struct cert cert;
	bool is_cert;
	enum err e = keyblob_parse(blob, &key, &is_cert);

	if (e != ERR_OK || !is_cert)
		return e;
	e = cert_parse(blob, &cert);
	return e == ERR_OK && cert.kind != CERT_HOST ? ERR_CERT : e;
}

enum err session_bind_parse(struct bytes body, struct session_bind *out)
{
	struct reader r = reader_of(body);
	struct session_bind m;
	enum err e = reader_string(&r, &m.host_key);

	if (e == ERR_OK)
		e = reader_string(&r, &m.session);
	if (e == ERR_OK)
		e = reader_string(&r, &m.signature);
	if (e == ERR_OK)
		e = reader_bool(&r, &m.forwarding);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK && m.session.len == 0)
		e = ERR_FORMAT;
	if (e == ERR_OK && m.session.len > LIMIT_SESSION_ID)
		e = ERR_TOO_LONG;
	if (e == ERR_OK)
		e = check_host_key(m.host_key);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void session_bind_build(struct builder *b, const struct session_bind *m)
{
	builder_string(b, m->host_key);
	builder_string(b, m->session);
	builder_string(b, m->signature);
	builder_bool(b, m->forwarding);
}
