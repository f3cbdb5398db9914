#include "tokens/fido/token.h"

#include <errno.h>
#include <fcntl.h>
#include <fido.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/limits.h"
#include "tokens/fido/cancel.h"
#include "tokens/fido/card.h"
#include "tokens/fido/errors.h"
#include "tokens/base/pcsc.h"

enum {
	BUSY_MS = 500,  /* how long another program's hold of the device is waited for */
	GONE_MS = 1000, /* how long a device that was pulled out may still seem to be there */
	POLL_MS = 20,
};

static void pause_a_little(void)
{
	static const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};

	nanosleep(&t, NULL);
}

/*
 * libfido2 locks a device that it opens, and waits for such a lock of another program without end.
 * So look first.
 */
static enum err check_node(struct op *op, struct token *t)
{
	uint64_t end = clock_now() + BUSY_MS;
	int fd = open(t->path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int locked;

	if (fd == -1) {
		if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
			return op_fail(op, ERR_NO_DEVICE, "%s: %m", t->path);
		return op_fail(op, ERR_DEVICE, "%s: %m%s", t->path,
		    errno == EACCES ? "; are the udev rules of libfido2 installed?" : "");
	}
	if (fstat(fd, &t->node) == -1 || !S_ISCHR(t->node.st_mode)) {
		close(fd);
		return op_fail(op, ERR_NO_DEVICE, "%s is not a device", t->path);
	}
	while ((locked = flock(fd, LOCK_EX | LOCK_NB)) == -1 && errno == EWOULDBLOCK &&
	       clock_now() < end)
		pause_a_little();
	close(fd);
	if (locked == -1 && errno == EWOULDBLOCK)
		return op_fail(op, ERR_DEVICE_BUSY, "%s is locked", t->path);
	return ERR_OK;
}

static enum err open_card(struct op *op, struct token *t)
{
	enum err e = card_open(t->path + strlen(PCSC_PREFIX), &t->card);

	if (e == ERR_OK)
		e = card_attach(t->card, t->dev);
	return e == ERR_OK ? e : op_fail(op, e, "%s: %s", t->path, err_text(e));
}

/*
 * libfido2 takes a device whose first answer it does not understand for a U2F one, if it may.  A
 * card may be that; of a HID device it is said beforehand.
 */
static enum err open_device(struct op *op, struct token *t)
{
	uint64_t since = clock_now();
	int code;

	fido_init(t->card != NULL ? 0 : FIDO_DISABLE_U2F_FALLBACK);
	fido_dev_set_timeout(t->dev, LIMIT_DEVICE_MS);
	code = fido_dev_open(t->dev, t->path);
	if (code != FIDO_OK)
		return token_failed(op, t, code, since);
	if (t->card != NULL && !fido_dev_is_fido2(t->dev) && !card_is_u2f(t->card)) {
		fido_dev_close(t->dev);
		return token_failed(op, t, FIDO_ERR_RX, since);
	}
	return ERR_OK;
}

enum err token_open(struct op *op, struct bytes path, struct token *t)
{
	enum err e;

	*t = (struct token){0};
	if (path.len > FIDO_PATH_MOST)
		return ERR_LIMIT;
	memcpy(t->path, path.data, path.len);
	t->dev = fido_dev_new();
	if (t->dev == NULL)
		return ERR_MEMORY;
	if (strncmp(t->path, PCSC_PREFIX, strlen(PCSC_PREFIX)) == 0)
		e = open_card(op, t);
	else
		e = check_node(op, t);
	if (e == ERR_OK)
		e = open_device(op, t);
	if (e == ERR_OK) {
		cancel_watch(op->cancel, t->dev);
		return ERR_OK;
	}
	fido_dev_free(&t->dev);
	card_close(t->card);
	return e;
}

void token_close(struct op *op, struct token *t)
{
	if (t->dev == NULL)
		return;
	cancel_forget(op->cancel, t->dev);
	fido_dev_close(t->dev);
	fido_dev_free(&t->dev);
	card_close(t->card);
	t->card = NULL;
}

void token_await_person(struct token *t)
{
	fido_dev_set_timeout(t->dev, LIMIT_TOUCH_MS);
}

static bool node_gone(const struct token *t)
{
	struct stat now;

	return stat(t->path, &now) == -1 || now.st_ino != t->node.st_ino ||
	       now.st_rdev != t->node.st_rdev;
}

static bool gone_now(struct token *t)
{
	return t->card != NULL ? card_gone(t->card) : node_gone(t);
}

/* Kernel and pcscd say so a moment after the device has stopped to answer. */
static bool is_gone(struct token *t)
{
	uint64_t end = clock_now() + GONE_MS;

	if (t->card != NULL && !card_failed(t->card))
		return false;
	while (!gone_now(t)) {
		if (clock_now() >= end)
			return false;
		pause_a_little();
	}
	return true;
}

bool token_lost(const struct token *t)
{
	return t->card != NULL ? card_failed(t->card) : node_gone(t);
}

enum err token_failed(struct op *op, struct token *t, int code, uint64_t since)
{
	enum err e = fido_error(code);
	/* The last is what libfido2 says of a key agreement that was cut short. */
	bool silent = code == FIDO_ERR_TX || code == FIDO_ERR_RX || code == FIDO_ERR_INTERNAL;

	if (cancel_asked(op->cancel))
		e = ERR_CANCELLED;
	else if (silent && clock_now() - since >= LIMIT_TOUCH_MS)
		e = ERR_TOUCH_TIMEOUT;
	else if (code < 0 && is_gone(t)) /* libfido2's own words, not the device's */
		e = ERR_DEVICE_GONE;
	return op_fail(op, e, "%s: %s", t->path, fido_strerr(code));
}

uint8_t token_pin_tries(struct token *t)
{
	int tries;

	if (!fido_dev_has_pin(t->dev) || fido_dev_get_retry_count(t->dev, &tries) != FIDO_OK ||
	    tries < 0 || tries >= FIDO_TRIES_UNKNOWN)
		return FIDO_TRIES_UNKNOWN;
	return (uint8_t)tries;
}

uint8_t token_uv_tries(struct token *t)
{
	int tries;

	if (!fido_dev_has_uv(t->dev) || fido_dev_get_uv_retry_count(t->dev, &tries) != FIDO_OK ||
	    tries < 0 || tries >= FIDO_TRIES_UNKNOWN)
		return FIDO_TRIES_UNKNOWN;
	return (uint8_t)tries;
}
