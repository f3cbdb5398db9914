/* Destination constraints, as the content of the constraint. */
#include "proto/destination.h"
#include "tests/fuzz/fuzz.h"

static void walk_keys(struct bytes keys)
{
	struct reader r = reader_of(keys);
	struct bytes blob;
	bool is_ca;

	while (hop_key_next(&r, &blob, &is_ca))
		fuzz_touch(blob);
	fuzz_require(r.left == 0, "the keys of a hop that was checked are whole");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes list = BYTES(data, size);
	struct destination_walk w = destinations_walk(list);
	struct destination d;
	struct builder b = {0};
	size_t wild = 0;

	if (destinations_check(list) != ERR_OK)
		return 0;
	while (destination_next(&w, &d)) {
		walk_keys(d.from.keys);
		walk_keys(d.to.keys);
		wild += pattern_match(bytes_str("root"), d.to.user);
		destination_build(&b, &d);
	}
	fuzz_require(w.r.left == 0, "a list that was checked is walked to its end");
	fuzz_require(bytes_equal(builder_view(&b), list), "a list is written as it was read");
	builder_clear(&b);
	fuzz_plant(wild >= 2);
	return 0;
}
