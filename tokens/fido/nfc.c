#include "tokens/fido/nfc.h"

#include <fido.h>
#include <string.h>
#include <time.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"
#include "proto/reader.h"

enum {
	CLA_ISO = 0x00,
	CLA_CHAIN = 0x10,
	CLA_FIDO = 0x80,
	INS_SELECT = 0xa4,
	INS_GET_RESPONSE = 0xc0,
	INS_CTAP = 0x10,
	INS_STILL = 0x11,    /* NFCCTAP_GETRESPONSE: is it there now? */
	P1_BY_NAME = 0x04,   /* of SELECT */
	P1_KEEPALIVE = 0x80, /* of a CTAP2 command: we know INS_STILL */
	P1_CANCEL = 0x11,    /* of INS_STILL */
	SW_OK = 0x9000,
	SW_STILL = 0x9100,
	SW1_MORE = 0x61,
	SW_INS = 0x6d00,
	SW_CLA = 0x6e00,
	SW_FUNCTION = 0x6a81,
	CHUNK = 240,       /* bytes of a command in one APDU; some readers take no more */
	INIT_ANSWER = 17,  /* nonce, channel, protocol, three of version, capabilities */
	INIT_FLAGS = 16,   /* where the capabilities are */
	POLL_MS = 10,      /* between two INS_STILL */
	CANCEL_MS = 300,   /* after which a card that goes on waiting is given up */
	EXTENDED_HEAD = 7, /* CLA INS P1 P2 and a length of three bytes */
	EXTENDED_TAIL = 2, /* how much of an answer is wanted */
};

static const uint8_t applet[] = {0xa0, 0x00, 0x00, 0x06, 0x47, 0x2f, 0x00, 0x01};

struct head {
	uint8_t cla, ins, p1, p2;
};

/* One APDU; the answer's bytes are added to those gathered, its status word is kept. */
static enum err send_apdu(struct nfc *n, struct head h, struct bytes content, uint8_t most)
{
	uint8_t apdu[5 + CHUNK + 1] = {h.cla, h.ins, h.p1, h.p2, (uint8_t)content.len};
	uint8_t reply[NFC_REPLY_MOST];
	size_t size = 5, got = 0;
	enum err e;

	if (content.len != 0) {
		memcpy(apdu + 5, content.data, content.len);
		size += content.len + 1;
	}
	apdu[size - 1] = most;
	e = n->transmit(n->card, BYTES(apdu, size), reply, &got);
	if (e == ERR_OK && got < 2)
		e = ERR_DEVICE;
	n->failed = e != ERR_OK;
	if (e == ERR_OK) {
		n->status = (uint16_t)(reply[got - 2] << 8 | reply[got - 1]);
		builder_put(&n->answer, BYTES(reply, got - 2));
		e = builder_error(&n->answer);
	}
	if (n->answer.len > NFC_ANSWER_MOST)
		e = ERR_DEVICE;
	mem_wipe(apdu, sizeof(apdu));
	mem_wipe(reply, sizeof(reply));
	return e;
}

/* A command of any length; the first part of its answer is gathered. */
static enum err send_chain(struct nfc *n, struct head h, struct bytes content)
{
	struct head part = {h.cla | CLA_CHAIN, h.ins, h.p1, h.p2};

	builder_reset(&n->answer);
	for (; content.len > CHUNK; content = BYTES(content.data + CHUNK, content.len - CHUNK)) {
		enum err e = send_apdu(n, part, BYTES(content.data, CHUNK), 0);

		if (e == ERR_OK && n->status != SW_OK)
			e = ERR_DEVICE;
		if (e != ERR_OK)
			return e;
		builder_reset(&n->answer);
	}
	return send_apdu(n, h, content, 0);
}

/* The other parts of an answer that came in parts. */
static enum err gather(struct nfc *n)
{
	static const struct head more = {CLA_ISO, INS_GET_RESPONSE, 0, 0};

	while (n->status >> 8 == SW1_MORE) {
		size_t before = n->answer.len;
		enum err e = send_apdu(n, more, BYTES_NONE, (uint8_t)n->status);

		if (e != ERR_OK)
			return e;
		if (n->answer.len == before && n->status >> 8 == SW1_MORE)
			return ERR_DEVICE;
	}
	return ERR_OK;
}

enum err nfc_select(struct nfc *n)
{
	static const struct head h = {CLA_ISO, INS_SELECT, P1_BY_NAME, 0};
	enum err e = send_chain(n, h, BYTES(applet, sizeof(applet)));

	if (e == ERR_OK)
		e = gather(n);
	if (e == ERR_OK && n->status != SW_OK)
		e = ERR_NO_DEVICE;
	return e;
}

void nfc_clear(struct nfc *n)
{
	builder_clear(&n->answer);
}

/* U2F's commands are extended APDUs already (U2F Raw Message Formats, section 3). */
static enum err send_u2f(struct nfc *n, struct bytes apdu)
{
	struct head h;

	if (apdu.len < EXTENDED_HEAD + EXTENDED_TAIL)
		return ERR_FORMAT;
	h = (struct head){apdu.data[0], apdu.data[1], apdu.data[2], apdu.data[3]};
	return send_chain(
	    n, h, BYTES(apdu.data + EXTENDED_HEAD, apdu.len - EXTENDED_HEAD - EXTENDED_TAIL));
}

int nfc_tx(struct nfc *n, uint8_t command, struct bytes content)
{
	static const struct head h = {CLA_FIDO, INS_CTAP, P1_KEEPALIVE, 0};
	enum err e;

	switch (command) {
	case CTAP_CMD_INIT:
		if (content.len != sizeof(n->nonce))
			return -1;
		memcpy(n->nonce, content.data, sizeof(n->nonce));
		return 0;
	case CTAP_CMD_CANCEL:
		atomic_store(&n->cancelled, true);
		return 0;
	case CTAP_CMD_CBOR:
		e = send_chain(n, h, content);
		break;
	case CTAP_CMD_MSG:
		e = send_u2f(n, content);
		break;
	default:
		return -1;
	}
	n->cbor = command == CTAP_CMD_CBOR;
	n->waiting = e == ERR_OK;
	return e == ERR_OK ? 0 : -1;
}

static bool is_text(const struct nfc *n, const char *text)
{
	return bytes_is(builder_view(&n->answer), text);
}

/* What the applet said when it was selected, in the form of CTAPHID_INIT's answer (section
 * 11.2.9.1.3). */
static int init_answer(struct nfc *n, uint8_t *out, size_t room)
{
	if (room != INIT_ANSWER)
		return -1;
	memset(out, 0, room);
	memcpy(out, n->nonce, sizeof(n->nonce));
	/* U2F_V2 is also what keys with both say: getInfo tells which it is. */
	if (is_text(n, "U2F_V2"))
		out[INIT_FLAGS] = FIDO_CAP_CBOR;
	else if (is_text(n, "FIDO_2_0") || is_text(n, "FIDO_2_1"))
		out[INIT_FLAGS] = FIDO_CAP_CBOR | FIDO_CAP_NMSG;
	else
		return -1;
	return (int)room;
}

static void pause_a_little(void)
{
	static const struct timespec t = {.tv_nsec = POLL_MS * 1000000L};

	nanosleep(&t, NULL);
}

/* Until the card has its answer, or end. */
static enum err await(struct nfc *n, uint64_t end)
{
	bool told = false;

	while (n->status == SW_STILL) {
		struct head h = {CLA_FIDO, INS_STILL, 0, 0};
		enum err e;

		if (clock_now() >= end)
			return ERR_TIMEOUT;
		pause_a_little();
		if (!told && atomic_load(&n->cancelled)) {
			h.p1 = P1_CANCEL;
			told = true;
			if (end > clock_now() + CANCEL_MS)
				end = clock_now() + CANCEL_MS;
		}
		builder_reset(&n->answer);
		e = send_apdu(n, h, BYTES_NONE, 0);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static bool refused(uint16_t status)
{
	return status == SW_INS || status == SW_CLA || status == SW_FUNCTION;
}

int nfc_rx(struct nfc *n, uint8_t command, uint8_t *out, size_t room, int ms)
{
	uint64_t end = ms < 0 ? UINT64_MAX : clock_now() + (uint64_t)ms;
	size_t tail = n->cbor ? 0 : 2;
	enum err e;

	if (command == CTAP_CMD_INIT)
		return init_answer(n, out, room);
	if (!n->waiting)
		return -1;
	e = n->cbor ? await(n, end) : ERR_OK;
	if (e == ERR_TIMEOUT)
		return -1;
	n->waiting = false;
	if (e == ERR_OK)
		e = gather(n);
	if (n->cbor && e == ERR_OK)
		n->ctap2_refused = refused(n->status);
	if (e != ERR_OK || (n->cbor && n->status != SW_OK) || n->answer.len + tail > room)
		return -1;
	if (n->answer.len != 0)
		memcpy(out, n->answer.data, n->answer.len);
	if (tail != 0) {
		out[n->answer.len] = (uint8_t)(n->status >> 8);
		out[n->answer.len + 1] = (uint8_t)n->status;
	}
	return (int)(n->answer.len + tail);
}
