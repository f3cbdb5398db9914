/* Cards and readers, as signet-card sees them: it is asked once, and no PIN is tried. */
#include "add/tokens.h"

#include <stdio.h>

#include "add/control.h"
#include "add/helper.h"
#include "keystore/fingerprint.h"
#include "proto/base/fdio.h"
#include "proto/fidomsg.h"
#include "proto/helperexec.h"
#include "proto/helpermsg.h"
#include "proto/keyblob.h"
#include "proto/tokenmsg.h"

static const char *reader_words(uint32_t flags)
{
	if ((flags & TOKEN_BUSY_CARD) != 0)
		return "a card is there, in use by another program";
	if ((flags & TOKEN_UNKNOWN_CARD) != 0)
		return "a card is there, neither PIV nor OpenPGP";
	return "no card";
}

static void print_bytes(const char *before, struct bytes text)
{
	/* What came from the helper is plain UTF-8: token_inventory_parse has seen to it. */
	if (text.len != 0)
		printf("%s%.*s", before, (int)text.len, (const char *)text.data);
}

/* --- keys --------------------------------------------------------------------------------------
 */

static void print_key(const struct token_key *k, const struct pubkey *key, const char *print)
{
	fputs("  ", stdout);
	print_bytes("slot ", k->slot);
	printf(
	    "%s%u %s (%s)", k->slot.len != 0 ? " " : "", pubkey_bits(key), print, key->type->label);
	print_bytes(", ", k->label);
	if ((k->flags & TOKEN_KEY_PIN_EACH) != 0)
		fputs(", PIN each time", stdout);
	if ((k->flags & TOKEN_KEY_TOUCH) != 0)
		fputs(", touch", stdout);
	if ((k->flags & TOKEN_KEY_DEFAULT) != 0)
		fputs(", offered by --card", stdout);
	putchar('\n');
}

static void print_key_json(const struct token_key *k, const struct pubkey *key, const char *print)
{
	fputs("{\"slot\":", stdout);
	json_string(k->slot);
	fputs(",\"fingerprint\":", stdout);
	json_string(bytes_str(print));
	fputs(",\"type\":", stdout);
	json_string(bytes_str(key->type->label));
	printf(",\"bits\":%u,\"label\":", pubkey_bits(key));
	json_string(k->label);
	printf(",\"pin-each\":%s,\"touch\":%s,\"default\":%s}",
	    (k->flags & TOKEN_KEY_PIN_EACH) != 0 ? "true" : "false",
	    (k->flags & TOKEN_KEY_TOUCH) != 0 ? "true" : "false",
	    (k->flags & TOKEN_KEY_DEFAULT) != 0 ? "true" : "false");
}

static void list_keys(const struct options *o, const struct token_info *t)
{
	char print[FINGERPRINT_ROOM];
	struct reader keys = t->keys;
	struct pubkey key;
	struct token_key k;
	bool first = true;

	while (token_key_next(&keys, &k) == ERR_OK) {
		if (pubkey_parse(k.public, &key) != ERR_OK ||
		    fingerprint(k.public, o->hash, print) != ERR_OK)
			continue;
		if (!o->json) {
			print_key(&k, &key, print);
		} else {
			fputs(first ? "" : ",", stdout);
			print_key_json(&k, &key, print);
		}
		first = false;
	}
}

/* --- cards -------------------------------------------------------------------------------------
 */

static void print_pin(const struct token_info *t)
{
	if ((t->flags & TOKEN_PIN_LOCKED) != 0 || t->tries == 0)
		fputs("; PIN locked", stdout);
	else if ((t->flags & TOKEN_PIN_UNSET) != 0)
		fputs("; no PIN set", stdout);
	else if (t->tries != TOKEN_TRIES_UNKNOWN)
		printf("; %u PIN %s left", (unsigned)t->tries, t->tries == 1 ? "try" : "tries");
	if ((t->flags & TOKEN_HAS_PAD) != 0)
		fputs("; PIN entered on the reader", stdout);
}

static void print_token(const struct options *o, const struct token_info *t)
{
	if (t->type == TOKEN_READER) {
		print_bytes("", t->name);
		printf(" (%s): %s\n", token_type_words(t->type), reader_words(t->flags));
		return;
	}
	print_bytes("", t->name);
	print_bytes(" (in ", t->place);
	printf("%s\n  %s", t->place.len != 0 ? ")" : "", token_type_words(t->type));
	print_bytes("; serial ", t->serial);
	print_bytes("; firmware ", t->firmware);
	print_pin(t);
	fputs(t->count == 0 ? "; no key that SSH can use\n" : "\n", stdout);
	list_keys(o, t);
}

static void print_token_json(const struct options *o, const struct token_info *t)
{
	printf("{\"kind\":\"%s\",\"name\":", token_type_name(t->type));
	json_string(t->name);
	fputs(",\"reader\":", stdout);
	json_string(t->place);
	if (t->type == TOKEN_READER) {
		const char *card = (t->flags & TOKEN_BUSY_CARD) != 0      ? "busy"
				   : (t->flags & TOKEN_UNKNOWN_CARD) != 0 ? "unknown"
									  : "none";

		printf(",\"card\":\"%s\"}\n", card);
		return;
	}
	fputs(",\"serial\":", stdout);
	json_string(t->serial);
	fputs(",\"firmware\":", stdout);
	json_string(t->firmware);
	if (t->tries != TOKEN_TRIES_UNKNOWN)
		printf(",\"pin-tries-left\":%u", (unsigned)t->tries);
	printf(",\"pin-locked\":%s,\"pin-set\":%s,\"keypad\":%s,\"keys\":[",
	    (t->flags & TOKEN_PIN_LOCKED) != 0 ? "true" : "false",
	    (t->flags & TOKEN_PIN_UNSET) != 0 ? "false" : "true",
	    (t->flags & TOKEN_HAS_PAD) != 0 ? "true" : "false");
	list_keys(o, t);
	puts("]}");
}

/* --- asking ------------------------------------------------------------------------------------
 */

enum err tokens_ask(unsigned helper, struct builder *request, struct blob *answer)
{
	int sock = -1;
	pid_t pid;
	enum err e = builder_error(request);

	if (e == ERR_OK)
		e = helper_exec(helper, NULL, &pid, &sock);
	if (e == ERR_OK) {
		e = fd_write_all(sock, builder_view(request), LIMIT_HELPER_MS);
		if (e == ERR_OK)
			e = helper_read(sock, LIMIT_TOKEN_MESSAGE, LIMIT_TOKEN_MS, answer);
		else if (e == ERR_CLOSED || e == ERR_SYSTEM)
			e = ERR_HELPER;
		helper_see_end(pid, sock);
		fd_close(&sock);
	}
	builder_clear(request);
	return e;
}

static enum err read_inventory(struct bytes message, struct token_inventory *out)
{
	enum token_message kind;
	struct token_failure failure;
	enum err e = token_message_of(message, &kind);

	if (e == ERR_OK && kind == TOKEN_FAILED) {
		e = token_failed_parse(message, &failure);
		return e == ERR_OK ? failure.why : e;
	}
	return e == ERR_OK ? token_inventory_parse(message, out) : e;
}

/* Nothing that can be seen is no error where nothing else was asked for. */
static void say_nothing(const struct options *o, const char *words)
{
	if (!o->json)
		puts(words);
}

static void print_inventory(const struct options *o, const struct token_inventory *all)
{
	struct reader tokens = all->tokens;
	struct token_info t;

	if (all->count == 0)
		say_nothing(o, "No smartcard reader is plugged in.");
	for (uint32_t n = all->count; n != 0 && token_info_next(&tokens, &t) == ERR_OK; n--)
		(o->json ? print_token_json : print_token)(o, &t);
}

void cards_ask(struct cards *c)
{
	const struct token_open open = {0};
	struct builder request = {0};

	*c = (struct cards){.asked = helper_present(HELPER_CARD)};
	if (!c->asked)
		return;
	token_open_build(&request, &open);
	c->outcome = tokens_ask(HELPER_CARD, &request, &c->answer);
	if (c->outcome == ERR_OK)
		c->outcome = read_inventory(blob_view(&c->answer), &c->inventory);
	if (c->outcome == ERR_OK)
		c->outcome = c->inventory.trouble;
}

void cards_clear(struct cards *c)
{
	blob_clear(&c->answer);
	*c = (struct cards){0};
}

bool cards_explain(const struct cards *c, const struct fido_device *d)
{
	struct reader tokens = c->inventory.tokens;
	struct token_info t;

	if (d->instance != 0 || d->transport != FIDO_PCSC || c->outcome != ERR_OK)
		return false;
	/* Both helpers call a reader by the name that pcscd has for it, escaped. */
	for (uint32_t n = c->inventory.count; n != 0; n--) {
		if (token_info_next(&tokens, &t) != ERR_OK)
			return false;
		if (t.type != TOKEN_READER && bytes_equal(t.place, d->name))
			return true;
	}
	return false;
}

/* That no card can be seen is no failure, but no list of none either. */
static void say_unseen(const struct options *o)
{
	static const char words[] = "No smartcard can be seen: the service pcscd does not run, or "
				    "polkit keeps this session from it.";

	if (!o->json) {
		puts(words);
		return;
	}
	fputs("{\"kind\":\"smartcards\",\"error\":", stdout);
	json_string(bytes_str(words));
	puts("}");
}

bool tokens_list_cards(const struct options *o, const struct cards *c)
{
	if (!c->asked)
		say_nothing(o, "Smartcards are not looked for: signet-card is not installed.");
	else if (c->outcome == ERR_OK)
		print_inventory(o, &c->inventory);
	else if (c->outcome == ERR_NO_READER)
		say_unseen(o);
	else
		fprintf(stderr, "Could not look for smartcards: %s\n", err_text(c->outcome));
	return c->outcome == ERR_OK || c->outcome == ERR_NO_READER;
}
