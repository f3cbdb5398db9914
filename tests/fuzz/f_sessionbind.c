/* The body of session-bind@openssh.com, and its verification. */
#include "agent/route.h"
#include "keystore/crypto.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_bind m;
	struct route route = {0};
	static bool started;

	if (!started)
		fuzz_require(
		    crypto_start() == ERR_OK && crypto_warm_up() == ERR_OK, "libcrypto starts");
	started = true;

	if (session_bind_parse(BYTES(data, size), &m) != ERR_OK)
		return 0;
	fuzz_touch(m.host_key);
	fuzz_touch(m.signature);
	fuzz_require(m.session.len >= 1 && m.session.len <= LIMIT_SESSION_ID, "the limit holds");
	(void)bind_verify(&m);
	fuzz_require(route_add(&route, &m) == ERR_OK, "the first bind can be recorded");
	fuzz_require(route_is_remote(&route) == m.forwarding, "a forwarding leads to another host");
	route_clear(&route);
	fuzz_plant(m.session.len == 32 && m.forwarding);
	return 0;
}
