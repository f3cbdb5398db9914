/* Messages between the core and its helpers. */
#include "proto/frame.h"
#include "proto/helpermsg.h"
#include "tests/fuzz/fuzz.h"

/* What was built is one frame with the same content as what was read. */
static void check_built(struct builder *b, struct bytes message)
{
	struct bytes content;

	fuzz_require(frame_next(builder_view(b), LIMIT_HELPER_MESSAGE, &content) == FRAME_READY,
	    "a message that was read can be sent");
	fuzz_require(bytes_equal(content, message), "a message is written as it was read");
	builder_clear(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data, size);
	struct helper_answer answer;
	struct helper_ask ask;
	struct builder b = {0};

	if (helper_ask_parse(message, &ask) == ERR_OK) {
		helper_ask_build(&b, &ask);
		check_built(&b, message);
		fuzz_plant((ask.flags & HELPER_ASK_FORWARDED) != 0 && ask.timeout > 0xff);
	}
	if (helper_answer_parse(message, &answer) == ERR_OK) {
		helper_answer_build(&b, &answer);
		check_built(&b, message);
	}
	return 0;
}
