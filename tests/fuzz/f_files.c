/*
 * signet-files' request loop (keystore/files/serve.c) and a hostile agent, over a key directory
 * whose files come, change and go meanwhile.  What it remembers (learnt.c) it keeps in memory here:
 * the state directory is none.  So is inotify: the kernel takes its time for it; what it would say
 * is written into pipes.
 */
#include "tests/fuzz/hostile_agent.h"

/* After it: this one wants no wait of its own. */
#include "keystore/crypto.h"
#include "keystore/files/serve.h"
#include "proto/filesmsg.h"
#include "tests/fuzz/key_folder.h"

#include <sys/inotify.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Of each name, what was told last. */
enum told { TOLD_NOTHING, TOLD_KEY, TOLD_TROUBLE, TOLD_GONE };

static enum told told[FOLDER_NAMES];
static unsigned gone[FOLDER_NAMES];
static bool ended; /* by FILES_DONE */

/* An Ed25519 key, as far as a public half tells. */
static struct bytes public_half(unsigned n)
{
	static uint8_t room[51] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";

	memset(room + 19, (int)n, 32);
	return n == 0 ? BYTES_NONE : BYTES(room, sizeof(room));
}

static void agent_says(struct builder *b)
{
	static const char *const odd[] = {"/", "/etc/passwd", "/a//b", "/a/../b", "a", ""};
	unsigned what = agent_pick(4), which = agent_pick(FOLDER_NAMES + 6);
	struct bytes path =
	    bytes_str(which < FOLDER_NAMES ? folder_path(which) : odd[which - FOLDER_NAMES]);

	if (what == 3)
		files_learn_build(b, path, public_half(agent_pick(3)));
	else
		files_watch_build(b);
}

/* --- instead of the kernel's ------------------------------------------------------------------ */

enum { SHELF_ITSELF, SHELF_ABOVE, SHELF_WATCHES }; /* in the order in which it opens them */
enum { FOLDER_NAME = 32 };

static int events[SHELF_WATCHES][2];
static unsigned watches;

int inotify_init1(int flags)
{
	int *pair = events[watches % SHELF_WATCHES];

	(void)flags;
	fuzz_require(watches++ < SHELF_WATCHES && pipe2(pair, O_NONBLOCK | O_CLOEXEC) == 0,
	    "two watches, and descriptors");
	return pair[0];
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	struct stat st;

	(void)fd, (void)mask;
	return stat(path, &st) == 0 ? 1 : -1;
}

int inotify_rm_watch(int fd, int watch)
{
	(void)fd, (void)watch;
	return 0;
}

/* name: NULL, of the directory itself. */
static void happens(unsigned where, uint32_t mask, const char *name)
{
	const struct inotify_event event = {
	    .wd = 1, .mask = mask, .len = name != NULL ? FOLDER_NAME : 0};
	uint8_t all[sizeof(event) + FOLDER_NAME] = {0};

	memcpy(all, &event, sizeof(event));
	if (name != NULL)
		(void)snprintf((char *)all + sizeof(event), FOLDER_NAME, "%s", name);
	(void)!write(events[where][1], all, sizeof(event) + event.len);
}

/* --- what happens ------------------------------------------------------------------------------
 */

static void agent_does(void)
{
	unsigned what = agent_pick(9), name = agent_pick(FOLDER_NAMES);
	unsigned with = agent_pick(0);
	const struct blob *content = &folder.content[with % FOLDER_CONTENTS];
	char to[FOLDER_PATH];

	switch (what) {
	default:
		folder_write(name, blob_view(content));
		break;
	case 3:
		folder_write(name, BYTES(content->data, content->len * agent_pick(0) / 256));
		break;
	case 4:
		(void)unlink(folder_path(name));
		break;
	case 5:
		(void)snprintf(to, sizeof(to), "%s", folder_path(with % FOLDER_NAMES));
		(void)rename(folder_path(name), to);
		break;
	case 6:
		(void)chmod(folder_path(name), with & 0777);
		break;
	case 7:
		(void)unlink(folder_path(name));
		(void)!symlink(with % 2 == 0 ? folder.other : folder_names[with % FOLDER_NAMES],
		    folder_path(name));
		break;
	case 8:
		for (unsigned i = 0; i < FOLDER_NAMES; i++)
			(void)unlink(folder_path(i));
		(void)rmdir(folder.keys);
		if (with % 2 == 0)
			folder_begin();
		happens(SHELF_ABOVE, IN_DELETE | IN_ISDIR, strrchr(folder.keys, '/') + 1);
		happens(SHELF_ITSELF, IN_DELETE_SELF, NULL);
	}
	happens(SHELF_ITSELF, IN_CLOSE_WRITE, folder_names[name]);
	if (what == 5)
		happens(SHELF_ITSELF, IN_MOVED_TO, folder_names[with % FOLDER_NAMES]);
}

/* Its number; FOLDER_NAMES: the folder. */
static unsigned number_of(struct bytes path)
{
	unsigned i = 0;

	while (i < FOLDER_NAMES && !bytes_is(path, folder_path(i)))
		i++;
	fuzz_require(i < FOLDER_NAMES || bytes_is(path, folder.keys), "nothing outside is told of");
	return i;
}

static void check_key(const struct files_key *m)
{
	unsigned i = number_of(m->path);
	struct reader certs = m->certs;
	struct bytes cert;

	fuzz_require(i < FOLDER_NAMES, "a directory is no key");
	while (files_cert_next(&certs, &cert) == ERR_OK)
		fuzz_touch(cert);
	told[i] = TOLD_KEY;
}

static void agent_says_again(void)
{
}

static void agent_hears(struct bytes message)
{
	struct files_key key;
	struct bytes path;
	enum err why;

	fuzz_require(agent.sent != 0, "who was not asked tells nothing");
	ended = false;
	if (message.len == 2 && message.data[1] == HELPER_ALIEN) {
		ended = true;
		return;
	}
	if (files_key_parse(message, &key) == ERR_OK) {
		check_key(&key);
	} else if (files_trouble_parse(message, &path, &why) == ERR_OK) {
		if (number_of(path) < FOLDER_NAMES)
			told[number_of(path)] = TOLD_TROUBLE;
	} else if (files_gone_parse(message, &path) == ERR_OK) {
		unsigned i = number_of(path);

		fuzz_require(i == FOLDER_NAMES || told[i] == TOLD_KEY || told[i] == TOLD_TROUBLE,
		    "what is gone was there");
		if (i == FOLDER_NAMES)
			return;
		told[i] = TOLD_GONE;
		/* It was there again. */
		fuzz_plant(++gone[i] == 2);
	} else {
		fuzz_require(files_done_parse(message) == ERR_OK, "the core understands it");
		ended = true;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	(void)unsetenv("HOME");
	(void)unsetenv("XDG_STATE_HOME");
	fuzz_require(crypto_start() == ERR_OK, "libcrypto starts");
	agent_start(LIMIT_FILES_MESSAGE);
	folder_start();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *paths[] = {folder.keys};
	struct learnt *learnt = learnt_open();
	struct shelf shelf;
	enum err e;

	memset(told, 0, sizeof(told));
	memset(gone, 0, sizeof(gone));
	watches = 0;
	ended = true;
	(void)agent_begin(data, size);
	folder_begin();
	fuzz_require(learnt != NULL && shelf_open(&shelf, paths, 1, learnt) == ERR_OK,
	    "there are files and memory");
	e = files_serve(&shelf, agent.sock[0]);
	fuzz_require(e != ERR_OK, "there is a reason for the end");
	agent_end();
	/* What was told belongs together; nobody heard the rest. */
	fuzz_require(ended, "what is told comes to its end");
	shelf_close(&shelf);
	for (unsigned i = 0; i < SHELF_WATCHES; i++)
		close(events[i][1]);
	learnt_close(learnt);
	return 0;
}
