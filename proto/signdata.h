/*
 * What a sign request is about: the bytes to be signed, recognised.
 */
#ifndef SIGNET_SIGNDATA_H
#define SIGNET_SIGNDATA_H

#include "proto/reader.h"

enum sign_kind {
	SIGN_UNKNOWN,
	SIGN_LOGIN,  /* RFC 4252, section 7, or publickey-hostbound-v00@openssh.com */
	SIGN_SSHSIG, /* OpenSSH's PROTOCOL.sshsig: ssh-keygen -Y, git commits */
};

/* A login; all members are views. */
struct sign_login {
	struct bytes session; /* session identifier */
	struct bytes user;
	struct bytes service; /* "ssh-connection" as a rule */
	struct bytes method;
	struct bytes algorithm;
	struct bytes key;
	struct bytes host_key; /* empty where the method does not name it */
};

struct sign_sshsig {
	struct bytes name_space;
	struct bytes hash; /* "sha256" or "sha512" */
};

struct sign_data {
	enum sign_kind kind;
	union {
		struct sign_login login;
		struct sign_sshsig sshsig;
	};
};

/*
 * Recognise data.  Whatever is not wholly of one kind, to its last byte, is
 * SIGN_UNKNOWN; names are as the client wrote them: escape before showing.
 */
void sign_data_read(struct bytes data, struct sign_data *out);

#endif
