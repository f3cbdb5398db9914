/*
 * Message, constraint and flag numbers of the agent protocol (RFC 9987,
 * sections 8 and 9), one list for code, logs and tests.
 */
#ifndef SIGNET_NUMBERS_H
#define SIGNET_NUMBERS_H

#include <stdint.h>

/* X(name, number, words) */
#define AGENT_REQUEST_LIST(X)                                                                      \
	X(AGENT_REQUEST_IDENTITIES, 11, "list keys")                                               \
	X(AGENT_SIGN_REQUEST, 13, "sign")                                                          \
	X(AGENT_ADD_IDENTITY, 17, "add key")                                                       \
	X(AGENT_REMOVE_IDENTITY, 18, "remove key")                                                 \
	X(AGENT_REMOVE_ALL_IDENTITIES, 19, "remove all keys")                                      \
	X(AGENT_ADD_SMARTCARD_KEY, 20, "add token")                                                \
	X(AGENT_REMOVE_SMARTCARD_KEY, 21, "remove token")                                          \
	X(AGENT_LOCK, 22, "lock")                                                                  \
	X(AGENT_UNLOCK, 23, "unlock")                                                              \
	X(AGENT_ADD_ID_CONSTRAINED, 25, "add key with constraints")                                \
	X(AGENT_ADD_SMARTCARD_KEY_CONSTRAINED, 26, "add token with constraints")                   \
	X(AGENT_EXTENSION, 27, "extension")

#define AGENT_REPLY_LIST(X)                                                                        \
	X(AGENT_FAILURE, 5, "failure")                                                             \
	X(AGENT_SUCCESS, 6, "success")                                                             \
	X(AGENT_IDENTITIES_ANSWER, 12, "keys")                                                     \
	X(AGENT_SIGN_RESPONSE, 14, "signature")                                                    \
	X(AGENT_EXTENSION_FAILURE, 28, "extension failure")                                        \
	X(AGENT_EXTENSION_RESPONSE, 29, "extension response")

enum agent_number {
#define NUMBER_ENUM(name, number, words) name = number,
	AGENT_REQUEST_LIST(NUMBER_ENUM) AGENT_REPLY_LIST(NUMBER_ENUM)
#undef NUMBER_ENUM
};

/* The words for a message number ("sign"), or "unknown"; never NULL. */
const char *agent_number_words(uint8_t number);

/* Constraints, RFC 9987 section 5.2.7. */
enum constraint_number {
	CONSTRAIN_LIFETIME = 1,
	CONSTRAIN_CONFIRM = 2,
	CONSTRAIN_EXTENSION = 255,
};

/* Flags of a sign request, RFC 9987 section 5.6.1. */
enum sign_flag {
	SIGN_RSA_SHA2_256 = 0x02,
	SIGN_RSA_SHA2_512 = 0x04,
};

/* Extension names, RFC 9987 section 5.8.1 and OpenSSH's PROTOCOL.agent. */
#define EXT_QUERY                "query"
#define EXT_SESSION_BIND         "session-bind@openssh.com"
#define EXT_RESTRICT_DESTINATION "restrict-destination-v00@openssh.com"
#define EXT_ASSOCIATED_CERTS     "associated-certs-v00@openssh.com"
#define EXT_SK_PROVIDER          "sk-provider@openssh.com"

#endif
