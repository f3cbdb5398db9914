#include "tokens/fido/request.h"

#include <fido.h>
#include <string.h>

enum err request_new(const struct fido_credential *key, struct bytes data, struct fido_assert **out)
{
	char application[FIDO_APPLICATION_MOST + 1] = {0};
	fido_assert_t *a;

	if (key->handle.len == 0)
		return ERR_FORMAT;
	a = fido_assert_new();
	if (a == NULL)
		return ERR_MEMORY;
	if (key->application.len != 0)
		memcpy(application, key->application.data, key->application.len);
	/* No data have a hash as well, but libfido2 wants a place where they are. */
	if (data.len == 0)
		data = BYTES("", 0);
	if (fido_assert_set_clientdata(a, data.data, data.len) != FIDO_OK ||
	    fido_assert_set_rp(a, application) != FIDO_OK ||
	    fido_assert_allow_cred(a, key->handle.data, key->handle.len) != FIDO_OK) {
		fido_assert_free(&a);
		return ERR_MEMORY;
	}
	*out = a;
	return ERR_OK;
}
