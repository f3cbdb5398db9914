/* Messages of signet-fido, both ways. */
#include "proto/fidomsg.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

/* What was built is one frame with the same content as what was read. */
static void check_built(struct builder *b, struct bytes message)
{
	struct bytes content;

	fuzz_require(frame_next(builder_view(b), LIMIT_FIDO_ANSWER, &content) == FRAME_READY,
	    "a message that was read can be sent");
	fuzz_require(bytes_equal(content, message), "a message is written as it was read");
	builder_clear(b);
}

static void requests(struct bytes message)
{
	struct bytes paths[FIDO_PATHS_MOST];
	struct fido_resident resident;
	struct fido_credential c;
	struct fido_probe probe;
	struct fido_sign sign;
	struct builder b = {0};
	size_t count, mark;

	if (fido_probe_parse(message, &probe) == ERR_OK) {
		fido_probe_open(&b, probe.path, probe.count, &mark);
		for (uint32_t i = 0; i < probe.count; i++) {
			fuzz_require(fido_credential_next(&probe.credentials, &c) == ERR_OK,
			    "a probe has as many credentials as it counts");
			fido_credential_put(&b, &c);
		}
		fido_probe_close(&b, mark);
		check_built(&b, message);
	}
	if (fido_choose_parse(message, paths, &count) == ERR_OK) {
		fido_choose_build(&b, paths, count);
		check_built(&b, message);
	}
	if (fido_sign_parse(message, &sign) == ERR_OK) {
		fido_sign_build(&b, &sign);
		check_built(&b, message);
	}
	if (fido_resident_parse(message, &resident) == ERR_OK) {
		fido_resident_build(&b, &resident);
		check_built(&b, message);
	}
}

static void answers(struct bytes message)
{
	struct fido_device devices[FIDO_PATHS_MOST];
	static struct fido_key keys[FIDO_KEYS_MOST];
	struct fido_failure failure;
	struct fido_signed done;
	struct fido_info info;
	struct bytes held;
	struct reader r;
	struct builder b = {0};
	uint32_t n;
	size_t count;

	if (fido_devices_parse(message, devices, &count) == ERR_OK) {
		fido_devices_build(&b, devices, count);
		check_built(&b, message);
	}
	if (fido_probed_parse(message, &info, &held) == ERR_OK) {
		fido_probed_build(&b, &info, held);
		check_built(&b, message);
	}
	if (fido_signed_parse(message, &done) == ERR_OK) {
		fido_signed_build(&b, &done);
		check_built(&b, message);
		fuzz_plant(done.counter > 0xffff);
	}
	if (fido_keys_parse(message, &r, &n) == ERR_OK) {
		for (uint32_t i = 0; i < n; i++)
			fuzz_require(fido_key_next(&r, &keys[i]) == ERR_OK,
			    "an answer has as many keys as it counts");
		fido_keys_build(&b, keys, n);
		check_built(&b, message);
	}
	if (fido_failed_parse(message, &failure) == ERR_OK) {
		fido_failed_build(&b, &failure);
		check_built(&b, message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data, size);
	struct builder b = {0};
	enum fido_kind kind;
	struct bytes text;
	uint32_t version;

	if (fido_kind_of(message, &kind) != ERR_OK)
		return 0;
	if (fido_plain_parse(message, kind) == ERR_OK) {
		fido_plain_build(&b, kind);
		check_built(&b, message);
	}
	if (fido_text_parse(message, kind, &text) == ERR_OK) {
		fido_text_build(&b, kind, text);
		check_built(&b, message);
	}
	if (fido_loaded_parse(message, &version) == ERR_OK) {
		fido_loaded_build(&b, version);
		check_built(&b, message);
	}
	requests(message);
	answers(message);
	return 0;
}
