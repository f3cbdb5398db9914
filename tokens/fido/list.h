/* What is plugged in. */
#ifndef SIGNET_FIDO_LIST_H
#define SIGNET_FIDO_LIST_H

#include "tokens/fido/op.h"
#include "tokens/base/pcsc.h"

/* A device as it was found, and what tells it from an earlier one at the same path. */
struct found {
	char path[FIDO_PATH_MOST + 1];
	char name[FIDO_NAME_MOST + 1];
	enum fido_transport transport;
	uint64_t stamp;
	uint64_t instance; /* the lister's to give */
	bool undecided;    /* a card in use, which may be none of ours */
};

struct found_list {
	struct found all[FIDO_PATHS_MOST];
	size_t n;
};

/* Add those that libfido2 finds.  ERR_DEVICE when it cannot look; what there is no room for is
 * left. */
enum err list_hid(struct op *op, struct found_list *out);

/* Add a card in a reader. */
void list_card(struct found_list *out, const struct pcsc_reader *r, uint64_t stamp);

/* The answer that tells of them. */
void list_build(struct builder *b, const struct found_list *list);

#endif
