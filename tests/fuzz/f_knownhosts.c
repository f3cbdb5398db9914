/* known_hosts files: the first line of the input is a name, the rest the file. */
#include <string.h>

#include "keystore/base64.h"
#include "keystore/crypto.h"
#include "keystore/knownhosts.h"
#include "proto/limits.h"
#include "tests/fuzz/fuzz.h"

static bool inside(struct bytes part, struct bytes whole)
{
	return part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
				    part.data + part.len <= whole.data + whole.len);
}

/* What holds for every entry, whatever its line said. */
static void check_entry(const struct knownhost *h, struct bytes file, struct bytes name)
{
	struct bytes rest = h->names, plain;
	struct blob key = {0};
	size_t which = 7;

	fuzz_require(h->names.len != 0 && h->type.len != 0 && h->base64.len != 0, "three parts");
	fuzz_require(inside(h->names, file) && inside(h->type, file) && inside(h->base64, file),
	    "views of the file");
	fuzz_require(
	    knownhost_try(h, &name, 1, &which) == knownhost_matches(h, name), "trying is matching");
	while (knownhost_next_name(&rest, &plain))
		fuzz_require(inside(plain, h->names) && plain.len != 0, "a name of the entry");
	if (knownhost_key(h, &key) == ERR_OK) {
		fuzz_require(
		    knownhost_holds(h, blob_view(&key)) == (h->marker != KNOWNHOST_REVOKED),
		    "it holds its key unless that is revoked");
		fuzz_plant(h->marker == KNOWNHOST_CA && h->line > 1);
	}
	blob_clear(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	const uint8_t *end = size != 0 ? memchr(data, '\n', size) : NULL;
	struct knownhosts_walk walk;
	struct knownhost h;
	struct bytes name, file;
	size_t line = 0;

	if (!started)
		started = crypto_start() == ERR_OK;
	if (end == NULL)
		return 0;
	name = BYTES(data, (size_t)(end - data));
	file = BYTES(end + 1, size - name.len - 1);
	walk = knownhosts_walk(file);
	while (knownhosts_next(&walk, &h)) {
		fuzz_require(h.line > line, "lines go up");
		line = h.line;
		check_entry(&h, file, name);
	}
	return 0;
}
