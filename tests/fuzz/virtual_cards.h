/* Two virtual cards in readers of a pcscd that is none: what stands behind pcsc.h. */
#ifndef SIGNET_FUZZ_VIRTUAL_CARDS_H
#define SIGNET_FUZZ_VIRTUAL_CARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "tokens/base/pcsc.h"

enum { CARDS = 2 };

#define CARD_PIN "123456"

struct virtual_cards {
	bool present[CARDS];
	uint16_t changes[CARDS];
	unsigned busy; /* so many of the next attempts find a card in others' hands */
	unsigned commands;
};

extern struct virtual_cards virtual_cards;

/* For LLVMFuzzerInitialize, and before each input: a bit each that is there. */
void cards_start(void);
void cards_begin(unsigned present);
void cards_toggle(unsigned which);
void cards_view(struct pcsc_reader view[CARDS]);

#endif
