/*
 * What there is on a card: applets, each a token of its own, and their keys.  Everything here runs
 * over a wire (apdu.h) on which nobody else sends meanwhile, and knows neither pcscd nor the core.
 */
#ifndef SIGNET_CARD_CARD_H
#define SIGNET_CARD_CARD_H

#include "proto/keyblob.h"
#include "proto/tokenmsg.h"
#include "tokens/card/apdu.h"

enum {
	CARD_APPLETS = 2,    /* on one card, at most one of each kind */
	CARD_KEYS_MOST = 24, /* of one applet: PIV has 4 slots and 20 retired ones */
	CARD_ID_ROOM = 32,
	TRIES_USUAL = 3, /* of a PIN, where the card does not say how many it had at first */
	CARD_TEXT_ROOM = 64,
};

struct card_id {
	uint8_t bytes[CARD_ID_ROOM];
	size_t len;
};

struct card_key {
	struct card_id id;
	struct blob public;
	char label[CARD_TEXT_ROOM];
	char slot[8];
	uint32_t flags;    /* enum token_key_flag */
	uint8_t ref;       /* PIV: key reference */
	uint8_t algorithm; /* PIV: algorithm identifier */
	bool no_pin;       /* it never wants one */
};

struct card_token {
	const struct applet *applet;
	struct card_id id;
	char name[CARD_TEXT_ROOM], serial[CARD_TEXT_ROOM], firmware[CARD_TEXT_ROOM];
	uint8_t tries; /* PIN tries left; TOKEN_TRIES_UNKNOWN */
	uint8_t full;  /* of so many; TOKEN_TRIES_UNKNOWN */
	uint8_t pin_ref;
	uint8_t pin_pad; /* a PIN is filled up to so many bytes; 0: not */
	uint8_t pin_most;
	bool default_pin; /* the one that it was made with */
	bool hashed_pin;  /* it wants not the PIN but a hash of it */
	bool has_pad;     /* its reader has keys to enter a PIN with */
	bool by_key;      /* it has no identity but its first key */
	size_t n;
	struct card_key keys[CARD_KEYS_MOST];
};

/* A signature as struct token_signed has it, views into the wire's answer. */
struct card_signature {
	struct bytes r, s;
};

struct applet {
	enum token_type type;
	/* Select it and read all that is to be listed into *t, which is zeroes: ERR_NOT_FOUND where
	   the card has no such applet; what of it makes no sense is left out. */
	enum err (*look)(struct wire *w, struct card_token *t);
	/* Have it selected, without a command for that where it is: ERR_TOKEN_GONE where it is not
	   that of *t. */
	enum err (*enter)(struct wire *w, const struct card_token *t);
	/* PIN tries left, without spending one; *verified: it was entered already. */
	enum err (*tries)(
	    struct wire *w, const struct card_token *t, uint8_t *tries, bool *verified);
	/* Have tosign (tokens/base/pubkey.h) signed: ERR_NOT_FOUND where the status word is not
	   9000. */
	enum err (*sign)(struct wire *w, const struct card_key *k, const struct pubkey *public,
	    struct bytes tosign, struct card_signature *out);
};

extern const struct applet applet_piv, applet_openpgp;

/* NULL without memory.  NULL is allowed to free. */
struct card_token *card_token_new(void);
void card_token_free(struct card_token *t);

/* All applets of a card: *n of them in out, from card_token_new.  Also those of an error are none.
 */
enum err card_look(struct wire *w, struct card_token *out[CARD_APPLETS], size_t *n);

struct card_key *card_key_find(struct card_token *t, struct bytes id);
bool card_id_is(const struct card_id *id, struct bytes b);
void card_id_set(struct card_id *id, uint8_t kind, struct bytes b);
/* 20 bytes that depend on all of b. */
enum err card_digest(struct bytes b, uint8_t out[20]);
/* Add a key, whose id is made of ref and public; moves from public.  NULL: no room. */
struct card_key *card_key_add(struct card_token *t, uint8_t ref, struct builder *public);

/* After an apdu_ask that failed: ERR_NOT_FOUND where the card says that it has no such thing, which
 * makes it another one, ERR_FORMAT where it does not say that. */
enum err card_lacks(const struct wire *w);

/* For TOKEN_INVENTORY and failures: enum token_flag. */
uint32_t card_pin_flags(const struct card_token *t, uint8_t tries);

/* --- use ------------------------------------------------------------------------------ */

/* All here keep w->pin up to date.  Why it failed. */
struct card_failure {
	uint8_t tries;
	uint32_t flags;
	bool entered; /* the card said that it is the one that is meant */
	char detail[32];
};

/*
 * Enter a PIN, or have it entered on the reader (TOKEN_USE_PAD).  The applet is selected.  *t
 * learns of the tries left.  ERR_PIN, ERR_PIN_NEEDED (it would be the last try), ERR_PIN_LOCKED,
 * ERR_PAD and others.
 */
enum err card_verify(
    struct wire *w, struct card_token *t, struct bytes pin, uint32_t flags, struct card_failure *f);

/* One signature: enter, PIN, sign.  On success *out, views into w. */
enum err card_sign(struct wire *w, struct card_token *t, const struct card_key *k,
    const struct token_sign *request, struct card_signature *out, struct card_failure *f);

/* Let its PIN count no more.  Not ERR_OK: it may still, as far as is known. */
enum err card_logout(struct wire *w, const struct card_token *t);

/* --- readers with keys (PC/SC, part 10) -------------------------------------------------- */

/* FEATURE_VERIFY_PIN_DIRECT's control code; 0: the reader has no keys. */
uint32_t pinpad_find(struct wire *w);

/* Have the PIN of t entered there: w->sw is what the card said, or the reader (64xx).  As
 * apdu_send. */
enum err pinpad_verify(struct wire *w, const struct card_token *t, uint32_t code);

#endif
