/* ADD_SMARTCARD_KEY and ADD_SMARTCARD_KEY_CONSTRAINED: RFC 9987, section 5.3. */
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
