#include "agent/files.h"

#include <stdlib.h>

struct files {
	struct store *store;
};

struct files *files_new(struct loop *l, struct calls *cs, struct store *s)
{
	struct files *fs = calloc(1, sizeof(*fs));

	(void)l;
	(void)cs;
	if (fs != NULL)
		fs->store = s;
	return fs;
}

void files_reload(struct files *fs, const struct config *c, bool offer)
{
	(void)fs;
	(void)c;
	(void)offer;
}

bool files_wait(struct files *fs, struct files_waiter *w)
{
	(void)fs;
	(void)w;
	return true;
}

void files_wait_end(struct files *fs, struct files_waiter *w)
{
	(void)fs;
	(void)w;
}

void files_withdraw(struct files *fs, const struct identity *id)
{
	(void)fs;
	(void)id;
}

void files_withdraw_all(struct files *fs)
{
	(void)fs;
}

void files_review(struct files *fs)
{
	(void)fs;
}

void files_added(struct files *fs, struct bytes comment, struct bytes blob)
{
	(void)fs;
	(void)comment;
	(void)blob;
}

void files_doubt(struct files *fs, struct bytes path)
{
	(void)fs;
	(void)path;
}

struct files_counts files_count(const struct files *fs)
{
	(void)fs;
	return (struct files_counts){0};
}

void files_each_trouble(
    const struct files *fs, void (*one)(void *ctx, struct bytes path, enum err why), void *ctx)
{
	(void)fs;
	(void)one;
	(void)ctx;
}
