/* What the files of tokenmsg.h share: fields with their limits. */
#ifndef SIGNET_TOKENMSG_IMPL_H
#define SIGNET_TOKENMSG_IMPL_H

#include "proto/tokenmsg.h"

enum err tokenmsg_start(struct bytes message, enum token_message kind, struct reader *out);

enum err tokenmsg_id(struct reader *r, struct bytes *out); /* not empty */
enum err tokenmsg_flags(struct reader *r, uint32_t known, uint32_t *out);

#endif
