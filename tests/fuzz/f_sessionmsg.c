/* Messages of signet-session, both ways. */
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/sessionmsg.h"
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
	struct builder b = {0};
	uint32_t flags = ~0u;

	if (session_watch_parse(message) == ERR_OK) {
		session_watch_build(&b);
		check_built(&b, message);
	}
	if (session_slept_parse(message) == ERR_OK) {
		session_slept_build(&b);
		check_built(&b, message);
	}
	if (session_state_parse(message, &flags) == ERR_OK) {
		fuzz_require((flags & ~(uint32_t)SESSION_FLAGS) == 0, "no unknown flag comes out");
		session_state_build(&b, flags);
		check_built(&b, message);
		fuzz_plant(flags == (SESSION_LOCKED | SESSION_SLEEPING | SESSION_LOGIND));
	} else {
		fuzz_require(flags == ~0u, "a message that is refused leaves the result alone");
	}
	return 0;
}
