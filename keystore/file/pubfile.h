/*
 * Public key files ("type base64 comment", RFC 4716 and PuTTY's are not read here) and
 * -cert.pub files.
 */
#ifndef SIGNET_PUBFILE_H
#define SIGNET_PUBFILE_H

#include "proto/base/bytes.h"

struct pubfile {
	struct blob blob; /* key or certificate blob; its type equals the line's first word */
	struct blob comment;
};

void pubfile_clear(struct pubfile *p);

/* The first key line of a file (blank lines and # lines are passed over). */
enum err pubfile_parse(struct bytes file, struct pubfile *out);

#endif
