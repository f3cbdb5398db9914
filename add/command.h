/* What signet-add can do, a function each; every one returns the exit status. */
#ifndef SIGNET_ADD_COMMAND_H
#define SIGNET_ADD_COMMAND_H

#include "add/client.h"
#include "add/options.h"

/* Exit statuses, as ssh-add has them. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_NO_AGENT = 2 };

/* One run of the program. */
struct run {
	const struct options *options;
	struct client agent; /* connected, for the actions that want an agent */
	struct client
	    control; /* connected, where keys are added with rules beyond the protocol's */
	struct blob destinations; /* -h, looked up: what every key is sent with; empty for none */
	struct blob passphrase;   /* opened the last file that wanted one; empty for none */
	bool unasked;             /* a passphrase was wanted and there was nobody to ask */
};

int cmd_add(struct run *r);
int cmd_remove(struct run *r);
int cmd_remove_all(struct run *r);
int cmd_list(struct run *r);
int cmd_list_full(struct run *r);
int cmd_lock(struct run *r);
int cmd_unlock(struct run *r);
int cmd_test(struct run *r);
int cmd_query(struct run *r);
int cmd_scan(struct run *r);
int cmd_status(struct run *r);
int cmd_log(struct run *r);
int cmd_list_verbose(struct run *r);
int cmd_environment(struct run *r);
int cmd_tokens(struct run *r);
int cmd_resident(struct run *r);
int cmd_token_add(struct run *r);
int cmd_token_remove(struct run *r);
int cmd_certificate(struct run *r);
int cmd_forget(struct run *r);

/*
 * Fill in r->destinations, and connect r->control where rules have to go that way; before the first
 * key is added.  False: said why not.
 */
bool prepare_additions(struct run *r);

/* The folder ~/.ssh of the user who runs us, by the password file as OpenSSH takes it; false: said
 * why not. */
bool home_folder(char *path, size_t room);

/*
 * Call one with each of the default files that is there.  False when there was none.
 * (ssh-add(1), DESCRIPTION; id_mldsa44_ed25519 since OpenSSH 10.5.)
 */
bool default_files(struct run *r, bool (*one)(struct run *r, const char *path), bool *all_well);

/* Sends a message and wants SUCCESS. */
enum err simple_call(struct run *r, struct builder *request);

#endif
