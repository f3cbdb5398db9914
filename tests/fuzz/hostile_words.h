/*
 * What helpers say to the core, well-formed as a rule, with the small choices that matter taken
 * from the input.  Who says it decides what it is: each program has its messages.
 */
#ifndef SIGNET_FUZZ_HOSTILE_WORDS_H
#define SIGNET_FUZZ_HOSTILE_WORDS_H

#include "proto/fidomsg.h"
#include "proto/filesmsg.h"
#include "proto/keyringmsg.h"
#include "proto/sessionmsg.h"
#include "proto/tokenmsg.h"
#include "tests/fuzz/history_lexicon.h"

/* What a person types begins so: it is only for those who have to have it. */
#define TYPED "typed-"

static struct reader script;

static uint8_t pick(uint8_t below)
{
	uint8_t byte = 0;

	(void)reader_u8(&script, &byte);
	return below != 0 ? byte % below : byte;
}

/* Any of them; what a helper may not say is for the core to notice. */
static enum err pick_error(void)
{
	return (enum err)pick(0);
}

static struct bytes pick_text(void)
{
	static const char *const texts[] = {"", "a name", "/usr/lib/a.so", "cards", "\x1b[31mred",
	    "\xff\xfe", "pcsc:Reader 0", "/dev/a"};

	return bytes_str(texts[pick(8)]);
}

static struct bytes pick_path(void)
{
	static const char *const paths[] = {"/home/me/.ssh/id_a", "/home/me/.ssh/id_b",
	    "/home/me/.ssh", "/etc/passwd", "/home/me/.ssh/../x", "relative"};

	return bytes_str(paths[pick(6)]);
}

static struct bytes pick_key(void)
{
	return blob_view(&lexicon.key[pick(MODEL_KEYS)]);
}

static void say_prompt(struct builder *b)
{
	static const char *const answers[] = {"", TYPED "1234", TYPED "wrong", "yes"};
	struct helper_answer m = {.result = pick(3) == 0 ? ERR_OK : pick_error()};

	m.answer = bytes_str(answers[pick(4)]);
	helper_answer_build(b, &m);
}

static void say_files(struct builder *b)
{
	struct bytes certs[2] = {pick_key(), pick_text()};
	struct files_key m = {0};
	struct bytes path;

	switch (pick(8)) {
	default:
		m.path = pick_path();
		m.public = pick_key();
		m.flags = pick(3);
		m.comment = pick_text();
		m.cert_count = pick(3) % 3;
		files_key_build(b, &m, certs);
		break;
	case 4:
		files_done_build(b);
		break;
	case 5:
		path = pick_path();
		files_trouble_build(b, path, pick_error());
		break;
	case 6:
		files_gone_build(b, pick_path());
		break;
	case 7:
		path = pick_path();
		files_learn_build(b, path, pick_key());
	}
}

static void say_unlock(struct builder *b)
{
	unsigned key = pick(MODEL_KEYS);

	switch (pick(6)) {
	default:
		unlock_key_build(b, blob_view(&lexicon.private[key]), pick_text());
		break;
	case 3:
		unlock_other_build(b, blob_view(&lexicon.key[key]));
		break;
	case 4:
		unlock_failed_build(b, pick_error());
		break;
	case 5:
		unlock_failed_build(b, ERR_PASSPHRASE);
	}
}

static void say_keyring(struct builder *b)
{
	switch (pick(4)) {
	case 0:
		keyring_secret_build(b, bytes_str(TYPED "stored"));
		break;
	case 1:
		keyring_done_build(b);
		break;
	case 2:
		keyring_failed_build(b, ERR_NOT_FOUND);
		break;
	default:
		keyring_failed_build(b, pick_error());
	}
}

/* --- security keys ------------------------------------------------------------------- */

static void say_devices(struct builder *b)
{
	struct fido_device d[3];
	static const char *const paths[] = {"/dev/a", "/dev/b", "pcsc:Reader 0"};
	uint8_t which = pick(0);
	size_t n = 0;

	for (unsigned i = 0; i < 3; i++) {
		if ((which >> i & 1) != 0)
			d[n++] = (struct fido_device){.path = bytes_str(paths[i]),
			    .instance = 1 + i + (which >> 3 & 3) * 3,
			    .transport = i == 2 ? FIDO_PCSC : FIDO_HID,
			    .name = bytes_str("a device")};
	}
	fido_devices_build(b, d, n);
}

static void say_probed(struct builder *b)
{
	static const uint8_t held[] = {FIDO_HELD_YES, FIDO_HELD_NO, FIDO_HELD_HIDDEN, 7};
	struct fido_info info = {.abilities = pick(0), .pin_tries = pick(10), .uv_tries = 3};
	uint8_t answers[4];
	size_t n = pick(4);

	for (size_t i = 0; i < n; i++)
		answers[i] = held[pick(4)];
	fido_probed_build(b, &info, BYTES(answers, n));
}

/* As a device with this key would, but for what the input bends. */
static void say_touched(struct builder *b, struct bytes data)
{
	struct builder message = {0}, plain = {0};
	struct fido_signed m = {.flags = pick(8), .counter = pick(0)};
	const struct sigalg *alg;
	struct bytes name = BYTES_NONE;
	uint8_t digest[HASH_MOST];
	struct reader r;
	size_t n;

	(void)crypto_hash(HASH_SHA256, bytes_str("ssh:"), digest, &n);
	builder_put(&message, BYTES(digest, n));
	builder_u8(&message, m.flags);
	builder_u32(&message, m.counter);
	(void)crypto_hash(HASH_SHA256, data, digest, &n);
	builder_put(&message, BYTES(digest, n));
	fuzz_require(
	    sigalg_choose(key_type(lexicon.inside[MODEL_SK]), 0, &alg) == ERR_OK &&
		key_sign(lexicon.inside[MODEL_SK], alg, builder_view(&message), &plain) == ERR_OK,
	    "a device signs");
	r = reader_of(builder_view(&plain));
	(void)reader_string(&r, &name);
	(void)reader_string(&r, &m.r);
	m.counter += pick(4) == 3;
	fido_signed_build(b, &m);
	builder_clear(&message);
	builder_clear(&plain);
}

static void say_resident(struct builder *b)
{
	struct fido_key k = {.credential = {.algorithm = FIDO_ED25519,
				 .application = bytes_str("ssh:"),
				 .handle = bytes_str("a handle"),
				 .flags = FIDO_TOUCH | FIDO_RESIDENT_KEY},
	    .user_name = pick_text()};
	struct pubkey p;

	fuzz_require(pubkey_parse(blob_view(&lexicon.key[MODEL_SK]), &p) == ERR_OK, "it is one");
	k.public = pick(4) == 3 ? pick_text() : p.raw;
	fido_keys_build(b, &k, pick(4) != 0);
}

static void say_fido(const struct scene_helper *h, struct builder *b)
{
	struct fido_failure f = {.tries = pick(10)};
	struct fido_sign sign = {0};
	struct bytes request;
	enum fido_kind kind = FIDO_WATCH;

	if (frame_next(builder_view(&h->heard), LIMIT_FIDO_REQUEST, &request) == FRAME_READY)
		(void)fido_kind_of(request, &kind);
	if (pick(4) == 3) {
		f.why = pick(2) == 0 ? ERR_PIN : pick_error();
		fido_failed_build(b, &f);
		return;
	}
	switch (kind) {
	case FIDO_PROBE:
		say_probed(b);
		break;
	case FIDO_SIGN:
		(void)fido_sign_parse(request, &sign);
		say_touched(b, sign.data);
		break;
	case FIDO_RESIDENT:
		say_resident(b);
		break;
	case FIDO_CHOOSE:
		fido_text_build(b, FIDO_CHOSEN, pick_text());
		break;
	case FIDO_RESOLVE:
		fido_text_build(b, FIDO_RESOLVED, pick_text());
		break;
	case FIDO_LOAD:
		fido_loaded_build(b, pick(0));
		break;
	default:
		say_devices(b);
	}
}

/* --- tokens ---------------------------------------------------------------------------- */

static const char *const token_ids[] = {"token one", "token two"};

static void say_inventory(struct builder *b, unsigned program)
{
	uint8_t which = pick(4), trouble = pick(8);
	size_t mark = token_inventory_open(
	    b, trouble == 7 ? ERR_NO_READER : ERR_OK, (uint32_t)((which & 1) + (which >> 1 & 1)));

	for (unsigned i = 0; i < 2; i++) {
		struct token_info t = {.type = program == HELPER_PKCS11 ? TOKEN_PKCS11
					       : pick(2)                ? TOKEN_PIV
									: TOKEN_OPENPGP,
		    .id = bytes_str(token_ids[i]),
		    .name = pick_text(),
		    .place = bytes_str("slot"),
		    .serial = bytes_str("0815"),
		    .tries = pick(4),
		    .parallel = 1};
		uint8_t keys = pick(4);

		if ((which >> i & 1) == 0)
			continue;
		t.flags = pick(64);
		t.count = (keys & 1u) + (keys >> 1 & 1u);
		token_info_put(b, &t);
		for (unsigned k = 1; k <= 2; k++) {
			struct token_key key = {.id = bytes_str(k == 1 ? "1" : "2"),
			    .public = blob_view(&lexicon.key[k]),
			    .slot = bytes_str("9a"),
			    .flags = pick(8)};

			if ((keys >> (k - 1) & 1) != 0)
				token_key_put(b, &key);
		}
	}
	token_inventory_close(b, mark);
}

static void say_token_signed(struct builder *b, const struct token_sign *m)
{
	struct token_signed done = {.number = m->number};
	unsigned key = bytes_is(m->key, "2") ? 2 : 1;
	struct builder plain = {0};
	const struct sigalg *alg;
	struct bytes name = BYTES_NONE, sig = BYTES_NONE;
	struct reader r;

	fuzz_require(sigalg_choose(key_type(lexicon.inside[key]), 0, &alg) == ERR_OK &&
			 key_sign(lexicon.inside[key], alg, m->data, &plain) == ERR_OK,
	    "a token signs");
	r = reader_of(builder_view(&plain));
	(void)reader_string(&r, &name);
	(void)reader_string(&r, &sig);
	done.r = sig;
	if (key == 2) {
		r = reader_of(sig);
		(void)reader_mpint(&r, &done.r);
		(void)reader_mpint(&r, &done.s);
	}
	if (pick(4) == 3)
		done.r = bytes_str("no signature of anybody");
	token_signed_build(b, &done);
	builder_clear(&plain);
}

/* The nth request of those that it heard, counted from the last. */
static struct bytes heard_of(const struct scene_helper *h, unsigned nth)
{
	struct bytes all = builder_view(&h->heard), found[8] = {BYTES_NONE}, message;
	unsigned n = 0;

	while (frame_next(all, LIMIT_TOKEN_MESSAGE, &message) == FRAME_READY) {
		found[n++ % 8] = message;
		all = BYTES(message.data + message.len, all.len - FRAME_HEADER - message.len);
	}
	return n > nth % 8 ? found[(n - 1 - nth % 8) % 8] : BYTES_NONE;
}

static void say_token(const struct scene_helper *h, struct builder *b)
{
	struct bytes request = heard_of(h, pick(4));
	struct token_select select = {0};
	struct token_sign sign = {0};
	struct token_ref refs[2] = {{bytes_str(token_ids[0]), bytes_str("1")},
	    {bytes_str(token_ids[pick(2)]), bytes_str("2")}};
	struct token_failure f = {.tries = pick(4), .flags = pick(64)};
	uint8_t how = pick(4);
	struct bytes name;

	if (how == 0) {
		say_inventory(b, h->program);
		return;
	}
	if (token_select_parse(request, &select) == ERR_OK && how != 3) {
		token_selected_build(b, select.number, refs, pick(3));
		return;
	}
	if (token_sign_parse(request, &sign) == ERR_OK && how != 3) {
		say_token_signed(b, &sign);
		return;
	}
	if (token_resolve_parse(request, &name) == ERR_OK && how != 3) {
		token_resolved_build(b, pick_text());
		return;
	}
	f.number = select.number != 0 ? select.number : sign.number;
	f.why = pick(2) == 0 ? ERR_PIN_NEEDED : pick_error();
	token_failed_build(b, &f);
}

/* One message of this helper. */
static void say_something(const struct scene_helper *h, struct builder *b)
{
	switch (h->program) {
	case HELPER_PROMPT:
		say_prompt(b);
		break;
	case HELPER_FILES:
		say_files(b);
		break;
	case HELPER_UNLOCK:
		say_unlock(b);
		break;
	case HELPER_KEYRING:
		say_keyring(b);
		break;
	case HELPER_SESSION:
		session_state_build(b, pick(64));
		break;
	case HELPER_FIDO:
		say_fido(h, b);
		break;
	default:
		say_token(h, b);
	}
}

#endif
