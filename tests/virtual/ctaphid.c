/* CTAP 2.1, section 11.2; the section numbers below are its. */
#include "tests/virtual/ctaphid.h"

#include <string.h>

enum {
	FIRST_HEADER = 7, /* channel, command, length */
	NEXT_HEADER = 5,  /* channel, sequence */
	FIRST_DATA = CTAPHID_REPORT - FIRST_HEADER,
	NEXT_DATA = CTAPHID_REPORT - NEXT_HEADER,
	IS_FIRST = 0x80, /* set in the command, clear in a sequence number */
	LAST_SEQUENCE = 0x7f,
	LENGTH_MAX = 0xffff, /* what the length field can say */
	NONCE = 8,
	PROTOCOL = 2,
};

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* --- to the client -------------------------------------------------------- */

/*
 * A message in reports (11.2.4).  One that is longer than any may be, from a key that misbehaves,
 * goes out whole as far as its length can be told, with sequence numbers that begin again.
 */
static void send_message(
    struct ctaphid *h, uint32_t channel, enum ctaphid_command command, struct bytes m)
{
	uint8_t report[CTAPHID_REPORT] = {0}, sequence = 0;
	size_t n = least(m.len, FIRST_DATA), left = least(m.len, LENGTH_MAX);
	const uint8_t *p = m.data;

	store32(report, channel);
	report[4] = (uint8_t)(IS_FIRST | command);
	report[5] = (uint8_t)(left >> 8);
	report[6] = (uint8_t)left;
	if (n != 0)
		memcpy(report + FIRST_HEADER, p, n);
	h->send(h->arg, report);
	for (p += n, left -= n; left != 0; p += n, left -= n) {
		n = least(left, NEXT_DATA);
		memset(report + 4, 0, sizeof(report) - 4);
		report[4] = sequence;
		sequence = sequence == LAST_SEQUENCE ? 0 : (uint8_t)(sequence + 1);
		memcpy(report + NEXT_HEADER, p, n);
		h->send(h->arg, report);
	}
}

static void send_byte(
    struct ctaphid *h, uint32_t channel, enum ctaphid_command command, uint8_t byte)
{
	send_message(h, channel, command, BYTES(&byte, 1));
}

static void send_error(struct ctaphid *h, uint32_t channel, enum ctaphid_error error)
{
	send_byte(h, channel, CTAPHID_ERROR, error);
}

/* --- channels ------------------------------------------------------------- */

/* Given out by us; their number is what every test stays far below. */
static bool channel_known(const struct ctaphid *h, uint32_t channel)
{
	return channel - CTAPHID_FIRST < h->channels;
}

/* The transaction ends without an answer, and the key forgets its command. */
static void abandon(struct ctaphid *h, uint64_t now)
{
	if (h->state == CTAPHID_WORKING) {
		authenticator_cancel(h->key);
		(void)authenticator_step(h->key, now);
	}
	h->state = CTAPHID_FREE;
}

/* 11.2.9.1.3: on the broadcast channel a new channel, on another that channel made ready again. */
static void answer_init(struct ctaphid *h, uint32_t channel, struct bytes nonce)
{
	const struct authenticator_options *o = authenticator_options(h->key);
	uint8_t answer[NONCE + 9] = {0}, *p = answer;
	uint32_t given = channel;

	if (nonce.len != NONCE) {
		send_error(h, channel, CTAPHID_INVALID_LEN);
		return;
	}
	if (channel == (uint32_t)CTAPHID_BROADCAST)
		given = CTAPHID_FIRST + h->channels++;
	memcpy(p, nonce.data, NONCE);
	p += NONCE;
	store32(p, given);
	p += 4;
	*p++ = PROTOCOL;
	*p++ = 1; /* the device's version, of no meaning: major, minor, build */
	*p++ = 0;
	*p++ = 0;
	*p = (uint8_t)(CTAPHID_CAN_WINK | (o->ctap2 ? CTAPHID_CAN_CBOR : 0) |
		       (o->u2f ? 0 : CTAPHID_NO_MSG));
	send_message(h, channel, CTAPHID_INIT, BYTES(answer, sizeof(answer)));
}

/* --- whole messages ------------------------------------------------------- */

static void begin(
    struct ctaphid *h, enum authenticator_protocol protocol, struct bytes m, uint64_t now)
{
	authenticator_begin(h->key, protocol, m, now);
	h->state = CTAPHID_WORKING;
	h->said = 0;
	h->due = now + CTAPHID_KEEPALIVE_MS;
}

static void run_message(struct ctaphid *h, uint64_t now)
{
	const struct authenticator_options *o = authenticator_options(h->key);
	struct bytes m = BYTES(h->message, h->len);

	h->state = CTAPHID_FREE;
	switch (h->command) {
	case CTAPHID_PING:
		send_message(h, h->channel, CTAPHID_PING, m);
		return;
	case CTAPHID_WINK:
		if (m.len == 0)
			send_message(h, h->channel, CTAPHID_WINK, m);
		else
			send_error(h, h->channel, CTAPHID_INVALID_LEN);
		return;
	case CTAPHID_CBOR:
		if (!o->ctap2)
			break;
		if (m.len == 0)
			send_error(h, h->channel, CTAPHID_INVALID_LEN);
		else
			begin(h, AUTHENTICATOR_CTAP2, m, now);
		return;
	case CTAPHID_MSG:
		if (!o->u2f)
			break;
		begin(h, AUTHENTICATOR_U2F, m, now);
		return;
	default:
		break;
	}
	send_error(h, h->channel, CTAPHID_INVALID_CMD);
}

/* --- from the client ------------------------------------------------------ */

/* What is possible while a transaction runs; true when nothing more is to be done. */
static bool receive_beside(struct ctaphid *h, uint32_t channel, uint8_t command)
{
	if (command == CTAPHID_CANCEL) {
		/* 11.2.9.1.5: it is not answered, the cancelled command is. */
		if (h->state == CTAPHID_WORKING && channel == h->channel &&
		    h->command == CTAPHID_CBOR)
			authenticator_cancel(h->key);
		return true;
	}
	if (h->state == CTAPHID_FREE)
		return false;
	if (channel != h->channel || h->state == CTAPHID_WORKING) {
		send_error(h, channel, CTAPHID_CHANNEL_BUSY);
		return true;
	}
	/* 11.2.5.4: a message must end before the next begins. */
	h->state = CTAPHID_FREE;
	send_error(h, channel, CTAPHID_INVALID_SEQ);
	return true;
}

static void receive_first(struct ctaphid *h, const uint8_t *report, uint64_t now)
{
	uint32_t channel = load32(report);
	uint8_t command = report[4] & (uint8_t)~IS_FIRST;
	size_t want = (size_t)report[5] << 8 | report[6];

	if (channel != (uint32_t)CTAPHID_BROADCAST ? !channel_known(h, channel)
						   : command != CTAPHID_INIT) {
		send_error(h, channel, CTAPHID_INVALID_CHANNEL);
		return;
	}
	if (command == CTAPHID_INIT) {
		/* 11.2.5.3: the client of the running transaction wants to start afresh. */
		if (h->state != CTAPHID_FREE && channel == h->channel)
			abandon(h, now);
		answer_init(h, channel, BYTES(report + FIRST_HEADER, least(want, FIRST_DATA)));
		return;
	}
	if (receive_beside(h, channel, command))
		return;
	if (want > sizeof(h->message)) {
		send_error(h, channel, CTAPHID_INVALID_LEN);
		return;
	}
	h->state = CTAPHID_FILLING;
	h->channel = channel;
	h->command = command;
	h->sequence = 0;
	h->want = want;
	h->len = least(want, FIRST_DATA);
	h->due = now + CTAPHID_MESSAGE_MS;
	memcpy(h->message, report + FIRST_HEADER, h->len);
	if (h->len == h->want)
		run_message(h, now);
}

/* A report that continues nothing is passed over (11.2.5.4). */
static void receive_next(struct ctaphid *h, const uint8_t *report, uint64_t now)
{
	size_t n;

	if (h->state != CTAPHID_FILLING || load32(report) != h->channel)
		return;
	if (report[4] != h->sequence) {
		h->state = CTAPHID_FREE;
		send_error(h, h->channel, CTAPHID_INVALID_SEQ);
		return;
	}
	n = least(h->want - h->len, NEXT_DATA);
	memcpy(h->message + h->len, report + NEXT_HEADER, n);
	h->len += n;
	h->sequence++;
	h->due = now + CTAPHID_MESSAGE_MS;
	if (h->len == h->want)
		run_message(h, now);
}

void ctaphid_receive(struct ctaphid *h, const uint8_t report[CTAPHID_REPORT], uint64_t now)
{
	if ((report[4] & IS_FIRST) != 0)
		receive_first(h, report, now);
	else
		receive_next(h, report, now);
}

/* --- time ----------------------------------------------------------------- */

/* At once when there is something new to say, then each time the interval is over. */
static void keep_alive(struct ctaphid *h, enum ctaphid_status status, uint64_t now)
{
	/* U2F has none: its clients ask again. */
	if (h->command != CTAPHID_CBOR || (status == h->said && now < h->due))
		return;
	h->said = status;
	h->due = now + CTAPHID_KEEPALIVE_MS;
	send_byte(h, h->channel, CTAPHID_KEEPALIVE, status);
}

static bool step_working(struct ctaphid *h, uint64_t now)
{
	switch (authenticator_step(h->key, now)) {
	case AUTHENTICATOR_IDLE:
		h->state = CTAPHID_FREE;
		return true;
	case AUTHENTICATOR_DONE:
		h->state = CTAPHID_FREE;
		send_message(h, h->channel, h->command, authenticator_response(h->key));
		return true;
	case AUTHENTICATOR_WAITING:
		keep_alive(h, CTAPHID_UPNEEDED, now);
		return true;
	case AUTHENTICATOR_WORKING:
		keep_alive(h, CTAPHID_PROCESSING, now);
		return true;
	case AUTHENTICATOR_GONE:
		break;
	}
	h->state = CTAPHID_FREE;
	return false;
}

bool ctaphid_step(struct ctaphid *h, uint64_t now)
{
	if (h->state == CTAPHID_WORKING)
		return step_working(h, now);
	if (h->state == CTAPHID_FILLING && now >= h->due) {
		h->state = CTAPHID_FREE;
		send_error(h, h->channel, CTAPHID_MSG_TIMEOUT);
	}
	return true;
}

int ctaphid_wait(const struct ctaphid *h, uint64_t now)
{
	switch (h->state) {
	case CTAPHID_FREE:
		return -1;
	case CTAPHID_FILLING:
		return now >= h->due ? 0 : (int)(h->due - now);
	case CTAPHID_WORKING:
		break;
	}
	return AUTHENTICATOR_POLL_MS;
}

void ctaphid_init(struct ctaphid *h, struct authenticator *key, ctaphid_send send, void *arg)
{
	*h = (struct ctaphid){.key = key, .send = send, .arg = arg};
}
