#include "proto/fidokey.h"

enum err fido_key_read(const struct fido_key *key, struct privkey *out)
{
	bool ecdsa = key->credential.algorithm == FIDO_ECDSA;
	bool is_cert;
	const struct keytype *type = keytype_find(
	    bytes_str(ecdsa ? "sk-ecdsa-sha2-nistp256@openssh.com" : "sk-ssh-ed25519@openssh.com"),
	    &is_cert);
	struct privkey k = {.type = type};

	if (key->public.len != (ecdsa ? 2 * type->field + 1 : type->field))
		return ERR_KEY_INVALID;
	k.public.type = type;
	if (ecdsa)
		k.public.ec.point = key->public;
	else
		k.public.raw = key->public;
	k.public.application = key->credential.application;
	k.sk.flags = key->credential.flags;
	k.sk.handle = key->credential.handle;
	*out = k;
	return ERR_OK;
}
