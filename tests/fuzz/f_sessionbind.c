/* Session binds: the body of the extension. */
#include "proto/sessionbind.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_bind m;

	if (session_bind_parse(BYTES(data, size), &m) != ERR_OK)
		return 0;
	fuzz_require(m.session.len >= 1 && m.session.len <= LIMIT_SESSION_ID,
	    "the session identifier is within its limits");
	fuzz_require(m.host_key.len + m.session.len + m.signature.len + 13 == size,
	    "nothing of a bind is passed over");
	fuzz_touch(m.host_key);
	fuzz_touch(m.session);
	fuzz_touch(m.signature);
	fuzz_plant(m.session.data[0] < 0x20 && m.forwarding);
	return 0;
}
