/* Why something failed, as the asker is to be told it, and what the module's return values mean. */
#ifndef SIGNET_TOKENS_PKCS11_FAULT_H
#define SIGNET_TOKENS_PKCS11_FAULT_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "proto/tokenmsg.h"

/* What was lost, from the least to the most: recovery gets back that much. */
enum loss {
	LOSS_NONE,
	LOSS_LOGIN,   /* the module says that nobody is logged in */
	LOSS_OBJECT,  /* a key's handle means nothing any more, or one session is of no use */
	LOSS_SESSION, /* a session means nothing any more, and maybe no other */
	LOSS_TOKEN,   /* it was pulled out, or is in another slot */
	LOSS_MODULE,  /* the module wants to be initialised again */
};

/* Zero-initialised is none.  Each call below overwrites it and returns why. */
struct fault {
	enum err why;
	enum loss loss;
	CK_RV rv;
	uint8_t tries;  /* of the PIN, where it is about one */
	uint32_t flags; /* enum token_flag */
	char detail[TOKEN_TEXT_MOST + 1];
};

/* What a function of the module gave, which is not CKR_OK. */
enum err fault_of(struct fault *f, const char *function, CK_RV rv);

/* Our own reason; the text may be about what the module said. */
enum err fault_set(struct fault *f, enum err why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
