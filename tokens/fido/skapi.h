/*
 * The interface of middleware libraries for security keys, as OpenSSH 8.9 to 10 define it (sk-api,
 * major version 10): names, order and types of the fields are the interface.
 */
#ifndef SIGNET_FIDO_SKAPI_H
#define SIGNET_FIDO_SKAPI_H

#include <stddef.h>
#include <stdint.h>

#define SKAPI_MAJOR      0x000a0000u
#define SKAPI_MAJOR_MASK 0xffff0000u

/* What its functions return; 0 is success. */
enum skapi_error {
	SKAPI_GENERAL = -1,
	SKAPI_UNSUPPORTED = -2,
	SKAPI_PIN_REQUIRED = -3,
	SKAPI_DEVICE_NOT_FOUND = -4,
};

struct skapi_signature {
	uint8_t flags;
	uint32_t counter;
	uint8_t *r;
	size_t r_len;
	uint8_t *s;
	size_t s_len;
};

struct skapi_enrolled {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *attestation;
	size_t attestation_len;
	uint8_t *authdata;
	size_t authdata_len;
};

struct skapi_resident {
	uint32_t algorithm; /* enum fido_algorithm */
	size_t slot;
	char *application;
	struct skapi_enrolled key;
	uint8_t flags;
	uint8_t *user_id;
	size_t user_id_len;
};

/* Options of a call, a list that NULL ends; we give none. */
struct skapi_option {
	char *name;
	char *value;
	uint8_t required;
};

/* "sk_api_version" */
typedef uint32_t skapi_version_fn(void);

/* "sk_sign": flags are enum fido_flag; the library hashes the data itself. */
typedef int skapi_sign_fn(uint32_t algorithm, const uint8_t *data, size_t data_len,
    const char *application, const uint8_t *handle, size_t handle_len, uint8_t flags,
    const char *pin, struct skapi_option **options, struct skapi_signature **out);

/* "sk_load_resident_keys" */
typedef int skapi_resident_fn(
    const char *pin, struct skapi_option **options, struct skapi_resident ***keys, size_t *count);

#endif
