/* What a person reads about a security key. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/touch_impl.h"
#include "proto/base/text.h"

enum { SHOWN = 64 }; /* bytes of a name that others chose */

static void put(struct builder *b, const char *text)
{
	builder_put(b, bytes_str(text));
}

static void put_escaped(struct builder *b, struct bytes text)
{
	char shown[SHOWN + 1];

	put(b, text_escape(text, shown, sizeof(shown)));
}

static void put_device(struct builder *b, const struct touch *t)
{
	put(b, "security key");
	if (t->device == NULL || device_name(t->device).len == 0)
		return;
	put(b, " ");
	put_escaped(b, device_name(t->device));
}

static void put_key(struct builder *b, const struct touch *t)
{
	char comment[SHOWN + 3];

	put(b, " key ");
	put(b, text_quote(blob_view(&t->comment), comment, sizeof(comment)));
	put(b, ".\nKey fingerprint ");
	put(b, t->print);
	put(b, ".");
	builder_put(b, blob_view(&t->purpose));
}

void touch_insert_text(struct builder *b, const struct touch *t)
{
	put(b, "Plug in the security key that holds");
	put_key(b, t);
	put(b, "\n\nSignet goes on by itself when it is there. Deny or cancel to refuse at once.");
}

static void put_waiting(struct builder *b, const struct touch *t)
{
	char text[64];
	size_t n = 0;

	for (size_t i = 0; i < t->turn.count; i++) {
		size_t waiting = device_waiting(t->turn.wants[i]);

		n = waiting > n ? waiting : n;
	}
	if (n == 0)
		return;
	snprintf(text, sizeof(text),
	    n == 1 ? "\n\n1 more request waits for it."
		   : "\n\n%zu more requests wait for it, a touch each.",
	    n);
	put(b, text);
}

void touch_notice_text(struct builder *b, const struct touch *t)
{
	if (t->stage == TOUCH_CHOOSE)
		put(b, "Touch the security key that holds");
	else {
		put(b, "Touch your ");
		put_device(b, t);
		put(b, " to use");
	}
	put_key(b, t);
	put_waiting(b, t);
}

static void put_tries(struct builder *b, uint8_t tries)
{
	char text[48];

	if (tries == FIDO_TRIES_UNKNOWN)
		return;
	if (tries == 1) {
		put(b,
		    "\n\nThis is the last try: after another wrong PIN it is blocked, and only a "
		    "reset, which erases the security key, helps.");
		return;
	}
	snprintf(text, sizeof(text), "\n\n%u tries are left.", (unsigned)tries);
	put(b, text);
}

void touch_pin_text(struct builder *b, const struct touch *t)
{
	static const char *const remarks[] = {
	    [REMARK_NONE] = "",
	    [REMARK_WRONG] = "That PIN was wrong. ",
	    [REMARK_KEPT_WRONG] = "The PIN that was remembered is wrong. ",
	    [REMARK_LENGTH] = "A PIN has 4 to 63 characters: that was none, and no try is spent. ",
	};

	put(b, remarks[t->remark]);
	put(b, "Enter the PIN of your ");
	put_device(b, t);
	put(b, " to use");
	put_key(b, t);
	if (t->provider.len == 0 && devices_presence(t->all->devices, t->key) != PRESENCE_HERE)
		put(b, "\n\nOnly its PIN tells whether it holds this key. If another one does, "
		       "deny, and plug that one in.");
	put_tries(b, t->tries);
}
