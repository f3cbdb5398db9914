/*
 * signet-unlock's request (keystore/unlock/serve.c) and a hostile agent, over a key directory: what
 * it is asked for, by which passphrase, and how the question comes.  One answer at most, and it is
 * done.
 */
#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include "keystore/crypto.h"
#include "keystore/file/keyfile.h"
#include "keystore/unlock/serve.h"
#include "proto/filesmsg.h"
#include "proto/privkey.h"
#include "tests/fuzz/key_folder.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct blob publics[FOLDER_CONTENTS]; /* empty: it hides it, or is no key */
static const char *asked_path;
static const char *written; /* meanwhile; a name */

static void agent_says(struct builder *b)
{
	static const char *const odd[] = {"/", "/etc/passwd", "/a/../b", "id_ed25519", ""};
	static const char *const passphrases[] = {"", FOLDER_PASSPHRASE, AGENT_SECRET};
	unsigned which = agent_pick(FOLDER_NAMES + 6), how = agent_pick(0);
	static char path[FOLDER_PATH];
	struct unlock_open m = {.has_passphrase = how % 4 != 0};

	(void)snprintf(path, sizeof(path), "%s",
	    which < FOLDER_NAMES    ? folder_path(which)
	    : which == FOLDER_NAMES ? folder.other
				    : odd[which - FOLDER_NAMES - 1]);
	m.path = bytes_str(path);
	m.public = blob_view(&publics[how / 4 % FOLDER_CONTENTS]);
	if (m.has_passphrase)
		m.passphrase = bytes_str(passphrases[how % 4 - 1]);
	asked_path = path;
	unlock_open_build(b, &m);
}

/* Of the file that is asked for. */
static void agent_does(void)
{
	unsigned what = agent_pick(3), name = agent_pick(FOLDER_NAMES);
	const struct blob *content = &folder.content[agent_pick(FOLDER_CONTENTS)];

	if (what == 0) {
		folder_write(name, blob_view(content));
		written = folder_names[name];
	} else if (what == 1) {
		(void)chmod(folder_path(name), agent_pick(0) & 0777);
	} else {
		(void)unlink(folder_path(name));
	}
}

static void check_key(struct bytes key)
{
	struct reader r = reader_of(key);
	struct privkey private;

	fuzz_require(
	    privkey_read(&r, &private) == ERR_OK && r.left == 0, "what was unlocked is a key");
	/* Of a file that was put there meanwhile. */
	fuzz_plant(written != NULL && strcmp(strrchr(asked_path, '/') + 1, written) == 0);
}

static void agent_says_again(void)
{
}

static void agent_hears(struct bytes message)
{
	struct bytes key, comment;
	enum err why;

	fuzz_require(agent.answers == 1, "a request has one answer");
	if (message.len == 2 && message.data[1] == HELPER_ALIEN)
		return;
	if (unlock_key_parse(message, &key, &comment) == ERR_OK) {
		check_key(key);
		fuzz_touch(comment);
		return;
	}
	fuzz_require(unlock_other_parse(message, &key) == ERR_OK ||
			 unlock_failed_parse(message, &why) == ERR_OK,
	    "the core understands it");
	fuzz_require(memmem(message.data, message.len, AGENT_SECRET, strlen(AGENT_SECRET)) == NULL,
	    "no passphrase comes back");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_require(crypto_start() == ERR_OK, "libcrypto starts");
	agent_start(LIMIT_FILES_MESSAGE);
	folder_start();
	for (unsigned i = 0; i < FOLDER_CONTENTS; i++) {
		const struct bytes passphrase = bytes_str(FOLDER_PASSPHRASE);
		struct keyfile_key key = {0};

		if (keyfile_decode(blob_view(&folder.content[i]), &passphrase, &key) == ERR_OK)
			fuzz_require(blob_copy(&publics[i], blob_view(&key.public_blob)) == ERR_OK,
			    "there is memory");
		keyfile_key_clear(&key);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *paths[] = {folder.keys};
	enum err e;

	asked_path = "/";
	written = NULL;
	(void)agent_begin(data, size);
	folder_begin();
	e = unlock_serve(agent.sock[0], paths, 1);
	agent_end();
	fuzz_require(e == ERR_OK ? agent.answers == 1 : agent.answers <= (e == ERR_VERSION),
	    "an answer, or a reason for none");
	return 0;
}
