/* PuTTY's key file as text (its manual, appendix "PPK file format"): layout only. */
#ifndef SIGNET_PPK_H
#define SIGNET_PPK_H

#include "keystore/file/argon2.h"

enum { PPK_MAC_MOST = 32 };

/* Views into the text, and what was base64 or hexadecimal as blobs. */
struct ppk {
	unsigned version; /* 2 or 3 */
	struct bytes type, encryption, comment;
	bool encrypted;
	struct blob public_blob;
	struct argon2_cost cost; /* version 3, encrypted */
	struct blob salt;
	struct blob private; /* still encrypted */
	uint8_t mac[PPK_MAC_MOST];
	size_t mac_len;
};

void ppk_clear(struct ppk *p);

/*
 * Read text from the first line of the key on.  ERR_FILE_CIPHER, ERR_FILE_KDF,
 * ERR_FORMAT, ERR_TRUNCATED; ERR_SURPLUS for more than blank lines behind the MAC.
 * p needs ppk_clear also after an error.
 */
enum err ppk_parse(struct bytes text, struct ppk *p);

#endif
