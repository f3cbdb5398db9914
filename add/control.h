/* The agent's control socket (proto/ctlmsg.h): connecting, asking, and walking records. */
#ifndef SIGNET_ADD_CONTROL_H
#define SIGNET_ADD_CONTROL_H

#include "add/command.h"
#include "proto/ctlmsg.h"

/* Connect to the socket beside SSH_AUTH_SOCK; says on standard error why it cannot. */
bool control_connect(struct client *out);

/* The same without a word. */
enum err control_try(struct client *out);

/* Send a request that is answered CTL_DONE.  ERR_REFUSED: the agent's reason was written to
 * standard error. */
enum err control_call(struct client *c, struct builder *request);

/*
 * Ask for all pages of number after *after, and call one with each record, whose number is then in
 * *after.  ERR_REFUSED: the agent's reason was written to standard error.
 */
enum err control_records(struct client *c, enum ctl_number number, uint64_t *after,
    enum err (*one)(void *ctx, struct reader pairs), void *ctx);

/* Follow: the same for records that come until the agent ends (ERR_CLOSED). */
enum err control_follow(
    struct client *c, uint64_t *after, enum err (*one)(void *ctx, struct reader pairs), void *ctx);

/* One JSON object in a line.  An error is told after what could be printed. */
enum err pairs_print_json(struct reader pairs);

/* text as a JSON string with its quotes, on standard output; what is not UTF-8 becomes U+FFFD. */
void json_string(struct bytes text);

/* Write the reason that CTL_FAILURE gives to standard error; ERR_REFUSED. */
enum err control_refused(struct bytes reason);

#endif
