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

/* False where this ssh-keygen makes no such keys (DSA, from OpenSSH 10.0 on); says so. */
bool keys_can_generate(const struct keys_dir *dir, const char *options);

/* The same as keys_generate for a file that is there. */
void keys_load_file(const struct keys_dir *dir, const char *name, struct builder *wire);

/* The blob in DIR/NAME (a .pub file). */
void keys_load_public(const struct keys_dir *dir, const char *name, struct builder *blob);

/* Read wire, which must be whole. */
void keys_parse(const struct builder *wire, struct privkey *pk);

/* The key's numbers, read and imported; fails the test when that fails. */
struct key *keys_import(const struct builder *wire);

/* What "ssh-keygen -Y sign" would sign for the text "hello" (PROTOCOL.sshsig). */
void keys_sshsig_message(struct builder *out);

/* Does "ssh-keygen -Y verify" take signature (a signature blob) of that message by the key in blob?
 */
bool keys_sshsig_accepted(const struct keys_dir *dir, struct bytes blob, struct bytes signature);

/* Sign the message and ask so; flags are of the sign request. */
bool keys_ssh_keygen_accepts(const struct keys_dir *dir, struct key *key, uint32_t flags);

/*
 * The device's part, played by a software key (Ed25519 or P-256): the signature of an assertion
 * (OpenSSH's PROTOCOL.u2f), 64 bytes or "mpint r, mpint s"; and its public blob as one of a
 * security key of this type, whose application is "ssh:".
 */
void keys_sk_sign(struct key *software, const char *application, struct bytes data, uint8_t flags,
    uint32_t counter, struct builder *out);
void keys_sk_blob(struct key *software, const char *type, struct builder *out);

#endif
