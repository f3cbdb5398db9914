/* One operation of signet-fido, for --tokens and -K, which work without any agent. */
#ifndef SIGNET_ADD_FIDO_H
#define SIGNET_ADD_FIDO_H

#include "proto/builder.h"
#include "proto/fidomsg.h"

/* What signet-fido answered. */
struct fido_answer {
	struct blob message;
	enum fido_kind kind;         /* of the answer that was wanted, or FIDO_FAILED with */
	struct fido_failure failure; /* a view into message */
};

/*
 * Start it, send the request, wait for the one answer (LIMIT_TOUCH_MS), and see it end; again for
 * some seconds while the device is in use by another.  Takes the content of request.  ERR_OK: the
 * answer is of the kind wanted.  What the helper gave as its reason (then it is in out->failure
 * too); ERR_HELPER_MISSING; ERR_HELPER when it died, ERR_TIMEOUT, ERR_REPLY and kin.  Clear out
 * with fido_answer_clear in every case.
 */
enum err fido_run(struct builder *request, enum fido_kind wanted, struct fido_answer *out);
void fido_answer_clear(struct fido_answer *a);

/* The devices that are plugged in; views into a->message. */
enum err fido_list(
    struct fido_answer *a, struct fido_device devices[FIDO_PATHS_MOST], size_t *count);

/*
 * What the device says of itself.  ERR_DEVICE_BUSY at once, so that whoever uses it is not
 * disturbed, where it is not known to be a security key.
 */
enum err fido_ask_info(const struct fido_device *d, struct fido_info *out);

/* Why fido_ask_info failed, in words that do not call a mere card a security key; static. */
const char *fido_unasked_words(const struct fido_device *d, enum err e);

/*
 * The resident keys for SSH of a device (or, with a provider, of those that its library finds).
 * keys: fido_key_next, count times; views into a->message.
 */
enum err fido_ask_resident(const struct fido_resident *request, struct fido_answer *a,
    struct reader *keys, uint32_t *count);

#endif
