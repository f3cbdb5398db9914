/* How a device comes to know that its user is there. */
#ifndef SIGNET_FIDO_PIN_H
#define SIGNET_FIDO_PIN_H

#include "tokens/fido/token.h"

enum pin_way {
	PIN_NONE,     /* nobody is verified */
	PIN_SENT,     /* the PIN that came with the request, once */
	PIN_BUILT_IN, /* the device's own way */
};

/*
 * Which way, when a PIN came with the request or not, and the user must be verified or not.
 * ERR_PIN_NEEDED with the tries left; ERR_PIN_BLOCKED when there are none, so that the PIN is not
 * even sent; ERR_PIN_UNSET; ERR_UNSUPPORTED where there is no way.
 */
enum err pin_way(struct op *op, struct token *t, bool given, bool verify, enum pin_way *out);

/* token_failed(), where the way says more: a wrong PIN, with the tries left, or that one is needed.
 */
enum err pin_failed(struct op *op, struct token *t, enum pin_way way, int code, uint64_t since);

#endif
