/* What a person reads about a security key. */
#include "agent/devicetext.h"
#include "agent/touch_impl.h"

static void put_device(struct builder *b, const struct touch *t)
{
	devicetext_put(b, "security key");
	if (t->device != NULL)
		devicetext_name(b, device_name(t->device));
}

static void put_key(struct builder *b, const struct touch *t)
{
	devicetext_key(b, blob_view(&t->comment), t->print, blob_view(&t->purpose));
}

void touch_insert_text(struct builder *b, const struct touch *t)
{
	devicetext_put(b, "Plug in the security key that holds");
	put_key(b, t);
	devicetext_put(
	    b, "\n\nSignet goes on by itself when it is there. Deny or cancel to refuse at once.");
}

static void put_waiting(struct builder *b, const struct touch *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->turn.count; i++) {
		size_t waiting = device_waiting(t->turn.wants[i]);

		n = waiting > n ? waiting : n;
	}
	devicetext_waiting(b, n);
}

void touch_notice_text(struct builder *b, const struct touch *t)
{
	if (t->stage == TOUCH_CHOOSE)
		devicetext_put(b, "Touch the security key that holds");
	else {
		devicetext_put(b, "Touch your ");
		put_device(b, t);
		devicetext_put(b, " to use");
	}
	put_key(b, t);
	put_waiting(b, t);
}

void touch_pin_text(struct builder *b, const struct touch *t)
{
	static const char *const remarks[] = {
	    [REMARK_NONE] = "",
	    [REMARK_WRONG] = "That PIN was wrong. ",
	    [REMARK_KEPT_WRONG] = "The PIN that was remembered is wrong. ",
	    [REMARK_LENGTH] = "A PIN has 4 to 63 characters: that was none, and no try is spent. ",
	};

	devicetext_put(b, remarks[t->remark]);
	devicetext_put(b, "Enter the PIN of your ");
	put_device(b, t);
	devicetext_put(b, " to use");
	put_key(b, t);
	if (t->provider.len == 0 && devices_presence(t->all->devices, t->key) != PRESENCE_HERE)
		devicetext_put(b,
		    "\n\nOnly its PIN tells whether it holds this key. If another one does, "
		    "deny, and plug that one in.");
	devicetext_key_tries(b, t->tries);
}
