/* Public key files. */
#include "keystore/base64.h"
#include "keystore/file/pubfile.h"
#include "proto/reader.h"
#include "tests/fuzz/fuzz.h"

/* A line put together from what was read says the same. */
static void check_again(const struct pubfile *p)
{
	struct reader r = reader_of(blob_view(&p->blob));
	struct builder line = {0};
	struct pubfile again = {0};
	struct bytes type = BYTES_NONE;

	fuzz_require(reader_string(&r, &type) == ERR_OK, "the blob starts with its type");
	builder_put(&line, type);
	builder_put(&line, bytes_str(" "));
	base64_encode(blob_view(&p->blob), &line);
	builder_put(&line, bytes_str(" "));
	builder_put(&line, blob_view(&p->comment));
	fuzz_require(
	    pubfile_parse(builder_view(&line), &again) == ERR_OK, "what was read reads again");
	fuzz_require(bytes_equal(blob_view(&p->blob), blob_view(&again.blob)), "the same blob");
	fuzz_require(
	    bytes_equal(blob_view(&p->comment), blob_view(&again.comment)), "the same comment");
	pubfile_clear(&again);
	builder_clear(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pubfile p = {0};

	if (pubfile_parse(BYTES(data, size), &p) == ERR_OK) {
		check_again(&p);
		/* Every comment of the corpus is made of the letter k. */
		fuzz_plant(p.comment.len != 0 && p.comment.data[0] != 'k');
	}
	pubfile_clear(&p);
	return 0;
}
