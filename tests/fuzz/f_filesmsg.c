/* Messages of signet-files and signet-unlock, both ways. */
#include "proto/filesmsg.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

/* What was built is one frame with the same content as what was read. */
static void check_built(struct builder *b, struct bytes message)
{
	struct bytes content;

	fuzz_require(frame_next(builder_view(b), LIMIT_FILES_MESSAGE, &content) == FRAME_READY,
	    "a message that was read can be sent");
	fuzz_require(bytes_equal(content, message), "a message is written as it was read");
	builder_clear(b);
}

static void key(struct bytes message)
{
	struct bytes certs[FILES_CERTS_MOST];
	struct builder b = {0};
	struct files_key m;

	if (files_key_parse(message, &m) != ERR_OK)
		return;
	fuzz_require(files_path_good(m.path), "a key has a path that can be one");
	fuzz_require(m.cert_count <= FILES_CERTS_MOST, "no more certificates than there is room");
	for (uint32_t i = 0; i < m.cert_count; i++) {
		fuzz_require(files_cert_next(&m.certs, &certs[i]) == ERR_OK,
		    "a key has as many certificates as it counts");
		fuzz_touch(certs[i]);
	}
	fuzz_require(m.certs.left == 0, "the certificates end with the last");
	fuzz_plant(m.flags == 0 && m.cert_count == 1);
	files_key_build(&b, &m, certs);
	check_built(&b, message);
}

static void files(struct bytes message)
{
	struct bytes path, public;
	struct builder b = {0};
	enum err why;

	if (files_watch_parse(message) == ERR_OK) {
		files_watch_build(&b);
		check_built(&b, message);
	}
	if (files_done_parse(message) == ERR_OK) {
		files_done_build(&b);
		check_built(&b, message);
	}
	if (files_learn_parse(message, &path, &public) == ERR_OK) {
		files_learn_build(&b, path, public);
		check_built(&b, message);
	}
	if (files_trouble_parse(message, &path, &why) == ERR_OK) {
		files_trouble_build(&b, path, why);
		check_built(&b, message);
	}
	if (files_gone_parse(message, &path) == ERR_OK) {
		files_gone_build(&b, path);
		check_built(&b, message);
	}
}

static void unlock(struct bytes message)
{
	struct bytes private, comment;
	struct unlock_open open;
	struct builder b = {0};
	enum err why;

	if (unlock_open_parse(message, &open) == ERR_OK) {
		unlock_open_build(&b, &open);
		check_built(&b, message);
	}
	if (unlock_key_parse(message, &private, &comment) == ERR_OK) {
		unlock_key_build(&b, private, comment);
		check_built(&b, message);
	}
	if (unlock_other_parse(message, &private) == ERR_OK) {
		unlock_other_build(&b, private);
		check_built(&b, message);
	}
	if (unlock_failed_parse(message, &why) == ERR_OK) {
		unlock_failed_build(&b, why);
		check_built(&b, message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes message = BYTES(data, size);

	key(message);
	files(message);
	unlock(message);
	return 0;
}
