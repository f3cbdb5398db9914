#include "add/fido.h"

#include <time.h>

#include "add/helper.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

enum { BUSY_MS = 5000, BUSY_PAUSE_MS = 100 };

static enum err look_at(struct fido_answer *a, enum fido_kind wanted)
{
	enum err e = fido_kind_of(blob_view(&a->message), &a->kind);

	if (e != ERR_OK)
		return e;
	if (a->kind != FIDO_FAILED)
		return a->kind == wanted ? ERR_OK : ERR_REPLY;
	e = fido_failed_parse(blob_view(&a->message), &a->failure);
	return e == ERR_OK ? a->failure.why : e;
}

static enum err run_once(struct bytes request, enum fido_kind wanted, struct fido_answer *out)
{
	int sock = -1;
	pid_t pid;
	enum err e = helper_exec(HELPER_FIDO, NULL, &pid, &sock);

	*out = (struct fido_answer){.failure.tries = FIDO_TRIES_UNKNOWN};
	if (e != ERR_OK)
		return e;
	e = fd_write_all(sock, request, LIMIT_HELPER_MS);
	if (e == ERR_OK)
		e = helper_read(sock, LIMIT_FIDO_ANSWER, LIMIT_TOUCH_MS, &out->message);
	else if (e == ERR_CLOSED || e == ERR_SYSTEM)
		e = ERR_HELPER;
	helper_see_end(pid, sock);
	fd_close(&sock);
	return e == ERR_OK ? look_at(out, wanted) : e;
}

/*
 * The agent asks each device which of its keys it holds, whenever one is added: that is over soon,
 * and no reason to give up.
 */
enum err fido_run(struct builder *request, enum fido_kind wanted, struct fido_answer *out)
{
	static const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
	uint64_t end = clock_now() + BUSY_MS;
	enum err e = builder_error(request);

	*out = (struct fido_answer){.failure.tries = FIDO_TRIES_UNKNOWN};
	if (e == ERR_OK)
		e = run_once(builder_view(request), wanted, out);
	/* Each try may wait for the device itself. */
	while (e == ERR_DEVICE_BUSY && clock_now() < end) {
		fido_answer_clear(out);
		(void)nanosleep(&pause, NULL);
		e = run_once(builder_view(request), wanted, out);
	}
	builder_clear(request);
	return e;
}

void fido_answer_clear(struct fido_answer *a)
{
	blob_clear(&a->message);
	*a = (struct fido_answer){0};
}

enum err fido_list(
    struct fido_answer *a, struct fido_device devices[FIDO_PATHS_MOST], size_t *count)
{
	struct builder b = {0};
	enum err e;

	fido_plain_build(&b, FIDO_LIST);
	e = fido_run(&b, FIDO_DEVICES, a);
	return e == ERR_OK ? fido_devices_parse(blob_view(&a->message), devices, count) : e;
}

enum err fido_ask_info(const struct fido_device *d, struct fido_info *out)
{
	struct fido_answer a;
	struct builder b = {0};
	struct bytes held;
	size_t mark;
	enum err e;

	if (d->instance == 0)
		return ERR_DEVICE_BUSY;
	fido_probe_open(&b, d->path, 0, &mark);
	fido_probe_close(&b, mark);
	e = fido_run(&b, FIDO_PROBED, &a);
	if (e == ERR_OK)
		e = fido_probed_parse(blob_view(&a.message), out, &held);
	fido_answer_clear(&a);
	return e;
}

const char *fido_unasked_words(const struct fido_device *d, enum err e)
{
	if (e != ERR_DEVICE_BUSY)
		return err_text(e);
	if (d->instance == 0)
		return "a card is there, in use by another program (perhaps waiting for a touch): "
		       "try again when that has ended";
	return "the security key is in use by another program (perhaps waiting for a touch): "
	       "try again when that has ended";
}

enum err fido_ask_resident(const struct fido_resident *request, struct fido_answer *a,
    struct reader *keys, uint32_t *count)
{
	struct builder b = {0};
	enum err e;

	fido_resident_build(&b, request);
	e = fido_run(&b, FIDO_KEYS, a);
	return e == ERR_OK ? fido_keys_parse(blob_view(&a->message), keys, count) : e;
}
