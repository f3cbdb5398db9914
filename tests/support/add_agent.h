/* An agent that says what a test wants, and signet-add run against it. */
#ifndef SIGNET_ADD_AGENT_H
#define SIGNET_ADD_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/bytes.h"

enum { ADD_PATH = 100, ADD_TEXT = 64 * 1024, ADD_REPLIES = 4, ADD_REQUEST = 256 * 1024 };

/*
 * Answers the requests of one connection with the replies in turn, whole frames as given, and
 * closes after the last. Zero-initialise, set the replies, then add_agent_start.
 */
struct add_agent {
	struct bytes replies[ADD_REPLIES];
	size_t nreplies;
	bool hang; /* after the last reply: wait for the client to go instead of closing */
	/* what came */
	uint8_t request[ADD_REQUEST]; /* the last request without its length field */
	size_t request_len;
	int heard; /* a pipe that gets a byte for each request: its reading end */
	/* its own */
	char path[ADD_PATH];
	int listener, heard_write;
	pthread_t thread;
};

/* Listen at folder/name and answer on a thread of its own. */
void add_agent_start(struct add_agent *a, const char *folder, const char *name);

/* Wait for its end, which comes with the client's. */
void add_agent_stop(struct add_agent *a);

/* A run of signet-add. */
struct add_run {
	pid_t pid;
	int out, err;
	char out_text[ADD_TEXT], err_text[ADD_TEXT];
	int status; /* as waitpid gives it */
};

/* Start $BUILD/bin/signet-add in folder with SSH_AUTH_SOCK=sock; args: its arguments, NULL at the
 * end. */
void add_run_start(
    struct add_run *run, const char *folder, const char *sock, const char *const *args);

/* Wait for its end and read what it wrote. */
void add_run_finish(struct add_run *run);

#endif
