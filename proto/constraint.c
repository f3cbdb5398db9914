#include "proto/constraint.h"

#include "proto/builder.h"
#include "proto/destination.h"
#include "proto/limits.h"
#include "proto/numbers.h"

/* Reads what follows the number (or an extension's name) and marks it in c. */
typedef enum err read_constraint(struct reader *r, struct constraints *c);

/* uint32 seconds */
static enum err read_lifetime(struct reader *r, struct constraints *c)
{
	enum err e;

	if (c->has_lifetime)
		return ERR_CONSTRAINT;
	e = reader_u32(r, &c->lifetime);
	c->has_lifetime = e == ERR_OK;
	return e;
}

static enum err read_confirm(struct reader *r, struct constraints *c)
{
	(void)r;
	if (c->confirm)
		return ERR_CONSTRAINT;
	c->confirm = true;
	return ERR_OK;
}

/* string destinations */
static enum err read_destinations(struct reader *r, struct constraints *c)
{
	struct bytes list;
	enum err e;

	if (c->destinations.len != 0)
		return ERR_CONSTRAINT;
	e = reader_string(r, &list);
	if (e == ERR_OK)
		e = destinations_check(list);
	if (e == ERR_OK)
		c->destinations = list;
	return e;
}

/* string path, or "internal" (OpenSSH's PROTOCOL.u2f) */
static enum err read_provider(struct reader *r, struct constraints *c)
{
	struct bytes provider;
	enum err e;

	if (c->provider.len != 0)
		return ERR_CONSTRAINT;
	e = reader_text(r, &provider);
	if (e == ERR_OK && provider.len == 0)
		e = ERR_CONSTRAINT;
	if (e == ERR_OK)
		c->provider = provider;
	return e;
}

/* bool certs_only, string, in it strings: certificate blobs */
static enum err read_certs(struct reader *r, struct constraints *c)
{
	struct reader certs;
	struct bytes cert;
	size_t count = 0;
	bool only;
	enum err e;

	if (c->has_certs)
		return ERR_CONSTRAINT;
	e = reader_bool(r, &only);
	if (e == ERR_OK)
		e = reader_nested(r, &certs);
	if (e != ERR_OK)
		return e;
	c->has_certs = true;
	c->certs_only = only;
	c->certs = reader_rest(&certs);
	while (e == ERR_OK && certs.left != 0)
		e = count++ == LIMIT_TOKEN_CERTS ? ERR_LIMIT : reader_string(&certs, &cert);
	return e;
}

/*
 * The constraint extensions, a row each, up to the row without a name.  One
 * that is not here has no length that could be passed over.
 */
static const struct {
	const char *name;
	read_constraint *read;
} extensions[] = {
    {EXT_RESTRICT_DESTINATION, read_destinations},
    {EXT_SK_PROVIDER, read_provider},
    {EXT_ASSOCIATED_CERTS, read_certs},
    {NULL, NULL},
};

/* string name, and bytes that only the extension can tell the end of */
static enum err read_extension(struct reader *r, struct constraints *c)
{
	struct bytes name;
	enum err e = reader_text(r, &name);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; extensions[i].name != NULL; i++)
		if (bytes_is(name, extensions[i].name))
			return extensions[i].read(r, c);
	return ERR_CONSTRAINT;
}

static const struct {
	enum constraint_number number;
	read_constraint *read;
} kinds[] = {
    {CONSTRAIN_LIFETIME, read_lifetime},
    {CONSTRAIN_CONFIRM, read_confirm},
    {CONSTRAIN_EXTENSION, read_extension},
};

static enum err read_one(struct reader *r, struct constraints *c)
{
	uint8_t number;
	enum err e = reader_u8(r, &number);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (number == kinds[i].number)
			return kinds[i].read(r, c);
	return ERR_CONSTRAINT;
}

enum err constraints_read(struct reader *r, struct constraints *out)
{
	struct reader ahead = *r;
	struct constraints c = {0};
	enum err e = ERR_OK;

	while (e == ERR_OK && ahead.left != 0)
		e = read_one(&ahead, &c);
	if (e == ERR_OK) {
		*r = ahead;
		*out = c;
	}
	return e;
}

void constraints_build(struct builder *b, const struct constraints *c)
{
	if (c->has_lifetime) {
		builder_u8(b, CONSTRAIN_LIFETIME);
		builder_u32(b, c->lifetime);
	}
	if (c->confirm)
		builder_u8(b, CONSTRAIN_CONFIRM);
	if (c->destinations.len != 0) {
		builder_u8(b, CONSTRAIN_EXTENSION);
		builder_cstring(b, EXT_RESTRICT_DESTINATION);
		builder_string(b, c->destinations);
	}
	if (c->provider.len != 0) {
		builder_u8(b, CONSTRAIN_EXTENSION);
		builder_cstring(b, EXT_SK_PROVIDER);
		builder_string(b, c->provider);
	}
	if (c->has_certs) {
		builder_u8(b, CONSTRAIN_EXTENSION);
		builder_cstring(b, EXT_ASSOCIATED_CERTS);
		builder_bool(b, c->certs_only);
		builder_string(b, c->certs);
	}
}

bool constraints_none(const struct constraints *c)
{
	return !c->has_lifetime && !c->confirm && c->destinations.len == 0 &&
	       c->provider.len == 0 && !c->has_certs;
}
