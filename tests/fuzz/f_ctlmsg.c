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

static void add_with_rules(struct bytes body)
{
	struct key_rules rules;
	struct bytes message;
	struct builder b = {0};

	if (ctl_add_parse(body, &rules, &message) != ERR_OK)
		return;
	fuzz_touch(message);
	fuzz_require((rules.confirm == CONFIRM_TIMED) == (rules.confirm_seconds != 0),
	    "a time comes with the rule that has one");
	ctl_add_build(&b, &rules, message);
	/* but for the boolean, which has 255 ways to say yes */
	fuzz_require(
	    b.len == 5 + body.len && bytes_equal(BYTES(b.data + 5, 9), BYTES(body.data, 9)) &&
		bytes_equal(BYTES(b.data + 15, b.len - 15), BYTES(body.data + 10, body.len - 10)),
	    "an addition is written as it was read");
	builder_clear(&b);
}

static void certificate(struct bytes body)
{
	struct builder b = {0};
	struct bytes cert;

	if (ctl_certificate_parse(body, &cert) != ERR_OK)
		return;
	ctl_certificate_build(&b, cert);
	fuzz_require(bytes_equal(BYTES(b.data + 5, b.len - 5), body),
	    "a certificate is written as it was read");
	builder_clear(&b);
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
	if (ctl_done_parse(BYTES(data, size), &reason) == ERR_REFUSED)
		fuzz_touch(reason);
	add_with_rules(BYTES(data, size));
	certificate(BYTES(data, size));
	if (ctl_page_parse(BYTES(data, size), &after) == ERR_OK) {
		ctl_page_build(&b, CTL_LOG, after);
		fuzz_require(bytes_equal(BYTES(b.data + 5, b.len - 5), BYTES(data, size)),
		    "a request is written as it was read");
		builder_clear(&b);
	}
	return 0;
}
