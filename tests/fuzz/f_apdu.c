/*
 * A card that answers whatever the input says, through a whole inventory, PIN entry and signatures.
 * Input: a byte of choices, then an answer each: its length in a byte (ff: none, the card is gone;
 * fe: the length in two bytes), its bytes.  When there is no more the card is gone.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tokens/card/card.h"

enum { GONE = 0xff, LONG = 0xfe, PAD = 1, PIN = 2, LAST = 4, KEYPAD = 8, OLD = 16, MOST = 4096 };

struct script {
	struct reader r;
	unsigned commands;
};

static enum err answer(struct script *s, uint8_t *reply, size_t *n)
{
	uint8_t len, more;
	struct bytes b;
	size_t want;

	fuzz_require(++s->commands < MOST, "every use of a card ends");
	if (reader_u8(&s->r, &len) != ERR_OK || len == GONE)
		return ERR_TOKEN_GONE;
	want = len;
	if (len == LONG) {
		if (reader_u8(&s->r, &len) != ERR_OK || reader_u8(&s->r, &more) != ERR_OK)
			return ERR_TOKEN_GONE;
		want = (size_t)len << 8 | more;
	}
	if (want > *n || reader_take(&s->r, want, &b) != ERR_OK)
		return ERR_TOKEN;
	if (want != 0)
		memcpy(reply, b.data, want);
	*n = want;
	return ERR_OK;
}

static enum err transmit(void *ctx, struct bytes apdu, uint8_t *reply, size_t *n)
{
	fuzz_touch(apdu);
	return answer(ctx, reply, n);
}

static enum err control(void *ctx, uint32_t code, struct bytes in, uint8_t *out, size_t *n)
{
	(void)code;
	fuzz_touch(in);
	return answer(ctx, out, n);
}

static void use_key(struct wire *w, struct card_token *t, const struct card_key *k, uint8_t choices)
{
	static const char *const algorithms[] = {"rsa-sha2-256", "rsa-sha2-512",
	    "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519"};
	struct token_sign m = {.data = BYTES("data", 4)};
	struct card_signature s;
	struct card_failure f;
	struct pubkey p;

	fuzz_require(pubkey_parse(blob_view(&k->public), &p) == ERR_OK, "keys are well-formed");
	m.pin = (choices & PIN) != 0 ? BYTES("123456", 6) : BYTES_NONE;
	m.flags = ((choices & LAST) != 0 ? TOKEN_LAST_TRY : 0) |
		  ((choices & KEYPAD) != 0 ? TOKEN_USE_PAD : 0);
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		m.algorithm = bytes_str(algorithms[i]);
		if (card_sign(w, t, k, &m, &s, &f) == ERR_OK) {
			fuzz_touch(s.r);
			fuzz_touch(s.s);
			fuzz_require(s.r.len != 0, "a signature is something");
			fuzz_plant(memcmp(s.r.data, s.r.data + 1, s.r.len - 1) != 0);
		}
		fuzz_require(memchr(f.detail, '\0', sizeof(f.detail)) != NULL, "details end");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {.r = reader_of(BYTES(data, size))};
	struct wire w = {.transmit = transmit, .ctx = &s};
	struct card_token *tokens[CARD_APPLETS];
	uint8_t choices;
	size_t n = 0;

	if (reader_u8(&s.r, &choices) != ERR_OK)
		return 0;
	w.control = (choices & PAD) != 0 ? control : NULL;
	w.t0 = (choices & OLD) != 0;
	if (card_look(&w, tokens, &n) == ERR_OK) {
		for (size_t i = 0; i < n; i++) {
			fuzz_require(tokens[i]->id.len != 0 &&
					 tokens[i]->id.len <= sizeof(tokens[i]->id.bytes),
			    "every token has an identity");
			for (size_t k = 0; k < tokens[i]->n && k < 2; k++)
				use_key(&w, tokens[i], &tokens[i]->keys[k], choices);
			card_logout(&w, tokens[i]);
			card_token_free(tokens[i]);
		}
	}
	wire_clear(&w);
	return 0;
}
