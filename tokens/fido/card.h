/* Security keys in card readers: libfido2's transport over nfc.h over pcsc.h. */
#ifndef SIGNET_FIDO_CARD_H
#define SIGNET_FIDO_CARD_H

#include <stdbool.h>

#include "proto/base/err.h"

struct card;
struct fido_dev;

/*
 * Select the FIDO applet of the card in this reader and keep others off it: ERR_NO_DEVICE when
 * there is none, ERR_DEVICE_BUSY, ERR_DEVICE_GONE, ERR_DEVICE.
 */
enum err card_open(const char *reader, struct card **out);
void card_close(struct card *c); /* NULL is allowed */

/* Let dev speak to it; fido_dev_open then gets any path, and fido_dev_close does not close it. */
enum err card_attach(struct card *c, struct fido_dev *dev);

/* The card was pulled out, or its reader; pcscd learns of it a moment after a command has failed.
 */
bool card_gone(struct card *c);

/* The last command did not get through to the card, or its answer not back. */
bool card_failed(const struct card *c);

/* It refused CTAP2's first command as unknown: it may speak U2F. */
bool card_is_u2f(const struct card *c);

/*
 * Is the card in this reader a security key?  Asks it once: ERR_OK, ERR_NO_DEVICE, or another
 * error when that could not be found out.
 */
enum err card_probe(const char *reader);

#endif
