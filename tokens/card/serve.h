/* Requests, answered from the lanes. */
#ifndef SIGNET_CARD_SERVE_H
#define SIGNET_CARD_SERVE_H

#include "tokens/card/readers.h"

/* TOKEN_SIGN and TOKEN_LOGOUT, in the lane of a reader. */
void serve_card(struct reader_slot *s, struct bytes message);

/* TOKEN_OPEN and TOKEN_SELECT, in a lane of their own; ctx: struct readers. */
void serve_all(void *ctx, struct bytes message);

/* TOKEN_FAILED without more to say. */
void serve_failure(struct outlet *outlet, uint32_t number, enum err why);

#endif
