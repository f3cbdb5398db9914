#include "tests/virtual/authenticator.h"

#include <string.h>

#include "proto/base/mem.h"
#include "tests/virtual/impl.h"

typedef enum ctap command_fn(struct authenticator *a, struct bytes body, struct builder *out);

/* Commands of CTAP 2.1, section 6. */
static const struct row {
	uint8_t command;
	bool operation;
	command_fn *run;
} commands[] = {
    {0x01, true, command_make},
    {0x02, true, command_assert},
    {0x04, false, command_info},
    {0x06, false, command_pin},
    {0x07, false, command_reset},
    {0x08, true, command_next},
    {0x0a, false, command_manage},
    {0x0b, false, command_selection},
    {0x41, false, command_manage},
};

enum { GET_INFO = 0x04, MANAGE = 0x0a, SELECTION = 0x0b };

enum err authenticator_new(const struct authenticator_options *options, struct authenticator **out)
{
	struct authenticator *a;
	enum err e;

	if ((!options->ctap2 && !options->u2f) || options->id_length > AUTHENTICATOR_ID_MAX ||
	    options->resident_max > AUTHENTICATOR_RESIDENT_MAX ||
	    options->attestation > AUTHENTICATOR_ATTEST_CERT)
		return ERR_FORMAT;
	a = mem_alloc(sizeof *a);
	if (a == NULL)
		return ERR_MEMORY;
	a->options = *options;
	a->memory.pin_retries = AUTHENTICATOR_PIN_RETRIES;
	a->memory.uv_retries = AUTHENTICATOR_UV_RETRIES;
	e = vcrypto_seed(a->memory.secret);
	if (e == ERR_OK)
		e = vcrypto_seed(a->memory.attester);
	session_start(&a->session);
	if (e != ERR_OK) {
		authenticator_free(a);
		return e;
	}
	*out = a;
	return ERR_OK;
}

void memory_clear(struct memory *m)
{
	for (size_t i = 0; i < m->n_residents; i++)
		resident_clear(&m->residents[i]);
	mem_free(m->residents);
	mem_wipe(m, sizeof *m);
}

void authenticator_free(struct authenticator *a)
{
	if (a == NULL)
		return;
	memory_clear(&a->memory);
	blob_clear(&a->command);
	builder_clear(&a->response);
	mem_free(a);
}

struct authenticator_options *authenticator_options(struct authenticator *a)
{
	return &a->options;
}

/* --- commands ------------------------------------------------------------- */

enum ctap command_reset(struct authenticator *a, struct bytes body, struct builder *out)
{
	struct memory fresh = {
	    .pin_retries = AUTHENTICATOR_PIN_RETRIES,
	    .uv_retries = AUTHENTICATOR_UV_RETRIES,
	};
	enum ctap status;

	(void)out;
	if (body.len != 0)
		return CTAP_INVALID_LENGTH;
	status = touch_wait(a);
	if (status != CTAP_OK)
		return status;
	if (vcrypto_seed(fresh.secret) != ERR_OK)
		return CTAP_OTHER;
	memcpy(fresh.attester, a->memory.attester, SEED_LEN);
	memory_clear(&a->memory);
	a->memory = fresh;
	session_start(&a->session);
	a->changes++;
	return CTAP_OK;
}

enum ctap command_selection(struct authenticator *a, struct bytes body, struct builder *out)
{
	(void)out;
	return body.len == 0 ? touch_wait(a) : CTAP_INVALID_LENGTH;
}

/* The row of a command that this kind of key has, or NULL. */
static const struct row *find_command(const struct authenticator *a, uint8_t command)
{
	const bool newer = command == MANAGE || command == SELECTION;

	if (!a->options.ctap2 || (newer && a->options.preview))
		return NULL;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (commands[i].command == command)
			return &commands[i];
	return NULL;
}

void authenticator_begin(struct authenticator *a, enum authenticator_protocol protocol,
    struct bytes command, uint64_t now)
{
	const uint8_t first = command.len > 0 ? command.data[0] : 0;

	a->now = now;
	a->protocol = protocol;
	a->pending = true;
	a->cancelled = a->touched = a->waiting = false;
	a->counts.commands++;
	builder_reset(&a->response);
	if (blob_copy(&a->command, command) != ERR_OK)
		blob_clear(&a->command);
	if (protocol != AUTHENTICATOR_CTAP2 || first != a->walk.command)
		a->walk = (struct walk){0};
}

static enum ctap run_ctap2(struct authenticator *a, struct builder *body, bool *operation)
{
	const struct bytes all = blob_view(&a->command);
	const struct row *row;

	row = all.len == 0 ? NULL : find_command(a, all.data[0]);
	*operation = row != NULL && row->operation;
	if (a->mode == AUTHENTICATOR_NEVER && *operation)
		return CTAP_WAIT;
	if (a->cancelled)
		return CTAP_KEEPALIVE_CANCEL;
	if (all.len == 0)
		return CTAP_INVALID_LENGTH;
	if (all.len > a->options.max_message)
		return CTAP_REQUEST_TOO_LARGE;
	if (row == NULL)
		return CTAP_INVALID_COMMAND;
	return row->run(a, BYTES(all.data + 1, all.len - 1), body);
}

static enum authenticator_outcome step_ctap2(struct authenticator *a)
{
	struct builder body = {0};
	bool operation;
	enum ctap status = run_ctap2(a, &body, &operation);

	if (status == CTAP_WAIT) {
		builder_clear(&body);
		return a->mode == AUTHENTICATOR_NEVER && operation ? AUTHENTICATOR_WORKING
								   : AUTHENTICATOR_WAITING;
	}
	if (status == CTAP_OK && builder_error(&body) != ERR_OK)
		status = CTAP_OTHER;
	if (a->cancelled)
		a->counts.cancelled++;
	builder_u8(&a->response, (uint8_t)status);
	if (status == CTAP_OK)
		builder_put(&a->response, builder_view(&body));
	builder_clear(&body);
	mode_apply(a, operation);
	return AUTHENTICATOR_DONE;
}

static enum authenticator_outcome step_u2f(struct authenticator *a)
{
	const struct bytes apdu = blob_view(&a->command);
	const bool operation = apdu.len > 1 && (apdu.data[1] == 1 || apdu.data[1] == 2);

	if (a->mode == AUTHENTICATOR_NEVER && operation)
		return AUTHENTICATOR_WORKING;
	u2f_command(a, apdu, &a->response);
	mode_apply(a, operation && a->response.len > 2);
	return AUTHENTICATOR_DONE;
}

enum authenticator_outcome authenticator_step(struct authenticator *a, uint64_t now)
{
	enum authenticator_outcome outcome;

	if (!a->pending)
		return AUTHENTICATOR_IDLE;
	a->now = now;
	if (a->mode == AUTHENTICATOR_DIE && !a->waiting) {
		if (a->mode_argument <= 1) {
			a->mode = AUTHENTICATOR_GOOD;
			a->pending = false;
			return AUTHENTICATOR_GONE;
		}
		a->mode_argument--;
	}
	outcome = a->protocol == AUTHENTICATOR_CTAP2 ? step_ctap2(a) : step_u2f(a);
	if (outcome == AUTHENTICATOR_DONE)
		a->pending = a->waiting = false;
	return outcome;
}

struct bytes authenticator_response(const struct authenticator *a)
{
	return builder_view(&a->response);
}

void authenticator_cancel(struct authenticator *a)
{
	if (a->pending && a->protocol == AUTHENTICATOR_CTAP2)
		a->cancelled = true;
}

void authenticator_power_cycle(struct authenticator *a)
{
	session_start(&a->session);
	a->walk = (struct walk){0};
	a->pending = a->waiting = a->u2f_asking = false;
	a->touches = a->refusals = 0;
}

/* --- the person ----------------------------------------------------------- */

void authenticator_touch(struct authenticator *a)
{
	a->touches++;
}

void authenticator_refuse(struct authenticator *a)
{
	a->refusals++;
}

void authenticator_set_auto(struct authenticator *a, bool on)
{
	a->always = on;
}

void authenticator_set_delay(struct authenticator *a, unsigned delay_ms)
{
	a->delay_ms = delay_ms;
}

void authenticator_set_uv_failures(struct authenticator *a, unsigned n)
{
	a->uv_failures = n;
}

void authenticator_status(
    const struct authenticator *a, uint64_t now, struct authenticator_status *out)
{
	*out = a->counts;
	out->waiting = touch_waiting(a, now);
	out->pin_retries = a->memory.pin_retries;
	out->uv_retries = a->memory.uv_retries;
	out->pin_set = a->memory.pin_set;
	out->resident = (unsigned)a->memory.n_residents;
	out->counter = a->memory.counter;
}

uint64_t authenticator_changes(const struct authenticator *a)
{
	return a->changes;
}
