#include "agent/hostbook.h"

#include <stdio.h>
#include <string.h>

/* Where it is, or HOSTBOOK_MOST. */
static size_t place_of(const struct hostbook *b, const char *print)
{
	size_t i = 0;

	while (i < HOSTBOOK_MOST && strcmp(b->host[i].print, print) != 0)
		i++;
	return i;
}

void hostbook_note(struct hostbook *b, const char *print, const char *names)
{
	size_t i = place_of(b, print);

	if (print[0] == '\0')
		return;
	if (names[0] == '\0') {
		if (i < HOSTBOOK_MOST)
			b->host[i].print[0] = '\0';
		return;
	}
	if (i == HOSTBOOK_MOST) {
		i = b->next;
		b->next = (b->next + 1) % HOSTBOOK_MOST;
	}
	(void)snprintf(b->host[i].print, sizeof(b->host[i].print), "%s", print);
	(void)snprintf(b->host[i].names, sizeof(b->host[i].names), "%s", names);
}

const char *hostbook_find(const struct hostbook *b, const char *print)
{
	size_t i = b == NULL || print[0] == '\0' ? HOSTBOOK_MOST : place_of(b, print);

	return i < HOSTBOOK_MOST ? b->host[i].names : NULL;
}
