#include "proto/keytype.h"

#include <string.h>

#include "proto/numbers.h"

#define CERT(name) name "-cert-v01@openssh.com"

/*
 * The composite type's names with @openssh.com are those of OpenSSH 10.4 and 10.5, the others the
 * draft's and 10.6's.
 */
static const struct keytype types[] = {
    {"ssh-ed25519", CERT("ssh-ed25519"), "ED25519", FAMILY_ED25519, 256, NULL, 32},
    {"ecdsa-sha2-nistp256", CERT("ecdsa-sha2-nistp256"), "ECDSA", FAMILY_ECDSA, 256, "nistp256",
	32},
    {"ecdsa-sha2-nistp384", CERT("ecdsa-sha2-nistp384"), "ECDSA", FAMILY_ECDSA, 384, "nistp384",
	48},
    {"ecdsa-sha2-nistp521", CERT("ecdsa-sha2-nistp521"), "ECDSA", FAMILY_ECDSA, 521, "nistp521",
	66},
    {"ssh-rsa", CERT("ssh-rsa"), "RSA", FAMILY_RSA, 0, NULL, 0},
    {"ssh-ed448", NULL, "ED448", FAMILY_ED448, 448, NULL, 57},
    {"ssh-dss", CERT("ssh-dss"), "DSA", FAMILY_DSA, 0, NULL, 0},
    {"ssh-mldsa44-ed25519", "ssh-mldsa44-ed25519-cert", "MLDSA44-ED25519", FAMILY_MLDSA44_ED25519,
	256, NULL, 1344},
    {"ssh-mldsa44-ed25519@openssh.com", "ssh-mldsa44-ed25519-cert-v01@openssh.com",
	"MLDSA44-ED25519", FAMILY_MLDSA44_ED25519, 256, NULL, 1344},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", "ED25519-SK",
	FAMILY_SK_ED25519, 256, NULL, 32},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"ECDSA-SK", FAMILY_SK_ECDSA, 256, "nistp256", 32},
};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

const struct keytype *keytype_at(size_t i)
{
	return i < TYPES ? &types[i] : NULL;
}

const struct keytype *keytype_find(struct bytes name, bool *is_cert)
{
	for (size_t i = 0; i < TYPES; i++) {
		bool cert = types[i].cert_name != NULL && bytes_is(name, types[i].cert_name);

		if (cert || bytes_is(name, types[i].name)) {
			*is_cert = cert;
			return &types[i];
		}
	}
	return NULL;
}

static const char *const files[] = {
    "id_rsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_dsa",
    "id_mldsa44_ed25519",
};

enum { FILES = sizeof(files) / sizeof(files[0]) };

const char *keytype_file_at(size_t i)
{
	return i < FILES ? files[i] : NULL;
}

size_t keytype_file_rank(const char *name)
{
	size_t i = 0;

	while (i < FILES && strcmp(name, files[i]) != 0)
		i++;
	return i;
}

static const struct sigalg rsa_sha1 = {"ssh-rsa", HASH_SHA1};
static const struct sigalg rsa_sha256 = {"rsa-sha2-256", HASH_SHA256};
static const struct sigalg rsa_sha512 = {"rsa-sha2-512", HASH_SHA512};

/* All other types have one algorithm, named like the type. */
static const struct sigalg single[] = {
    {"ssh-ed25519", HASH_NONE},
    {"ecdsa-sha2-nistp256", HASH_SHA256},
    {"ecdsa-sha2-nistp384", HASH_SHA384},
    {"ecdsa-sha2-nistp521", HASH_SHA512},
    {"ssh-ed448", HASH_NONE},
    {"ssh-dss", HASH_SHA1},
    {"ssh-mldsa44-ed25519", HASH_NONE},
    {"ssh-mldsa44-ed25519@openssh.com", HASH_NONE},
    {"sk-ssh-ed25519@openssh.com", HASH_NONE},
    {"sk-ecdsa-sha2-nistp256@openssh.com", HASH_SHA256},
};

static enum err choose_rsa(uint32_t flags, const struct sigalg **out)
{
	if ((flags & ~(uint32_t)(SIGN_RSA_SHA2_256 | SIGN_RSA_SHA2_512)) != 0)
		return ERR_SIGN_FLAGS;
	/* Both set: the RFC leaves it open; SHA-256, as OpenSSH has it. */
	if ((flags & SIGN_RSA_SHA2_256) != 0)
		*out = &rsa_sha256;
	else if ((flags & SIGN_RSA_SHA2_512) != 0)
		*out = &rsa_sha512;
	else
		*out = &rsa_sha1;
	return ERR_OK;
}

enum err sigalg_choose(const struct keytype *type, uint32_t flags, const struct sigalg **out)
{
	if (type->family == FAMILY_RSA)
		return choose_rsa(flags, out);
	if (flags != 0)
		return ERR_SIGN_FLAGS;
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		if (bytes_is(bytes_str(type->name), single[i].name)) {
			*out = &single[i];
			return ERR_OK;
		}
	}
	return ERR_UNSUPPORTED;
}
