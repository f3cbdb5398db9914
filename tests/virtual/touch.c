#include "tests/virtual/impl.h"

/* How long after an answer "touch me" a U2F client counts as still asking. */
enum { U2F_PATIENCE_MS = 1000 };

static bool take_touch(struct authenticator *a, uint64_t asked)
{
	if (a->touches > 0) {
		a->touches--;
	} else if (!a->always || a->now - asked < a->delay_ms) {
		return false;
	}
	a->counts.touches++;
	return true;
}

enum ctap touch_wait(struct authenticator *a)
{
	if (a->touched)
		return CTAP_OK;
	if (!a->waiting) {
		a->waiting = true;
		a->asked = a->now;
	}
	if (a->refusals > 0) {
		a->refusals--;
		return CTAP_OPERATION_DENIED;
	}
	if (take_touch(a, a->asked)) {
		a->touched = true;
		return CTAP_OK;
	}
	return a->now - a->asked >= a->options.timeout_ms ? CTAP_USER_ACTION_TIMEOUT : CTAP_WAIT;
}

static bool u2f_waiting(const struct authenticator *a, uint64_t now)
{
	return a->u2f_asking && now - a->u2f_last <= U2F_PATIENCE_MS;
}

bool touch_u2f(struct authenticator *a)
{
	if (!u2f_waiting(a, a->now))
		a->u2f_first = a->now;
	a->u2f_last = a->now;
	a->u2f_asking = true;
	if (a->refusals > 0) {
		a->refusals--;
		return false;
	}
	if (!take_touch(a, a->u2f_first))
		return false;
	a->u2f_asking = false;
	return true;
}

bool touch_waiting(const struct authenticator *a, uint64_t now)
{
	return (a->pending && a->waiting) || u2f_waiting(a, now);
}

enum ctap touch_verify(struct authenticator *a)
{
	enum ctap status;

	if (!a->options.uv)
		return CTAP_INVALID_OPTION;
	if (a->memory.uv_retries == 0)
		return CTAP_UV_BLOCKED;
	status = touch_wait(a);
	if (status != CTAP_OK)
		return status;
	a->changes++;
	if (a->uv_failures > 0) {
		a->uv_failures--;
		a->memory.uv_retries--;
		return a->memory.uv_retries == 0 ? CTAP_UV_BLOCKED : CTAP_UV_INVALID;
	}
	a->memory.uv_retries = AUTHENTICATOR_UV_RETRIES;
	return CTAP_OK;
}
