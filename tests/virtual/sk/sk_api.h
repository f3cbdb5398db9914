/*
 * The interface of security key middleware as OpenSSH 8.9 and later load it: the facts of its
 * sk-api.h (version 10), and of PROTOCOL.u2f for what they mean.  Memory that a function gives out
 * is malloc's, and its caller frees it.
 */
#ifndef SIGNET_TESTS_VIRTUAL_SK_SK_API_H
#define SIGNET_TESTS_VIRTUAL_SK_SK_API_H

#include <stddef.h>
#include <stdint.h>

enum { SK_VERSION = 0x000a0000 };
enum { SK_ECDSA = 0, SK_ED25519 = 1 };
enum { SK_PRESENCE = 0x01, SK_VERIFICATION = 0x04, SK_FORCE = 0x10, SK_RESIDENT = 0x20 };

enum {
	SK_ERR_GENERAL = -1,
	SK_ERR_UNSUPPORTED = -2,
	SK_ERR_PIN_REQUIRED = -3,
	SK_ERR_DEVICE_NOT_FOUND = -4,
	SK_ERR_CREDENTIAL_EXISTS = -5,
};

/* public_key: 0x04 ‖ x ‖ y, or the 32 bytes of Ed25519. */
struct sk_enroll_response {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *attestation_cert;
	size_t attestation_cert_len;
	uint8_t *authdata;
	size_t authdata_len;
};

/* ECDSA: two magnitudes, big-endian; Ed25519: all 64 bytes in sig_r. */
struct sk_sign_response {
	uint8_t flags;
	uint32_t counter;
	uint8_t *sig_r;
	size_t sig_r_len;
	uint8_t *sig_s;
	size_t sig_s_len;
};

struct sk_resident_key {
	uint32_t alg;
	size_t slot;
	char *application;
	struct sk_enroll_response key;
	uint8_t flags;
	uint8_t *user_id;
	size_t user_id_len;
};

/* A list of them ends with NULL. */
struct sk_option {
	char *name;
	char *value;
	uint8_t required;
};

#define SK_EXPORT __attribute__((visibility("default")))

SK_EXPORT uint32_t sk_api_version(void);
SK_EXPORT int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len,
    const char *application, uint8_t flags, const char *pin, struct sk_option **options,
    struct sk_enroll_response **out);
SK_EXPORT int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
    const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin,
    struct sk_option **options, struct sk_sign_response **out);
SK_EXPORT int sk_load_resident_keys(
    const char *pin, struct sk_option **options, struct sk_resident_key ***out, size_t *n);

#endif
