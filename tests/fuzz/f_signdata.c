/* What is to be signed. */
#include "proto/signdata.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sign_data d;

	sign_data_read(BYTES(data, size), &d);
	if (d.kind == SIGN_LOGIN) {
		fuzz_touch(d.login.session);
		fuzz_touch(d.login.user);
		fuzz_touch(d.login.service);
		fuzz_touch(d.login.algorithm);
		fuzz_touch(d.login.key);
		fuzz_touch(d.login.host_key);
		fuzz_require(d.login.session.len != 0, "a login has a session");
		fuzz_plant(d.login.host_key.len == 1);
	} else if (d.kind == SIGN_SSHSIG) {
		fuzz_touch(d.sshsig.name_space);
		fuzz_touch(d.sshsig.hash);
	}
	return 0;
}
