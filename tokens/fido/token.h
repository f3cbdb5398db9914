/* One security key, opened for one operation. */
#ifndef SIGNET_FIDO_TOKEN_H
#define SIGNET_FIDO_TOKEN_H

#include <sys/stat.h>

#include "tokens/fido/op.h"

struct card;
struct fido_dev;

struct token {
	struct fido_dev *dev;
	struct card *card; /* NULL: not in a reader */
	char path[FIDO_PATH_MOST + 1];
	struct stat node; /* of a HID device's path when it was opened */
};

/*
 * Open what FIDO_DEVICES calls path, and learn what it can do.  ERR_NO_DEVICE: it is not there;
 * ERR_DEVICE_BUSY: another program has it; ERR_DEVICE.  token_close is owed only after ERR_OK.
 */
enum err token_open(struct op *op, struct bytes path, struct token *t);
void token_close(struct op *op, struct token *t);

/* From here on a person may be waited for. */
void token_await_person(struct token *t);

/*
 * What went wrong: libfido2 gave code in an operation begun at `since` (clock_now).  Tells a device
 * that is not there any more (ERR_DEVICE_GONE) and one that nobody touched from others.
 */
enum err token_failed(struct op *op, struct token *t, int code, uint64_t since);

/* Nothing more will come from it.  Costs next to nothing. */
bool token_lost(const struct token *t);

/* PIN tries that are left, for an answer; FIDO_TRIES_UNKNOWN when it does not say. */
uint8_t token_pin_tries(struct token *t);
uint8_t token_uv_tries(struct token *t);

#endif
