#include "tokens/fido/request.h"

#include <fido.h>
#include <string.h>

/* libfido2 hashes no empty data itself.  SHA-256 of nothing (FIPS 180-4). */
static int set_data(struct fido_assert *a, struct bytes data)
{
	static const uint8_t hash_of_nothing[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
	    0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	    0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

	if (data.len == 0)
		return fido_assert_set_clientdata_hash(a, hash_of_nothing, sizeof(hash_of_nothing));
	return fido_assert_set_clientdata(a, data.data, data.len);
}

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
	if (set_data(a, data) != FIDO_OK || fido_assert_set_rp(a, application) != FIDO_OK ||
	    fido_assert_allow_cred(a, key->handle.data, key->handle.len) != FIDO_OK) {
		fido_assert_free(&a);
		return ERR_MEMORY;
	}
	*out = a;
	return ERR_OK;
}
