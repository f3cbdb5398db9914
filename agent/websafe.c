#include "agent/websafe.h"

#include "proto/pattern.h"
#include "proto/signdata.h"

static const char for_ssh[] = "ssh:*";

static bool application_allowed(const struct options *o, const struct key *key)
{
	struct key_sk token;

	key_sk(key, &token);
	return pattern_list_match(
	    token.application, bytes_str(o->websafe != NULL ? o->websafe : for_ssh));
}

/* A login with this key, by the algorithm that such keys sign with. */
static bool is_login_with(const struct sign_login *login, const struct identity *id)
{
	const struct keytype *type = key_type(id->key);

	if (!bytes_equal(login->key, id->blob) && !bytes_equal(login->key, key_blob(id->key)))
		return false;
	return bytes_is(login->algorithm, type->name) ||
	       bytes_is(login->algorithm, type->cert_name);
}

enum err websafe_permit(const struct options *o, const struct identity *id, struct bytes data)
{
	struct sign_data what;

	if (!o->restrict_websafe || !key_is_sk(id->key) || application_allowed(o, id->key))
		return ERR_OK;
	sign_data_read(data, &what);
	if (what.kind == SIGN_SSHSIG)
		return ERR_OK;
	if (what.kind == SIGN_LOGIN && is_login_with(&what.login, id))
		return ERR_OK;
	return ERR_WEBSAFE;
}
