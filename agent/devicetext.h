/* Words that questions about security keys (touch.h) and tokens (tokensign.h) share. */
#ifndef SIGNET_DEVICETEXT_H
#define SIGNET_DEVICETEXT_H

#include "proto/builder.h"

void devicetext_put(struct builder *b, const char *text);

/* ` "NAME"`: what a device, a token or a reader calls itself, and it could say anything; nothing
 * for an empty one. */
void devicetext_name(struct builder *b, struct bytes name);

/* ` key "COMMENT".\nKey fingerprint PRINT.` and purpose, which was made for people already. */
void devicetext_key(
    struct builder *b, struct bytes comment, const char *print, struct bytes purpose);

/* How many requests wait behind this one; nothing for none. */
void devicetext_waiting(struct builder *b, size_t n);

/* How many PIN tries are left: two or more. */
void devicetext_tries(struct builder *b, unsigned tries);

/* The same of a security key, where tries is as fido_info has it: also the last, and nothing for
 * FIDO_TRIES_UNKNOWN. */
void devicetext_key_tries(struct builder *b, uint8_t tries);

enum { DEVICETEXT_SHOWN = 64 }; /* bytes of a name that others chose */

#endif
