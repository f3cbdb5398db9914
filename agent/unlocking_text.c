/* What a person reads about key files. */
#include "agent/devicetext.h"
#include "agent/unlocking_impl.h"
#include "proto/base/text.h"

enum { PATH_SHOWN = 256 };

static void put_file(struct builder *b, struct bytes path)
{
	char shown[PATH_SHOWN];

	devicetext_put(b, "the key file ");
	devicetext_put(b, text_quote(path, shown, sizeof(shown)));
}

void opening_ask_text(struct builder *b, const struct opening *o)
{
	static const char *const remarks[] = {
	    [UNLOCK_NO_REMARK] = "",
	    [UNLOCK_WRONG] = "That passphrase was wrong. ",
	    [UNLOCK_KEYRING_WRONG] = "The passphrase in the keyring is wrong. ",
	    [UNLOCK_LENGTH] = "That is longer than any passphrase. ",
	};

	devicetext_put(b, remarks[o->remark]);
	devicetext_put(b, "Enter the passphrase of ");
	put_file(b, blob_view(&o->path));
	devicetext_put(b, " to unlock");
	devicetext_key(b, blob_view(&o->comment), o->print, blob_view(&o->first->purpose));
	if (o->remark == UNLOCK_KEYRING_WRONG)
		devicetext_put(b, "\n\nThe one that you enter replaces it there.");
	if (o->asked == UNLOCK_ASKED_MOST)
		devicetext_put(b, "\n\nThis is the last try; after it the request is refused.");
}

void opening_remember_text(struct builder *b, struct bytes path, const char *print)
{
	devicetext_put(b, "Remember the passphrase of ");
	put_file(b, path);
	devicetext_put(b, " in the keyring?\nKey fingerprint ");
	devicetext_put(b, print);
	devicetext_put(b,
	    ".\n\nWith a yes it is not asked for again while the keyring is unlocked. With a no, "
	    "this question does not come again before the agent is started anew.");
}

const char *unlock_words(enum unlock_how how)
{
	static const char *const words[] = {
	    [UNLOCK_PLAIN] = "without a passphrase",
	    [UNLOCK_KEYRING] = "passphrase from the keyring",
	    [UNLOCK_TYPED] = "passphrase typed",
	};

	return words[how];
}
