/*
 * Constraints on an added key (RFC 9987, section 5.2.7).
 */
#ifndef SIGNET_CONSTRAINT_H
#define SIGNET_CONSTRAINT_H

#include "proto/reader.h"

/* What the constraints of one request ask for; zero-initialised asks for nothing. */
struct constraints {
	bool has_lifetime;
	uint32_t lifetime; /* seconds, meaningful with has_lifetime */
	bool confirm;
	struct bytes destinations; /* what destinations_check took; a view; empty: none asked for */
	/* sk-provider: of security keys only, as the caller checks; a view; empty: none asked for
	 */
	struct bytes provider;
	/* associated-certs: of additions of tokens only, as the caller checks; strings back to
	   back, LIMIT_TOKEN_CERTS at most, each a certificate blob that was not looked at.  A view;
	   has_certs: the constraint is there. */
	bool has_certs;
	bool certs_only; /* the keys themselves are not to be added */
	struct bytes certs;
};

/*
 * Read constraints up to the end of r.  Any constraint that is unknown,
 * unsupported, given twice or malformed refuses the whole request
 * (RFC 9987: a parser cannot find its way after one that it does not know).
 */
enum err constraints_read(struct reader *r, struct constraints *out);

struct builder;
void constraints_build(struct builder *b, const struct constraints *c);

/* True when c asks for nothing: ADD_IDENTITY is then the message to use (RFC 9987, section 5.2). */
bool constraints_none(const struct constraints *c);

#endif
