/*
 * PEM armour (RFC 7468, and the headers of RFC 1421 that old OpenSSL writes):
 * the lines between "-----BEGIN label-----" and its END.
 */
#ifndef SIGNET_ARMOR_H
#define SIGNET_ARMOR_H

#include "proto/base/bytes.h"

/* Is this line "-----BEGIN label-----"? */
bool armor_begins(struct bytes line, struct bytes *label);

/*
 * The text up to the END line of label, with *rest moved behind it.  *rest
 * starts on the line after BEGIN.  ERR_TRUNCATED when there is no END.
 */
enum err armor_body(struct bytes *rest, struct bytes label, struct bytes *body);

/* A body in its two parts.  All are views. */
struct armor {
	bool encrypted;        /* Proc-Type: 4,ENCRYPTED */
	struct bytes dek_info; /* value of DEK-Info, empty when there is none */
	struct bytes base64;
};

/* Tell headers from base64.  ERR_FORMAT for headers that no blank line ends. */
enum err armor_split(struct bytes body, struct armor *out);

/* base64 to bytes; *out must be empty.  ERR_FORMAT. */
enum err armor_decode(struct bytes base64, struct blob *out);

#endif
