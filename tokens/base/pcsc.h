/*
 * Cards and readers through pcscd.  Without libpcsclite at build time there are none: pcsc_start
 * and pcsc_open say ERR_NO_DEVICE.
 */
#ifndef SIGNET_TOKENS_PCSC_H
#define SIGNET_TOKENS_PCSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

/* What a card's path begins with; the reader's name follows. */
#define PCSC_PREFIX "pcsc:"

/* Where pcscd listens: there is no service, and nothing is asked, while this is not there. */
const char *pcsc_socket(void);
bool pcsc_socket_there(void);

/*
 * Have this inotify descriptor tell when the socket may have come or gone.  To be called again
 * after every event, since a folder that comes back is another one.
 */
void pcsc_socket_watch(int inotify);

/*
 * First of all, while there is one thread: have libpcsclite say that a card is busy instead of
 * waiting without end for whoever uses it.
 */
void pcsc_prepare(void);

/* --- readers ------------------------------------------------------------------- */

enum { PCSC_NAME_ROOM = 128, PCSC_READERS_MOST = 16 };

struct pcsc_reader {
	char name[PCSC_NAME_ROOM];
	unsigned long state; /* of winscard.h; 0: not asked yet */
	bool present;        /* there is a card */
	bool shared;         /* which somebody is using */
	bool awaited;        /* the caller's: a wait is over, too, when use of the card ends */
	uint16_t changes;    /* cards put in and taken out since the reader came */
};

struct pcsc;

/* ERR_NO_DEVICE: no service runs. */
enum err pcsc_start(struct pcsc **out);
void pcsc_end(struct pcsc *p); /* NULL is allowed */

/*
 * Wait until readers (*n of PCSC_READERS_MOST; 0 at first) or their cards are others than they say,
 * and bring them up to date.  ERR_TIMEOUT when nothing changed within ms (-1: no limit), with
 * shared up to date all the same; ERR_DEVICE_GONE: the service ended.
 */
enum err pcsc_wait(struct pcsc *p, struct pcsc_reader *readers, size_t *n, int ms);

/* --- a card -------------------------------------------------------------------- */

struct pcsc_card;

/*
 * Connect to the card in this reader.  ERR_NO_DEVICE: no such reader, or no card in it;
 * ERR_DEVICE_BUSY: somebody has it for himself; ERR_DEVICE.  Ended by pcsc_close, NULL is allowed.
 */
enum err pcsc_open(const char *reader, struct pcsc_card **out);
void pcsc_close(struct pcsc_card *c);

/* Nobody else sends to the card until pcsc_pause or pcsc_close.  ERR_DEVICE_BUSY, ERR_DEVICE_GONE,
 * ERR_DEVICE. */
enum err pcsc_begin(struct pcsc_card *c);

/* Others may again; the connection stays, and with it the card's state.  ERR_DEVICE_GONE,
 * ERR_DEVICE. */
enum err pcsc_pause(struct pcsc_card *c);

/* pcsc_close, and the card forgets all that was done with it.  Others that are connected are told.
 */
void pcsc_reset(struct pcsc_card *c);

/*
 * Send an APDU: its answer in reply (*n: room, then length).  ERR_DEVICE_GONE: pulled out;
 * ERR_DEVICE_BUSY: in somebody else's transaction; ERR_DEVICE.
 */
enum err pcsc_transmit(struct pcsc_card *c, struct bytes apdu, uint8_t *reply, size_t *n);

/* The card speaks T=0. */
bool pcsc_is_t0(const struct pcsc_card *c);

/*
 * Ask the reader itself, of its features or to do something by one (PC/SC, part 10): its answer in
 * reply, as pcsc_transmit.  May take as long as a person needs to enter a PIN.
 */
enum err pcsc_control(
    struct pcsc_card *c, uint32_t code, struct bytes in, uint8_t *reply, size_t *n);

/* Was the card pulled out, or its reader?  Asks pcscd. */
bool pcsc_gone(struct pcsc_card *c);

#endif
