/* Devices, memory, configuration and key files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/setup/doctor_impl.h"
#include "agent/setup/files.h"
#include "agent/setup/run.h"
#include "proto/base/text.h"

enum { CHECK_MS = 10 * 1000, MEMORY_LEAST = 256 * 1024 };

/* --- devices ----------------------------------------------------------------- */

void check_pcscd(struct doctor *d)
{
	const char *path = place_variable("PCSCLITE_CSOCK_NAME");

	(void)d;
	path = path != NULL ? path : "/run/pcscd/pcscd.comm";
	if (socket_answers(path))
		say_ok("cards", "pcscd answers at %s", path);
	else if (errno == EACCES)
		say_note("cards", "pcscd may not be asked by you: an administrator has to allow it "
				  "(polkit: org.debian.pcsc-lite.access_pcsc)");
	else
		say_note("cards", "pcscd does not run, so smartcards do not work; if you have one: "
				  "sudo systemctl enable --now pcscd.socket (package pcscd)");
}

/* Usage page 0xF1D0 in a HID report descriptor (CTAP 2.1, 11.2.8.1). */
static bool is_fido(const char *device)
{
	static const uint8_t page[] = {0x06, 0xd0, 0xf1};
	struct blob content = {0};
	struct path path;
	bool fido;

	/* Files of sysfs have no length, yet are regular. */
	if (!path_set(&path, "/sys/class/hidraw/%s/device/report_descriptor", device) ||
	    !file_read(path.text, &content))
		return false;
	fido = content.len > 0 && memmem(content.data, content.len, page, sizeof(page)) != NULL;
	blob_clear(&content);
	return fido;
}

static bool has_rules(void)
{
	static const char *const places[] = {"/usr/lib/udev/rules.d/60-fido-id.rules",
	    "/lib/udev/rules.d/60-fido-id.rules", "/usr/lib/udev/rules.d/70-u2f.rules",
	    "/lib/udev/rules.d/70-u2f.rules", "/etc/udev/rules.d/70-u2f.rules",
	    "/usr/lib/udev/rules.d/60-libfido2-udev.rules"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (path_there(places[i]))
			return true;
	}
	return false;
}

void check_fido(struct doctor *d)
{
	DIR *list = opendir("/sys/class/hidraw");
	const struct dirent *entry;
	unsigned open = 0, closed = 0;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		struct path path;

		if (entry->d_name[0] == '.' || !is_fido(entry->d_name) ||
		    !path_set(&path, "/dev/%s", entry->d_name))
			continue;
		if (access(path.text, R_OK | W_OK) == 0) {
			open++;
			continue;
		}
		closed++;
		say_wrong(d, "fido",
		    "the security key %s cannot be opened (%s): %s, then pull it out and plug it "
		    "in "
		    "again",
		    path.text, strerror(errno),
		    has_rules() ? "log in at this machine, not from another"
				: "install libfido2's udev rules (package libfido2-1 or libfido2)");
	}
	if (list != NULL)
		closedir(list);
	if (closed != 0)
		return;
	if (open != 0)
		say_ok("fido", "%u security key%s can be opened", open, open == 1 ? "" : "s");
	else if (has_rules())
		say_ok("fido", "no security key is plugged in; udev has rules for them");
	else
		say_note("fido",
		    "udev has no rules for security keys, which you then may not open; if "
		    "you have one: install systemd's udev, or libfido2's rules");
}

/* --- PKCS#11 modules ------------------------------------------------------------ */

struct names {
	char text[1024];
	size_t len;
	unsigned count;
};

static bool is_named(const struct names *n, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = n->text; (p = strstr(p, name)) != NULL; p += len) {
		if ((p == n->text || p[-1] == ' ') && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

static void add_modules(struct names *n, const char *folder)
{
	DIR *list = opendir(folder);
	const struct dirent *entry;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		size_t len = strlen(entry->d_name);
		char shown[128];
		int put;

		if (len <= 7 || strcmp(entry->d_name + len - 7, ".module") != 0)
			continue;
		(void)text_escape(BYTES(entry->d_name, len - 7), shown, sizeof(shown));
		if (is_named(n, shown))
			continue; /* configured again for this person */
		put = snprintf(n->text + n->len, sizeof(n->text) - n->len, "%s%s",
		    n->count == 0 ? "" : ", ", shown);
		if (put < 0 || (size_t)put >= sizeof(n->text) - n->len)
			break;
		n->len += (size_t)put;
		n->count++;
	}
	if (list != NULL)
		closedir(list);
}

void check_modules(struct doctor *d)
{
	struct names n = {.len = 0};
	struct path own;

	if (path_set(&own, "%s/pkcs11/modules", d->place->config.text))
		add_modules(&n, own.text);
	add_modules(&n, "/etc/pkcs11/modules");
	add_modules(&n, "/usr/share/p11-kit/modules");
	if (n.count != 0)
		say_ok("modules", "PKCS#11 modules by name: %s", n.text);
	else
		say_note("modules", "p11-kit knows no PKCS#11 module, so tokens are added by a "
				    "module's path");
}

/* --- memory --------------------------------------------------------------------- */

static bool has_secret_memory(void)
{
#ifdef SYS_memfd_secret
	int fd = (int)syscall(SYS_memfd_secret, 0);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
#else
	return false;
#endif
}

void check_memory(struct doctor *d)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		limit.rlim_cur = 0;
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < MEMORY_LEAST)
		say_wrong(d, "memory",
		    "only %llu KiB may be locked, so keys cannot be kept out of swap: raise "
		    "memlock in /etc/security/limits.conf to 8192",
		    (unsigned long long)limit.rlim_cur / 1024);
	else if (has_secret_memory())
		say_ok("memory", "the kernel has secret memory");
	else
		say_note("memory", "the kernel has no secret memory (memfd_secret), so keys rest "
				   "encrypted in locked memory: boot with secretmem.enable=1");
}

/* --- configuration ---------------------------------------------------------------- */

void check_config(struct doctor *d)
{
	struct path path;
	struct blob out = {0};
	struct bytes rest, line = BYTES_NONE;
	const char *argv[] = {d->place->agent.text, "--check-config", NULL};
	char shown[400];

	if (!path_set(&path, "%s/signet/config", d->place->config.text) || !path_there(path.text)) {
		say_ok("config", "there is none: the defaults hold");
		return;
	}
	if (run_program(argv, CHECK_MS, &out) == 0) {
		say_ok("config", "%s is without mistakes", path.text);
	} else {
		rest = blob_view(&out);
		(void)line_next(&rest, &line);
		say_wrong(d, "config", "%s; all mistakes: signet-agent --check-config",
		    line.len != 0 ? text_escape(line, shown, sizeof(shown))
				  : "the configuration cannot be checked");
	}
	blob_clear(&out);
}

/* --- key files --------------------------------------------------------------------- */

static bool is_private_key(const char *path)
{
	struct blob content = {0};
	bool key = file_read(path, &content) &&
		   (bytes_hold(blob_view(&content), "PRIVATE KEY-----") ||
		       bytes_begin(blob_view(&content), "PuTTY-User-Key-File-"));

	blob_clear(&content);
	return key;
}

static void check_key(struct doctor *d, const char *folder, const char *name, unsigned *keys)
{
	struct shell_path word;
	struct path path;
	struct stat st;

	if (!path_set(&path, "%s/%s", folder, name) || stat(path.text, &st) != 0 ||
	    !S_ISREG(st.st_mode) || !is_private_key(path.text))
		return;
	++*keys;
	if ((st.st_mode & 077) != 0)
		say_wrong(d, "keys",
		    "others may read %s (mode %04o): chmod 600 %s; if they may have, make a new "
		    "key",
		    path.text, (unsigned)st.st_mode & 07777, path_for_shell(path.text, &word));
	else if (st.st_uid != getuid())
		say_wrong(d, "keys", "%s belongs to somebody else: sudo chown \"$USER\" %s",
		    path.text, path_for_shell(path.text, &word));
}

void check_keys(struct doctor *d)
{
	unsigned keys = 0, before = d->wrong;
	struct shell_path word;
	struct path folder;
	struct stat st;
	DIR *list;
	const struct dirent *entry;

	if (!path_set(&folder, "%s/.ssh", d->place->home.text) || stat(folder.text, &st) != 0) {
		say_note("keys", "there is no folder ~/.ssh: ssh-keygen makes it with a first key");
		return;
	}
	if (st.st_uid != getuid())
		say_wrong(d, "keys", "%s belongs to somebody else: sudo chown -R \"$USER\" %s",
		    folder.text, path_for_shell(folder.text, &word));
	else if ((st.st_mode & 022) != 0)
		say_wrong(d, "keys", "others may write in %s (mode %04o): chmod 700 %s",
		    folder.text, (unsigned)st.st_mode & 07777, path_for_shell(folder.text, &word));
	list = opendir(folder.text);
	if (list == NULL) {
		say_wrong(d, "keys", "%s cannot be read (%s): chmod 700 %s", folder.text,
		    strerror(errno), path_for_shell(folder.text, &word));
		return;
	}
	while ((entry = readdir(list)) != NULL)
		check_key(d, folder.text, entry->d_name, &keys);
	closedir(list);
	if (d->wrong == before)
		say_ok("keys", "%u key file%s in %s, readable by you alone", keys,
		    keys == 1 ? "" : "s", folder.text);
}
