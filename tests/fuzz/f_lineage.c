/* Records of processes, as the supervisor sends them to the core, and names of hosts in them. */
#include <string.h>

#include "agent/candidates.h"
#include "agent/lineage.h"
#include "tests/fuzz/fuzz.h"

static void gather(const struct lineage *l)
{
	static struct candidates c;

	candidates_gather(&c, l, BYTES_NONE);
	fuzz_require(c.n <= CANDIDATES_OF_WORDS, "names are bounded");
	for (size_t i = 0; i < c.n; i++) {
		fuzz_require(c.name[i].len != 0, "a name is not empty");
		fuzz_touch(c.name[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lineage l, again;
	struct builder b = {0};
	const char *arg;

	memset(&l, 0, sizeof(l));
	if (lineage_parse(BYTES(data, size), &l) != ERR_OK)
		return 0;
	fuzz_require(l.count <= LINEAGE_MOST, "a record is bounded");
	fuzz_require((lineage_application(&l) == NULL) == (l.count == 0), "somebody asks");
	for (size_t i = 0; (arg = lineage_argument(&l, i)) != NULL; i++)
		fuzz_touch(bytes_str(arg));
	gather(&l);
	lineage_build(&b, &l);
	memset(&again, 0, sizeof(again));
	fuzz_require(
	    lineage_parse(builder_view(&b), &again) == ERR_OK, "what was read can be sent");
	fuzz_require(again.count == l.count && memcmp(again.args, l.args, sizeof(l.args)) == 0,
	    "a record is written as it was read");
	builder_clear(&b);
	fuzz_plant(l.count == 1 && l.remote);
	return 0;
}
