/* ADD_SMARTCARD_KEY, ADD_SMARTCARD_KEY_CONSTRAINED and REMOVE_SMARTCARD_KEY: RFC 9987, sections 5.3
 * and 5.4. */
#include "agent/dispatch.h"

/* A token is plugged in here, and its library would run here: not for another host to choose. */
enum outcome req_token_add(struct request *r)
{
	struct msg_token m;
	enum err e = msg_token_parse(r->body, r->number == AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, &m);

	if (e != ERR_OK)
		return refuse(r, e);
	if (route_is_remote(&r->conn->route) && !r->core->options->remote_pkcs11)
		return refuse(r, ERR_REMOTE_TOKEN);
	return refuse(r, ERR_UNSUPPORTED);
}

/* Honoured whoever asks, locked or not; but no key here is a token's. */
enum outcome req_token_remove(struct request *r)
{
	struct msg_token m;
	enum err e = msg_token_parse(r->body, false, &m);

	return refuse(r, e == ERR_OK ? ERR_NO_TOKEN : e);
}
