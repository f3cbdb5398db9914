/*
 * Messages between signet-keyring, which speaks to the Secret Service for one operation and ends,
 * and whoever started it: the core, or signet-add --forget.  Frames as in helpermsg.h.
 *
 *   request          answers
 *   KEYRING_LOOKUP   KEYRING_SECRET or KEYRING_FAILED
 *   KEYRING_STORE    KEYRING_DONE or KEYRING_FAILED; an item of the same kind, name and id is
 *                    replaced
 *   KEYRING_FORGET   KEYRING_DONE or KEYRING_FAILED (ERR_NOT_FOUND: there was none)
 *
 * Hanging up takes the request back.  What the service has asked a person meanwhile stays on the
 * screen until she answers: gnome-keyring does not survive it to be taken back.
 *
 * Items have the attributes xdg:schema "org.signet.Secret", kind "passphrase" or "pin", name (the
 * key file's path, or the token's name) and id (the key's SHA-256 fingerprint, or the token's
 * serial).  A name or id that is not UTF-8, which attributes have to be, is there as "hex:" and its
 * bytes in lower-case hexadecimal.
 */
#ifndef SIGNET_KEYRINGMSG_H
#define SIGNET_KEYRINGMSG_H

#include "proto/builder.h"
#include "proto/reader.h"

enum keyring_message {
	KEYRING_LOOKUP = 128, /* byte kind, string name, string id, byte prompt (0: an item in a
				 locked collection counts as ERR_KEYRING_LOCKED, unasked) */
	KEYRING_STORE = 129,  /* byte kind, string name, string id, string label, string secret */
	KEYRING_FORGET = 130, /* byte kind, string name, string id; id empty: of every id */

	KEYRING_SECRET = 136, /* string secret */
	KEYRING_DONE = 137,   /* no fields */
	KEYRING_FAILED = 138, /* byte enum err, one that keyring_failure_allowed */
};

enum keyring_kind { KEYRING_PASSPHRASE = 1, KEYRING_PIN = 2 };

enum {
	KEYRING_NAME_MOST = 4096, /* bytes of name, id, label, without NUL */
	KEYRING_SECRET_MOST = 1024,
	KEYRING_REQUEST_MOST = 3 * KEYRING_NAME_MOST + KEYRING_SECRET_MOST + 64, /* a message */
	KEYRING_ANSWER_MOST = KEYRING_SECRET_MOST + 64,
};

/* Views. */
struct keyring_item {
	enum keyring_kind kind;
	struct bytes name, id; /* neither empty, but for the id of KEYRING_FORGET */
};

/* Whole frames into b. */
void keyring_lookup_build(struct builder *b, const struct keyring_item *item, bool prompt);
void keyring_store_build(
    struct builder *b, const struct keyring_item *item, struct bytes label, struct bytes secret);
void keyring_forget_build(struct builder *b, const struct keyring_item *item);
void keyring_secret_build(struct builder *b, struct bytes secret);
void keyring_done_build(struct builder *b);
void keyring_failed_build(struct builder *b, enum err why);

/* From a frame's content: ERR_VERSION, ERR_MESSAGE for another kind, or why it is malformed. */
enum err keyring_lookup_parse(struct bytes message, struct keyring_item *item, bool *prompt);
enum err keyring_store_parse(
    struct bytes message, struct keyring_item *item, struct bytes *label, struct bytes *secret);
enum err keyring_forget_parse(struct bytes message, struct keyring_item *item);
enum err keyring_secret_parse(struct bytes message, struct bytes *secret);
enum err keyring_done_parse(struct bytes message);
enum err keyring_failed_parse(struct bytes message, enum err *why);

/* ERR_NOT_FOUND, ERR_NO_KEYRING, ERR_KEYRING_LOCKED (the person did not unlock it), ERR_KEYRING,
 * ERR_TIMEOUT (it hangs), ERR_MEMORY. */
bool keyring_failure_allowed(uint8_t why);

/* May this be a secret: not empty, at most KEYRING_SECRET_MOST bytes, no NUL? */
bool keyring_secret_allowed(struct bytes secret);

#endif
