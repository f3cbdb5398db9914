#include <string.h>

#include "tests/virtual/impl.h"
#include "tests/virtual/junk.h"

enum { SURPLUS = 65536 - 64 };

static const struct {
	const char *name;
	enum authenticator_mode mode;
} modes[] = {
#define MODE_ROW(mode, text) {text, mode},
    AUTHENTICATOR_MODE_LIST(MODE_ROW)
#undef MODE_ROW
};

bool authenticator_mode_parse(const char *name, enum authenticator_mode *out)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(modes[i].name, name) != 0)
			continue;
		*out = modes[i].mode;
		return true;
	}
	return false;
}

void authenticator_set_mode(
    struct authenticator *a, enum authenticator_mode mode, unsigned argument)
{
	a->mode = mode;
	a->mode_argument = argument;
}

/* The answer of a U2F command keeps its status word, without which it would be no APDU. */
static size_t tail(const struct authenticator *a)
{
	return a->protocol == AUTHENTICATOR_U2F && a->response.len >= 2 ? 2 : 0;
}

static void resize(struct authenticator *a, size_t kept, size_t surplus)
{
	struct builder *r = &a->response;
	uint8_t sw[2] = {0};
	const size_t n = tail(a);

	memcpy(sw, r->data + r->len - n, n);
	r->len = kept;
	if (surplus > 0) {
		uint8_t *more = builder_reserve(r, surplus);

		if (more != NULL)
			memset(more, 0x5a, surplus);
	}
	builder_put(r, BYTES(sw, n));
}

static void set_status(struct authenticator *a)
{
	builder_reset(&a->response);
	if (a->protocol == AUTHENTICATOR_U2F)
		builder_u8(&a->response, (uint8_t)(a->mode_argument >> 8));
	builder_u8(&a->response, (uint8_t)a->mode_argument);
}

/* Success, and an array of 2^28 items (RFC 8949, section 3). */
static const uint8_t claim[] = {0, 0x9a, 0x10, 0, 0, 0};

void mode_apply(struct authenticator *a, bool operation)
{
	struct builder *r = &a->response;
	const size_t content = r->len - tail(a);
	const size_t status = a->protocol == AUTHENTICATOR_CTAP2 && r->len > 0 ? 1 : 0;

	switch (a->mode) {
	case AUTHENTICATOR_GARBAGE:
		/* Success, and then anything: another status would end the reading there. */
		if (r->data != NULL && content > status)
			junk_fill(r->data + status, content - status);
		break;
	case AUTHENTICATOR_LONG:
		if (operation)
			resize(a, content, SURPLUS - content);
		break;
	case AUTHENTICATOR_TRUNCATED:
		if (operation)
			resize(a, content / 2, 0);
		break;
	case AUTHENTICATOR_CLAIM:
		builder_reset(r);
		builder_put(r, BYTES(claim, sizeof claim));
		break;
	case AUTHENTICATOR_EMPTY:
		builder_reset(r);
		break;
	case AUTHENTICATOR_STATUS:
		set_status(a);
		break;
	default:
		break;
	}
}
