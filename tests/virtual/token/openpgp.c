/* The OpenPGP applet's commands (OpenPGP card 3.4.1, section 7). */
#include "tests/virtual/token/openpgp.h"

#include <openssl/rand.h>

#include "tests/virtual/token/tlv.h"

enum {
	INS_VERIFY = 0x20,
	INS_CHANGE = 0x24,
	INS_PSO = 0x2a,
	INS_KEY = 0x47,
	INS_CHALLENGE = 0x84,
	INS_AUTHENTICATE = 0x88,
	INS_SELECT_DATA = 0xa5,
	INS_GET_DATA = 0xca,
	REF_PW1_SIGN = 0x81,
	REF_PW1_OTHER = 0x82,
	REF_PW3 = 0x83,
	KEY_READ = 0x81,
	CHALLENGE_MOST = 255,
};

static enum status_word pgp_select(struct token *t, struct builder *out)
{
	(void)t;
	(void)out;
	return SW_OK;
}

/* --- passwords ------------------------------------------------------------ */

/* What was verified under this reference. */
static bool *verified(struct token *t, uint8_t reference)
{
	switch (reference) {
	case REF_PW1_SIGN:
		return &t->pw1_signs;
	case REF_PW1_OTHER:
		return &t->pw1_others;
	case REF_PW3:
		return &t->verified[SECRET_PW3];
	default:
		return NULL;
	}
}

static enum status_word wrong(const struct token *t, enum status_word sw)
{
	const bool tries = (sw & ~15) == SW_TRIES;

	return tries && t->options.wrong_is_6982 ? SW_UNVERIFIED : sw;
}

static enum status_word verify(struct token *t, const struct apdu *a)
{
	const bool admin = a->p2 == REF_PW3;
	const enum token_secret_id id = admin ? SECRET_PW3 : SECRET_PW1;
	bool *state = verified(t, a->p2);
	enum status_word sw;

	if (state == NULL || (a->p1 != 0 && (a->p1 != 0xff || a->data.len != 0)))
		return SW_BAD_P1P2;
	if (a->p1 == 0xff) {
		*state = false;
		return SW_OK;
	}
	if (a->data.len == 0)
		return *state ? SW_OK : token_tries(t, id);
	t->counts.verifies++;
	if (a->data.len < (admin ? PGP_PW3_LEAST : PGP_PW1_LEAST))
		return SW_WRONG_DATA;
	sw = token_verify(t, id, a->data);
	*state = sw == SW_OK;
	return wrong(t, sw);
}

/* Old and new one after the other: the old one's length is known. */
static enum status_word change(struct token *t, const struct apdu *a)
{
	const bool admin = a->p2 == REF_PW3;
	const enum token_secret_id id = admin ? SECRET_PW3 : SECRET_PW1;
	const size_t old = bytes_str(t->secrets[id].text).len;
	const size_t least = admin ? PGP_PW3_LEAST : PGP_PW1_LEAST;
	struct bytes new;
	enum status_word sw;

	if (a->p1 != 0 || (!admin && a->p2 != REF_PW1_SIGN))
		return SW_BAD_P1P2;
	if (a->data.len < old + least || a->data.len > old + PGP_SECRET_MOST)
		return SW_WRONG_DATA;
	new = BYTES(a->data.data + old, a->data.len - old);
	sw = token_verify(t, id, BYTES(a->data.data, old));
	if (sw == SW_OK && !token_set_secret(t, id, new))
		sw = SW_WRONG_DATA;
	return wrong(t, sw);
}

/* --- keys ----------------------------------------------------------------- */

/* GENERATE ASYMMETRIC KEY PAIR, of which there is only reading the public key. */
static enum status_word public_key(struct token *t, const struct apdu *a, struct builder *out)
{
	const struct token_slot *slot;
	struct builder body = {0};
	enum err e;

	if (a->p1 != KEY_READ || a->p2 != 0)
		return a->p1 == 0x80 ? SW_UNVERIFIED : SW_BAD_P1P2;
	if (a->data.len < 2 || a->data.data[0] < SLOT_PGP_AUTHENTICATE)
		return SW_WRONG_DATA;
	slot = token_slot(t, a->data.data[0]);
	if (slot == NULL)
		return SW_NO_REFERENCE;
	e = key_template(slot->key, &body);
	tlv_put(out, 0x7f49, builder_view(&body));
	builder_clear(&body);
	return e == ERR_OK ? SW_OK : SW_FAILED;
}

/* DigestInfo may be 40% of the modulus (section 7.2.10). */
static bool fits(const struct token_slot *slot, struct bytes in)
{
	const size_t size = key_size(slot->algorithm);

	if (key_is_rsa(slot->algorithm))
		return in.len > 0 && in.len * 5 <= size * 2;
	return slot->algorithm == KEY_ED25519 || (in.len > 0 && in.len <= size);
}

/* PSO: COMPUTE DIGITAL SIGNATURE, and INTERNAL AUTHENTICATE. */
static enum status_word sign(
    struct token *t, uint8_t id, bool allowed, struct bytes in, struct builder *out)
{
	struct token_slot *slot = token_slot(t, id);
	enum status_word sw;

	if (slot == NULL || slot->algorithm == KEY_X25519)
		return SW_NO_REFERENCE;
	if (!allowed)
		return SW_UNVERIFIED;
	if (!fits(slot, in))
		return SW_WRONG_DATA;
	sw = token_touch(t, slot);
	if (sw != SW_OK)
		return sw;
	return token_sign(t, slot, key_sign_padded, in, out) == ERR_OK ? SW_OK : SW_WRONG_DATA;
}

static enum status_word compute(struct token *t, const struct apdu *a, struct builder *out)
{
	const enum status_word sw = sign(t, SLOT_PGP_SIGN, t->pw1_signs, a->data, out);

	if (sw == SW_OK) {
		t->pgp_signatures++;
		t->changes++;
		t->pw1_signs = t->pw1_signs && !t->options.pw1_once;
	}
	return sw;
}

/* What was encrypted, or somebody's point, inside of its template. */
static bool cryptogram(const struct token_slot *slot, struct bytes data, struct bytes *out)
{
	struct bytes cipher;
	struct bytes public;

	if (key_is_rsa(slot->algorithm)) {
		*out = BYTES(data.data + 1, data.len - 1);
		return data.data[0] == 0 && out->len == key_size(slot->algorithm);
	}
	if (!value_find(data, 0xa6, &cipher) || !value_find(cipher, 0x7f49, &public) ||
	    !value_find(public, 0x86, out))
		return false;
	if (slot->algorithm == KEY_X25519 && out->len == key_size(KEY_X25519) + 1)
		*out = BYTES(out->data + 1, out->len - 1);
	return true;
}

static enum status_word decipher(struct token *t, const struct apdu *a, struct builder *out)
{
	struct token_slot *slot = token_slot(t, SLOT_PGP_DECRYPT);
	struct bytes in;
	enum status_word sw;

	if (slot == NULL)
		return SW_NO_REFERENCE;
	if (!t->pw1_others)
		return SW_UNVERIFIED;
	if (a->data.len < 2 || !cryptogram(slot, a->data, &in))
		return SW_WRONG_DATA;
	sw = token_touch(t, slot);
	if (sw != SW_OK)
		return sw;
	return token_sign(t, slot, key_decipher, in, out) == ERR_OK ? SW_OK : SW_WRONG_DATA;
}

static enum status_word pso(struct token *t, const struct apdu *a, struct builder *out)
{
	if (a->p1 == 0x9e && a->p2 == 0x9a)
		return compute(t, a, out);
	if (a->p1 == 0x80 && a->p2 == 0x86)
		return decipher(t, a, out);
	return SW_BAD_P1P2;
}

static enum status_word challenge(const struct apdu *a, struct builder *out)
{
	uint8_t *at;

	if (a->answer > CHALLENGE_MOST + 1)
		return SW_WRONG_LENGTH;
	at = builder_reserve(out, a->answer);
	return at != NULL && RAND_bytes(at, (int)a->answer) == 1 ? SW_OK : SW_FAILED;
}

/* Which of the three certificates is meant; the card has none of them. */
static enum status_word select_data(const struct apdu *a)
{
	struct bytes list;
	struct bytes tag;

	if (a->p1 > 2 || a->p2 != 4)
		return SW_BAD_P1P2;
	if (!value_find(a->data, 0x60, &list) || !value_find(list, 0x5c, &tag))
		return SW_WRONG_DATA;
	return bytes_equal(tag, BYTES("\x7f\x21", 2)) ? SW_OK : SW_NO_REFERENCE;
}

static enum status_word pgp_command(struct token *t, const struct apdu *a, struct builder *out)
{
	switch (a->ins) {
	case INS_VERIFY:
		return verify(t, a);
	case INS_CHANGE:
		return change(t, a);
	case INS_PSO:
		return pso(t, a, out);
	case INS_KEY:
		return public_key(t, a, out);
	case INS_CHALLENGE:
		return challenge(a, out);
	case INS_AUTHENTICATE:
		if (a->p1 != 0 || a->p2 != 0)
			return SW_BAD_P1P2;
		return sign(t, SLOT_PGP_AUTHENTICATE, t->pw1_others, a->data, out);
	case INS_SELECT_DATA:
		return select_data(a);
	case INS_GET_DATA:
		return pgp_data(t, a, out);
	default:
		return SW_INS;
	}
}

const struct token_applet token_openpgp = {pgp_aid, pgp_select, pgp_command};
