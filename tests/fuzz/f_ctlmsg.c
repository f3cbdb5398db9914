/* The control protocol, from both sides. */
#include "proto/ctlmsg.h"
#include "tests/fuzz/fuzz.h"

static void walk_records(struct reader records)
{
	struct reader pairs;
	struct bytes value;
	uint64_t number;
	bool more = true;

	while (ctl_record_next(&records, &more, &pairs) == ERR_OK && more) {
		if (ctl_value(pairs, "key", &value))
			fuzz_touch(value);
		fuzz_plant(ctl_record_number(pairs, &number) == ERR_OK && number == 7);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader records;
	struct bytes reason;
	struct builder b = {0};
	uint64_t after;
	enum err e = ctl_records_parse(BYTES(data, size), &records, &reason);

	if (e == ERR_OK)
		walk_records(records);
	if (e == ERR_REFUSED)
		fuzz_touch(reason);
	if (ctl_page_parse(BYTES(data, size), &after) == ERR_OK) {
		ctl_page_build(&b, CTL_LOG, after);
		fuzz_require(bytes_equal(BYTES(b.data + 5, b.len - 5), BYTES(data, size)),
		    "a request is written as it was read");
		builder_clear(&b);
	}
	return 0;
}
