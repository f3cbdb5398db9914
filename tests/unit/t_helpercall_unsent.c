/* A helper that lives, and to which nothing can be sent. */
#include "tests/support/helpers_scene.h"

enum { TIMEOUT = 5000, SMALL = 4096 };

static struct {
	unsigned messages, ends;
	enum err why;
} seen;

static void message(void *ctx, struct bytes m)
{
	(void)ctx;
	(void)m;
	seen.messages++;
}

static void ended(void *ctx, enum err why)
{
	(void)ctx;
	seen.ends++;
	seen.why = why;
}

/* A socket that takes no message of this length gives an error as one without memory would. */
static void what_cannot_be_sent_ends_it(void **state)
{
	static const struct call_handler handler = {
	    .message = message, .ended = ended, .most = 100};
	static const uint8_t request[16 * SMALL];
	static struct helpers_scene scene = {.slow = true};
	struct call *call;
	struct helper *h;
	int ends[2], small = SMALL;

	(void)state;
	scene_open(&scene);
	call = call_start(
	    &scene.calls, HELPER_FIDO, BYTES(request, sizeof(request)), TIMEOUT, &handler, NULL);
	assert_non_null(call);
	settle(&scene);
	assert_int_equal(scene.count, 1);
	h = scene.helper[0];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	h->fd = ends[1];
	h->started = true;
	calls_started(&scene.calls, h->id, ends[0]);
	settle(&scene);
	assert_int_equal(h->told, 0);
	assert_true(h->hung_up);
	assert_false(call_has_helper(call));
	assert_int_equal(seen.ends, 0);
	helper_close(h);
	settle(&scene);
	assert_int_equal(seen.ends, 1);
	assert_string_equal(err_text(seen.why), err_text(ERR_HELPER));
	assert_int_equal(seen.messages, 0);
	assert_true(scene_close(&scene));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_cannot_be_sent_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
