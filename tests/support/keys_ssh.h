/* Keys made by ssh-keygen, and signatures judged by it. */
#ifndef KEYS_SSH_H
#define KEYS_SSH_H

#include "keystore/key.h"

/* A temporary folder, and its removal with the files that these functions put there. */
struct keys_dir {
	char path[64];
};

void keys_dir_make(struct keys_dir *dir);
void keys_dir_remove(struct keys_dir *dir);

/* Run a command line made from format; false unless it exits with 0. */
bool keys_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The content of a file below dir. */
void keys_read_file(const struct keys_dir *dir, const char *name, struct builder *out);

/*
 * "ssh-keygen -q -N '' OPTIONS -f DIR/NAME", then the key as the agent protocol carries
 * it, taken from the file (OpenSSH's PROTOCOL.key).
 */
void keys_generate(
    const struct keys_dir *dir, const char *name, const char *options, struct builder *wire);

/* The same for a file that is there. */
void keys_load_file(const struct keys_dir *dir, const char *name, struct builder *wire);

/* The blob in DIR/NAME (a .pub file). */
void keys_load_public(const struct keys_dir *dir, const char *name, struct builder *blob);

/* Read wire, which must be whole. */
void keys_parse(const struct builder *wire, struct privkey *pk);

/* The key's numbers, read and imported; fails the test when that fails. */
struct key *keys_import(const struct builder *wire);

/*
 * Sign a short text for ssh-keygen -Y (PROTOCOL.sshsig) with the key and ask "ssh-keygen -Y verify"
 * about it; flags are of the sign request.
 */
bool keys_ssh_keygen_accepts(const struct keys_dir *dir, struct key *key, uint32_t flags);

#endif
