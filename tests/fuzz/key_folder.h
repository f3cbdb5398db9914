/*
 * A key directory for fuzzers of the helpers that read them: files of other fuzzers' corpora, in a
 * temporary folder that is made once and put in order before each input.
 */
#ifndef SIGNET_FUZZ_KEY_FOLDER_H
#define SIGNET_FUZZ_KEY_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "tests/fuzz/fuzz.h"

enum { FOLDER_CONTENTS = 8, FOLDER_NAMES = 10, FOLDER_PATH = 128 };

/* The corpus's passphrase for those that are encrypted. */
#define FOLDER_PASSPHRASE "pw"

static const struct {
	const char *source; /* below tests/fuzz/corpus */
	size_t skip;        /* a choice of that fuzzer's */
} folder_sources[FOLDER_CONTENTS] = {
    {"keyfile/openssh-ed", 1},
    {"keyfile/PEM-p256", 1},
    {"keyfile/PEM-aes128", 1},
    {"keyfile/openssh-aes256-ctr", 1},
    {"pubfile/ed", 0},
    {"pubfile/ed-cert", 0},
    {"keyfile/ppk3-ed", 1},
    {"keyfile/mail", 1},
};

/* The first so many are there at the beginning, each with the content of its number. */
static const char *const folder_names[FOLDER_NAMES] = {"id_ed25519", "pem", "locked", "id_rsa",
    "id_ed25519.pub", "id_ed25519-cert.pub", "key.ppk", "note", "locked.pub", "id_ecdsa"};

static struct {
	char top[64], keys[FOLDER_PATH], other[FOLDER_PATH];
	struct blob content[FOLDER_CONTENTS];
} folder;

static const char *folder_path(unsigned name)
{
	static char path[FOLDER_PATH];

	(void)snprintf(path, sizeof(path), "%.80s/%s", folder.keys, folder_names[name]);
	return path;
}

static void folder_write(unsigned name, struct bytes content)
{
	int fd = open(folder_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return; /* a link that leads nowhere, or the folder is gone */
	(void)fchmod(fd, 0600);
	fuzz_require(write(fd, content.data, content.len) == (ssize_t)content.len, "a disk");
	close(fd);
}

static void folder_begin(void)
{
	(void)mkdir(folder.keys, 0700);
	for (unsigned i = 0; i < FOLDER_NAMES; i++) {
		(void)unlink(folder_path(i));
		if (i < FOLDER_CONTENTS)
			folder_write(i, blob_view(&folder.content[i]));
	}
}

static void folder_remove(void)
{
	for (unsigned i = 0; i < FOLDER_NAMES; i++)
		(void)unlink(folder_path(i));
	(void)rmdir(folder.keys);
	(void)unlink(folder.other);
	(void)rmdir(folder.top);
}

/* For LLVMFuzzerInitialize, which runs where the tree is. */
static void folder_start(void)
{
	const char *temporary = getenv("TMPDIR");
	int fd;

	(void)snprintf(folder.top, sizeof(folder.top), "%.32s/fuzz-keys-XXXXXX",
	    temporary != NULL ? temporary : "/tmp");
	fuzz_require(mkdtemp(folder.top) != NULL, "a temporary folder");
	(void)snprintf(folder.keys, sizeof(folder.keys), "%.64s/keys", folder.top);
	(void)snprintf(folder.other, sizeof(folder.other), "%.64s/outside", folder.top);
	for (unsigned i = 0; i < FOLDER_CONTENTS; i++) {
		char path[FOLDER_PATH];
		size_t skip = folder_sources[i].skip;
		struct blob whole = {0};

		(void)snprintf(
		    path, sizeof(path), "tests/fuzz/corpus/%s", folder_sources[i].source);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		fuzz_require(
		    fd >= 0 && fd_read_file(fd, 65536, &whole) == ERR_OK && whole.len >= skip &&
			blob_copy(&folder.content[i], BYTES(whole.data + skip, whole.len - skip)) ==
			    ERR_OK,
		    "the other fuzzers' seeds are there");
		blob_clear(&whole);
		close(fd);
	}
	fd = open(folder.other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	fuzz_require(fd >= 0, "a file outside");
	(void)!write(fd, folder.content[0].data, folder.content[0].len);
	close(fd);
	(void)atexit(folder_remove);
}

#endif
