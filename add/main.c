/* signet-add: puts keys into an SSH agent and looks after them, as OpenSSH's ssh-add does. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "add/ask.h"
#include "add/command.h"
#include "keystore/crypto.h"
#include "proto/base/harden.h"
#include "proto/base/log.h"

static int cmd_help(struct run *r)
{
	(void)r;
	fputs(add_options_help(), stdout);
	return EXIT_DONE;
}

static int cmd_version(struct run *r)
{
	(void)r;
	puts("signet-add " SIGNET_VERSION);
	return EXIT_DONE;
}

static const struct command {
	int (*run)(struct run *r);
	bool wants_agent; /* connect to SSH_AUTH_SOCK first */
} commands[ACTIONS] = {
    [ACTION_ADD] = {cmd_add, true},
    [ACTION_REMOVE] = {cmd_remove, true},
    [ACTION_REMOVE_ALL] = {cmd_remove_all, true},
    [ACTION_LIST] = {cmd_list, true},
    [ACTION_LIST_FULL] = {cmd_list_full, true},
    [ACTION_LOCK] = {cmd_lock, true},
    [ACTION_UNLOCK] = {cmd_unlock, true},
    [ACTION_TEST] = {cmd_test, true},
    [ACTION_QUERY] = {cmd_query, true},
    [ACTION_SCAN] = {cmd_scan, true},
    [ACTION_STATUS] = {cmd_status, false},
    [ACTION_LOG] = {cmd_log, false},
    [ACTION_LIST_VERBOSE] = {cmd_list_verbose, false},
    [ACTION_ENVIRONMENT] = {cmd_environment, false},
    [ACTION_TOKENS] = {cmd_tokens, false},
    [ACTION_RESIDENT] = {cmd_resident, true},
    [ACTION_TOKEN_ADD] = {cmd_token_add, true},
    [ACTION_TOKEN_REMOVE] = {cmd_token_remove, true},
    [ACTION_CERTIFICATE] = {cmd_certificate, false},
    [ACTION_FORGET] = {cmd_forget, false},
    [ACTION_HELP] = {cmd_help, false},
    [ACTION_VERSION] = {cmd_version, false},
};

static int run_command(const struct options *o)
{
	const struct command *command = &commands[o->action];
	struct run r = {.options = o, .agent = CLIENT_NONE, .control = CLIENT_NONE};
	int status = EXIT_NO_AGENT;

	if (!command->wants_agent || client_connect_agent(&r.agent) == ERR_OK)
		status = command->run(&r);
	if (r.unasked)
		ask_explain();
	client_close(&r.agent);
	client_close(&r.control);
	blob_clear(&r.destinations);
	blob_clear(&r.passphrase);
	return status;
}

/* A closed descriptor 0, 1 or 2 would be given to the next file or socket that we open. */
static bool standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd != -1 && close(fd) == 0;
}

/* A list that did not reach its reader is a failure too. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "Could not write the output: %s\n", strerror(errno));
	return status == EXIT_DONE ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	struct options options;
	enum err e;

	harden_process();
	crypto_clean_environment();
	if (!standard_descriptors())
		return EXIT_FAILED;
	log_start("signet-add", LOG_LEVEL_WARN);
	e = add_options_parse(argc, argv, &options);
	if (e != ERR_OK)
		return EXIT_FAILED;
	/* For -l, -v asks for more about the keys. */
	if (options.verbose != 0 && options.action != ACTION_LIST_VERBOSE)
		log_start("signet-add", LOG_LEVEL_DEBUG);
	e = crypto_start();
	if (e != ERR_OK) {
		fprintf(stderr, "signet-add: %s\n", err_text(e));
		return EXIT_FAILED;
	}
	return finish(run_command(&options));
}
