/* Messages of signet-keyring, both ways. */
#include "proto/frame.h"
#include "proto/keyringmsg.h"
#include "tests/fuzz/fuzz.h"

/* What was built is one frame with the same content as what was read. */
static void check_built(struct builder *b, struct bytes message)
{
	struct bytes content;

	fuzz_require(frame_next(builder_view(b), KEYRING_REQUEST_MOST, &content) == FRAME_READY,
	    "a message that was read can be sent");
	fuzz_require(bytes_equal(content, message), "a message is written as it was read");
	builder_clear(b);
}

static void requests(struct bytes message)
{
	struct keyring_item item;
	struct bytes label, secret;
	struct builder b = {0};
	bool prompt;

	if (keyring_lookup_parse(message, &item, &prompt) == ERR_OK) {
		fuzz_require(item.id.len != 0, "one item is looked up");
		keyring_lookup_build(&b, &item, prompt);
		check_built(&b, message);
	}
	if (keyring_store_parse(message, &item, &label, &secret) == ERR_OK) {
		fuzz_require(keyring_secret_allowed(secret), "what is stored is a secret");
		fuzz_plant(
		    secret.len > 3 && secret.data[0] < 0x30); /* the seed's begins with a letter */
		keyring_store_build(&b, &item, label, secret);
		check_built(&b, message);
	}
	if (keyring_forget_parse(message, &item) == ERR_OK) {
		keyring_forget_build(&b, &item);
		check_built(&b, message);
	}
}

static void answers(struct bytes message)
{
	struct builder b = {0};
	struct bytes secret;
	enum err why;

	if (keyring_secret_parse(message, &secret) == ERR_OK) {
		fuzz_require(keyring_secret_allowed(secret), "what is answered is a secret");
		keyring_secret_build(&b, secret);
		check_built(&b, message);
	}
	if (keyring_done_parse(message) == ERR_OK) {
		keyring_done_build(&b);
		check_built(&b, message);
	}
	if (keyring_failed_parse(message, &why) == ERR_OK) {
		keyring_failed_build(&b, why);
		check_built(&b, message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data, size);

	requests(message);
	answers(message);
	return 0;
}
