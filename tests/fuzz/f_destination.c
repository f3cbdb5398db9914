/* Destination constraints: the content of the extension's string. */
#include "proto/destination.h"
#include "proto/keyblob.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

/* Gives how many keys there are, all of them readable. */
static size_t walk_keys(const struct hop *hop)
{
	struct reader keys = reader_of(hop->keys);
	struct pubkey key;
	struct bytes blob;
	size_t count = 0;
	bool is_ca;

	while (hop_key_next(&keys, &blob, &is_ca)) {
		fuzz_require(pubkey_parse(blob, &key) == ERR_OK, "each key can be read");
		count++;
	}
	fuzz_require(keys.left == 0, "the keys are walked to their end");
	fuzz_touch(hop->user);
	fuzz_touch(hop->host);
	return count;
}

static void check_one(const struct destination *d)
{
	fuzz_require(d->from.user.len == 0, "a from has no user");
	fuzz_require((walk_keys(&d->from) == 0) == (d->from.host.len == 0),
	    "a from has keys when it has a host");
	fuzz_require(walk_keys(&d->to) != 0 && d->to.host.len != 0, "a to has host and key");
	fuzz_plant(d->to.user.len == 5 && d->to.user.data[0] != 'c'); /* the seeds have carol */
}

/* A list that was found well-formed. */
static void walk(struct bytes list)
{
	struct destination_walk w = destinations_walk(list);
	struct destination d;
	struct builder b = {0};
	size_t count = 0;

	while (destination_next(&w, &d)) {
		check_one(&d);
		destination_build(&b, &d);
		count++;
	}
	fuzz_require(w.r.left == 0, "the list is walked to its end");
	fuzz_require(count != 0 && count <= LIMIT_DESTINATIONS, "their number is in its limits");
	fuzz_require(bytes_equal(builder_view(&b), list), "a list is written as it was read");
	builder_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes list = BYTES(data, size);

	if (destinations_check(list) == ERR_OK)
		walk(list);
	return 0;
}
