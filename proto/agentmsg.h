/*
 * The messages of the agent protocol, both ways (RFC 9987, section 5), without
 * the length field that frame.h slices off.  Decoders take a whole message
 * body (after the number), want every byte used, and give views into it.
 */
#ifndef SIGNET_AGENTMSG_H
#define SIGNET_AGENTMSG_H

#include "proto/base/bytes.h"
#include "proto/builder.h"
#include "proto/constraint.h"
#include "proto/numbers.h"
#include "proto/privkey.h"

/* ADD_IDENTITY and ADD_ID_CONSTRAINED. */
struct msg_add {
	struct privkey key;
	struct bytes key_data; /* "string type, key data": the bytes that key was read from */
	struct bytes comment;
	struct constraints constraints;
};

enum err msg_add_parse(struct bytes body, bool constrained, struct msg_add *out);

/* SIGN_REQUEST */
struct msg_sign {
	struct bytes key;
	struct bytes data;
	uint32_t flags;
};

enum err msg_sign_parse(struct bytes body, struct msg_sign *out);

/* REMOVE_IDENTITY (a key blob), LOCK and UNLOCK (a passphrase): one string and no more. */
enum err msg_string_parse(struct bytes body, struct bytes *out);

/* EXTENSION: a name, and the rest is the extension's. */
struct msg_extension {
	struct bytes name;
	struct bytes body;
};

enum err msg_extension_parse(struct bytes body, struct msg_extension *out);

/* ADD_SMARTCARD_KEY[_CONSTRAINED] and REMOVE_SMARTCARD_KEY. */
struct msg_token {
	struct bytes token; /* provider path or reader */
	struct bytes pin;
	struct constraints constraints;
};

enum err msg_token_parse(struct bytes body, bool constrained, struct msg_token *out);

/*
 * A message into b: message_open, the fields, message_close.  Writes length field and number;
 * b may hold earlier messages.
 */
size_t message_open(struct builder *b, enum agent_number number);
void message_close(struct builder *b, size_t mark);

/* A message that is a number alone. */
void message_plain(struct builder *b, enum agent_number number);

/*
 * Client side: replies.  reply is a whole message (number first).
 * ERR_REFUSED for FAILURE and EXTENSION_FAILURE, ERR_REPLY for anything else that was not expected.
 */
enum err reply_success(struct bytes reply);
enum err reply_signature(struct bytes reply, struct bytes *signature);

/* Walks an IDENTITIES_ANSWER. */
struct identity_walk {
	struct reader r;
	uint32_t left;
};

enum err reply_identities(struct bytes reply, struct identity_walk *out);

/* The next key; *more is false (and the rest untouched) at the end. */
enum err identity_next(
    struct identity_walk *w, bool *more, struct bytes *blob, struct bytes *comment);

/*
 * EXTENSION_RESPONSE to the extension called name: the body behind the echoed name.  SUCCESS, as
 * agents older than the RFC (and Pageant) answer: whatever follows it, which can be nothing.
 */
enum err reply_extension(struct bytes reply, const char *name, struct bytes *body);

#endif
