#include "agent/devicetext.h"

#include <stdio.h>

#include "proto/base/text.h"
#include "proto/fidomsg.h"

void devicetext_put(struct builder *b, const char *text)
{
	builder_put(b, bytes_str(text));
}

void devicetext_name(struct builder *b, struct bytes name)
{
	char quoted[DEVICETEXT_SHOWN + 3];

	if (name.len == 0)
		return;
	devicetext_put(b, " ");
	devicetext_put(b, text_quote(name, quoted, sizeof(quoted)));
}

void devicetext_key(
    struct builder *b, struct bytes comment, const char *print, struct bytes purpose)
{
	char quoted[DEVICETEXT_SHOWN + 3];

	devicetext_put(b, " key ");
	devicetext_put(b, text_quote(comment, quoted, sizeof(quoted)));
	devicetext_put(b, ".\nKey fingerprint ");
	devicetext_put(b, print);
	devicetext_put(b, ".");
	builder_put(b, purpose);
}

void devicetext_waiting(struct builder *b, size_t n)
{
	char text[64];

	if (n == 0)
		return;
	snprintf(text, sizeof(text),
	    n == 1 ? "\n\n1 more request waits for it."
		   : "\n\n%zu more requests wait for it, a touch each.",
	    n);
	devicetext_put(b, text);
}

void devicetext_tries(struct builder *b, unsigned tries)
{
	char text[48];

	snprintf(text, sizeof(text), "\n\n%u tries are left.", tries);
	devicetext_put(b, text);
}

void devicetext_key_tries(struct builder *b, uint8_t tries)
{
	if (tries == 1)
		devicetext_put(b,
		    "\n\nThis is the last try: after another wrong PIN it is blocked, and only a "
		    "reset, which erases the security key, helps.");
	else if (tries != FIDO_TRIES_UNKNOWN)
		devicetext_tries(b, tries);
}
