#include "agent/consent_purpose.h"

#include "agent/consent.h"
#include "proto/builder.h"

bool consent_needed(const struct key_rules *rules, const struct route *route)
{
	switch (rules->confirm) {
	case CONFIRM_NEVER:
		return false;
	case CONFIRM_FORWARDED:
		return route_is_remote(route);
	default:
		return true;
	}
}

bool consent_is_known(const struct route *route, const struct sign_data *what)
{
	if (route->failed)
		return false;
	if (what->kind == SIGN_LOGIN)
		return route->last != NULL && !route->last->forwarding &&
		       !route_is_astray(route, what);
	return what->kind == SIGN_SSHSIG;
}

static void put_what(struct builder *b, const struct sign_data *what)
{
	builder_u8(b, (uint8_t)what->kind);
	if (what->kind == SIGN_LOGIN) {
		builder_string(b, what->login.user);
		builder_string(b, what->login.service);
		builder_string(b, what->login.host_key);
	} else if (what->kind == SIGN_SSHSIG) {
		builder_string(b, what->sshsig.name_space);
	}
}

enum err consent_purpose(
    const struct route *route, struct bytes data, bool whole, char out[FINGERPRINT_ROOM])
{
	struct builder b = {0};
	struct sign_data what;
	enum err e;

	sign_data_read(data, &what);
	for (const struct bind *bind = route->first; bind != NULL; bind = bind->next) {
		builder_string(&b, bind->host_key);
		builder_bool(&b, bind->forwarding);
		if (whole)
			builder_string(&b, bind->session);
	}
	put_what(&b, &what);
	if (whole)
		builder_string(&b, data);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = fingerprint(builder_view(&b), FINGERPRINT_SHA256, out);
	builder_clear(&b);
	return e;
}
