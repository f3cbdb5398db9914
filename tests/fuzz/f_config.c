/* Configurations: text for the parser, or, behind a first byte of 0, what the core unpacks. */
#include <string.h>

#include "agent/config.h"
#include "tests/fuzz/fuzz.h"

static void hear(void *ctx, const struct config_mistake *m)
{
	unsigned *count = ctx;

	(*count)++;
	fuzz_touch(bytes_str(m->what));
}

/* What can be said of any of them. */
static void use(const struct config *c)
{
	static const struct key_facts facts = {.print = "SHA256:abc"};
	const struct options line = {.set = 0};
	struct config_policy policy;
	struct options o;

	config_policy(c, &facts, &policy);
	config_options(c, &line, &o);
	fuzz_require(c->keyring != KEYRING_RULE_UNSET, "there is a rule for the keyring");
	for (size_t i = 0; i < c->view_count; i++)
		fuzz_require(c->views[i].name != NULL, "a view has a name");
	fuzz_plant(c->view_count == 1 && c->views[0].read_only && c->key_count == 1);
}

/* Packed, unpacked and packed it is the same. */
static void there_and_back(const struct config *c)
{
	struct blob packed = {0}, again = {0};
	struct config *other = NULL;

	fuzz_require(config_pack(c, &packed) == ERR_OK, "it can be packed");
	fuzz_require(config_unpack(blob_view(&packed), &other) == ERR_OK, "and unpacked");
	fuzz_require(config_pack(other, &again) == ERR_OK, "and packed");
	fuzz_require(bytes_equal(blob_view(&packed), blob_view(&again)), "to the same");
	use(other);
	config_free(other);
	blob_clear(&packed);
	blob_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = NULL;
	unsigned count = 0;
	struct config_teller to = {hear, &count};

	if (size != 0 && data[0] == 0) {
		if (config_unpack(BYTES(data + 1, size - 1), &c) != ERR_OK)
			return 0;
	} else {
		c = config_new("/home/me");
		if (c == NULL)
			return 0;
		fuzz_require(config_parse(c, BYTES(data, size), "/home/me", &to) == (count == 0),
		    "a mistake is told");
	}
	use(c);
	there_and_back(c);
	config_free(c);
	return 0;
}
