/*
 * A virtual smartcard, in a virtual reader of pcscd: PIV, OpenPGP or both.
 *
 *	token-card [OPTIONS] PORT SOCKET             a card for the slot of vpcd at 127.0.0.1:PORT
 *	token-card --tell SOCKET WORD...             command it
 *	token-card --await SOCKET CONDITION... SECONDS    see control.h
 *
 * Options:
 *
 *	-s FILE         keep keys, PINs and tries in FILE; when that is there, take them from there
 *	-a              touches come by themselves
 *	-u              start outside of the reader
 *	-o NAME=VALUE   may be repeated:
 *
 *	applets=piv|openpgp|both
 *	slot=SLOT:ALGORITHM[:WORD]...   a key; without any of an applet's it has a usual few
 *		SLOT       9a, 9c, 9d, 9e, 82 to 95; sig, dec, aut (OpenPGP)
 *		ALGORITHM  see KEY_LIST
 *		WORD       pin-never pin-once pin-always touch touch-cached; of the certificate:
 *		           nocert broken (no DER) gzip (compressed)
 *	pin= puk= pw1= pw3=   123456, 12345678, 123456, 12345678 unless set
 *	tries=N         of all of them, 3 unless set
 *	guid=HEX|none   what is in the CHUID; none: it has no GUID
 *	chuid=off       nor is there a CHUID
 *	serial=N firmware=A.B.C atr=HEX|yubikey touch_ms=N
 *	and on or off: yubico (Yubico's instructions) version serial_known metadata (each of them)
 *	discovery extended chaining forgetful strict wrong_is_6982 pw1_once outer: see token_options
 *
 * Commands:
 *
 *	touch [N], refuse, auto on|off, delay MS    as of the security keys: see device.h
 *	tries NAME N           left of pin, puk, pw1, pw3
 *	secret NAME TEXT       a new one, with all tries
 *	option NAME=VALUE      as above
 *	mode NAME [NUMBER] [ins=XX] [times=N]   misbehave: see TOKEN_MODE_LIST; ins: commands with
 *	                       this instruction only; times: so often.  "pulled in the middle of a
 *	                       signature" is "mode die-after ins=87 times=1"
 *	pull, insert           PIN states end, keys stay
 *	status                 NAME=VALUE: waiting (for a touch) busy plugged applet apdus selects
 *	                       verifies (with a PIN) wrong (tries spent) signatures touches; tries
 *	                       left as pin puk pw1 pw3; verified mode
 *	quit
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "tests/virtual/token/program.h"

enum { IDLE_MS = 1000 };

static const char usage[] = "token-card [-o NAME=VALUE]... [-s FILE] [-a] [-u] PORT SOCKET\n"
			    "       token-card --tell SOCKET WORD...\n"
			    "       token-card --await SOCKET CONDITION... SECONDS";

static void save(struct program *p)
{
	enum err e;

	if (p->state == NULL || p->saved == p->token.changes)
		return;
	e = token_save(&p->token, p->state);
	if (e != ERR_OK)
		fprintf(stderr, "%s: %s\n", p->state, err_text(e));
	p->saved = p->token.changes;
}

static void take_out(struct program *p)
{
	fd_close(&p->reader.fd);
	token_reset(&p->token);
}

/* Another reader may have had the same card since. */
static void put_in(struct program *p)
{
	if (p->state != NULL && token_load(&p->token, p->state) != ERR_OK)
		fprintf(stderr, "%s: cannot be read\n", p->state);
	vpcd_connect(&p->reader);
}

static void follow(struct program *p, enum token_outcome outcome, const struct builder *reply)
{
	if (outcome == TOKEN_ANSWER) {
		save(p);
		if (!vpcd_send(&p->reader, builder_view(reply)))
			take_out(p);
	} else if (outcome == TOKEN_GONE) {
		p->plugged = false;
		take_out(p);
	}
}

static void read_message(struct program *p)
{
	struct builder reply = {0};
	struct bytes command;

	switch (vpcd_read(&p->reader, &command)) {
	case VPCD_NONE:
		break;
	case VPCD_POWER:
		token_reset(&p->token);
		break;
	case VPCD_COMMAND:
		follow(p, token_command(&p->token, command, device_now(), &reply), &reply);
		break;
	default:
		take_out(p);
	}
	builder_clear(&reply);
}

/* One round: follow the test, then whatever came. */
static void round_of(struct program *p)
{
	struct pollfd fds[CONTROL_FDS + 1];
	const size_t n = control_poll(&p->control, fds);
	struct builder reply = {0};
	int timeout = IDLE_MS;

	if (p->plugged && p->reader.fd < 0)
		put_in(p);
	if (!p->plugged && p->reader.fd >= 0)
		take_out(p);
	if (p->token.busy)
		timeout = TOKEN_POLL_MS;
	else if (p->plugged && p->reader.fd < 0)
		timeout = VPCD_RECONNECT_MS;
	/* A busy card reads no further command, but notices that it was taken out. */
	fds[n] = (struct pollfd){.fd = p->reader.fd, .events = p->token.busy ? POLLRDHUP : POLLIN};
	if (poll(fds, n + 1, timeout) < 0 && errno != EINTR)
		exit(1);
	control_serve(&p->control, fds, n);
	if (p->reader.fd >= 0 && fds[n].fd == p->reader.fd && fds[n].revents != 0) {
		if (p->token.busy)
			take_out(p);
		else
			read_message(p);
	}
	if (p->token.busy)
		follow(p, token_step(&p->token, device_now(), &reply), &reply);
	builder_clear(&reply);
	save(p);
}

static bool read_options(struct program *p, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+o:s:au")) != -1) {
		if (c == 'o' && !token_option(&p->token, optarg)) {
			fprintf(stderr, "-o %s: no such option, or no such value\n", optarg);
			return false;
		} else if (c == 's') {
			p->state = optarg;
		} else if (c == 'a') {
			p->token.always = true;
		} else if (c == 'u') {
			p->plugged = false;
		} else if (c != 'o') {
			return false;
		}
	}
	return true;
}

static bool start(struct program *p, int argc, char **argv)
{
	enum err e;

	token_init(&p->token);
	if (!read_options(p, argc, argv) || argc - optind != 2 ||
	    !vpcd_port(argv[optind], &p->reader.port)) {
		fprintf(stderr, "usage: %s\n", usage);
		return false;
	}
	if (p->state != NULL && access(p->state, F_OK) == 0)
		e = token_load(&p->token, p->state);
	else
		e = token_make(&p->token);
	if (e != ERR_OK) {
		fprintf(stderr, "no card: %s\n", err_text(e));
		return false;
	}
	p->token.changes++;
	p->reader.atr = BYTES(p->token.options.atr, p->token.options.atr_len);
	p->control = (struct control){
	    .commands = program_commands,
	    .n_commands = program_n_commands,
	    .context = p,
	};
	save(p);
	return control_start(&p->control, argv[optind + 1]);
}

int main(int argc, char **argv)
{
	static struct program p = {.reader = {.fd = -1}, .plugged = true};
	int status;

	if (control_client(argc, argv, &status))
		return status;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!start(&p, argc, argv))
		return 2;
	while (!p.quit)
		round_of(&p);
	save(&p);
	fd_close(&p.reader.fd);
	control_end(&p.control);
	token_clear(&p.token);
	return 0;
}
