/* Slicing a stream: the same messages must come out however the stream arrives. */
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

static struct bytes drop(struct bytes stream, size_t n)
{
	return BYTES(stream.data + n, stream.len - n);
}

/*
 * Bytes that are missing from a message never make one, nor an error that the whole stream does
 * not have.
 */
static void check_shorter(struct bytes stream, size_t whole)
{
	struct bytes message;

	for (size_t n = 0; n < whole && n < 64; n++)
		fuzz_require(
		    frame_next(BYTES(stream.data, n), LIMIT_MESSAGE, &message) == FRAME_MORE,
		    "a part of a message is no message");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes stream = BYTES(data, size), message;
	enum frame_state state;
	unsigned messages = 0;

	while ((state = frame_next(stream, LIMIT_MESSAGE, &message)) == FRAME_READY) {
		size_t whole = FRAME_HEADER + message.len;

		fuzz_require(
		    message.len != 0 && whole <= stream.len, "a message lies in the stream");
		fuzz_touch(message);
		check_shorter(stream, whole);
		stream = drop(stream, whole);
		messages++;
	}
	fuzz_plant(messages == 7 && state == FRAME_EMPTY);
	return 0;
}
