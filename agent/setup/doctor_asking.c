/* What is needed to ask a person, and the programs and services around the agent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/setup/doctor_impl.h"
#include "agent/setup/files.h"
#include "agent/setup/run.h"
#include "proto/base/askpass.h"

enum { BUS_MS = 5000 };

/* --- prompts ----------------------------------------------------------------- */

static bool check_askpass(struct doctor *d)
{
	char *path = NULL;
	enum err e = askpass_find(&path);
	const char *named = getenv("SSH_ASKPASS");
	bool there = e == ERR_OK && path_executable(path);

	if (there)
		say_ok("prompts", "%s asks in a window", path);
	else if (named != NULL && named[0] != '\0')
		say_wrong(d, "prompts",
		    "SSH_ASKPASS names %s, which cannot be executed: install it, or unset "
		    "SSH_ASKPASS",
		    named);
	free(path);
	return there;
}

static bool check_pinentry(struct doctor *d)
{
	const char *named = getenv("SIGNET_PINENTRY");
	struct path path;

	if (named != NULL && named[0] != '\0') {
		if (named[0] == '/' && path_executable(named)) {
			say_ok("prompts", "%s asks in a window or at a terminal", named);
			return true;
		}
		say_wrong(d, "prompts",
		    "SIGNET_PINENTRY names %s, which is no absolute path of a program: correct it, "
		    "or unset it",
		    named);
		return false;
	}
	if (!path_find_program("pinentry", &path))
		return false;
	say_ok("prompts", "%s asks in a window or at a terminal", path.text);
	return true;
}

void check_prompts(struct doctor *d)
{
	unsigned before = d->wrong;
	bool askpass = check_askpass(d);
	bool pinentry = check_pinentry(d);

	if (!askpass && !pinentry && d->wrong == before)
		say_wrong(d, "prompts",
		    "no program can ask in a window, so questions come to terminals only: install "
		    "pinentry-gnome3, pinentry-qt or ssh-askpass");
}

static bool display_answers(const char *wayland, const char *x)
{
	const char *runtime = place_variable("XDG_RUNTIME_DIR");
	struct path path;

	if (wayland[0] == '/')
		return socket_answers(wayland);
	if (wayland[0] != '\0')
		return runtime != NULL && path_set(&path, "%s/%s", runtime, wayland) &&
		       socket_answers(path.text);
	/* One on another machine, or forwarded, is not tried. */
	if (x[0] != ':')
		return true;
	return path_set(&path, "/tmp/.X11-unix/X%.*s", (int)strcspn(x + 1, "."), x + 1) &&
	       socket_answers(path.text);
}

void check_display(struct doctor *d)
{
	struct path wayland, x;
	bool has_wayland = variable_find("WAYLAND_DISPLAY", &wayland);
	bool has_x = variable_find("DISPLAY", &x);
	const char *name = has_wayland ? wayland.text : x.text;

	if (!has_wayland && !has_x)
		say_note("display", "no display is known here: questions come to the terminal that "
				    "a program was started in");
	else if (display_answers(wayland.text, x.text) ||
		 (has_wayland && has_x && display_answers("", x.text)))
		say_ok("display", "%s can be reached", name);
	else
		say_wrong(d, "display",
		    "%s cannot be reached: log in again, or take the variable out with systemctl "
		    "--user unset-environment %s",
		    name, has_wayland ? "WAYLAND_DISPLAY" : "DISPLAY");
}

/* --- helpers ----------------------------------------------------------------- */

static const struct helper {
	const char *program;
	bool matters;
	const char *lost;
} helpers[] = {
    {"signet-prompt", true, "nobody can be asked anything"},
    {"signet-files", true, "key files are not offered"},
    {"signet-unlock", true, "offered keys cannot be unlocked"},
    {"signet-keyring", false, "passphrases are not remembered in the keyring (libsecret)"},
    {"signet-session", false, "keys are not locked with the screen or before sleep (libsystemd)"},
    {"signet-fido", false, "security keys do not work (libfido2)"},
    {"signet-card", false, "PIV and OpenPGP cards do not work (pcsc-lite)"},
    {"signet-pkcs11", false, "PKCS#11 tokens do not work (p11-kit)"},
};

void check_helpers(struct doctor *d)
{
	const char *folder = d->place->helpers.text;
	unsigned missing = 0;

	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		const struct helper *h = &helpers[i];
		struct path path;

		if (path_set(&path, "%s/%s", folder, h->program) && path_executable(path.text))
			continue;
		missing++;
		if (h->matters)
			say_wrong(d, "helpers", "%s/%s is missing, so %s: install Signet again",
			    folder, h->program, h->lost);
		else
			say_note("helpers", "%s is not installed, so %s", h->program, h->lost);
	}
	if (missing == 0)
		say_ok("helpers", "all are in %s", folder);
}

/* --- services on a bus --------------------------------------------------------- */

/* Is a name on the bus, or would it be started?  -1: the bus cannot be asked. */
static int bus_has(bool session, const char *name)
{
	struct path busctl, send;
	struct blob out = {0};
	bool has;
	int status = -1;

	if (path_find_program("busctl", &busctl)) {
		const char *argv[] = {busctl.text, session ? "--user" : "--system", "list",
		    "--no-legend", "--no-pager", NULL};

		status = run_program(argv, BUS_MS, &out);
	} else if (path_find_program("dbus-send", &send)) {
		const char *argv[] = {send.text, session ? "--session" : "--system",
		    "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
		    "org.freedesktop.DBus.ListActivatableNames", NULL};

		status = run_program(argv, BUS_MS, &out);
	}
	has = status == 0 && bytes_hold(blob_view(&out), name);
	blob_clear(&out);
	return status == 0 ? has : -1;
}

void check_keyring(struct doctor *d)
{
	(void)d;
	switch (bus_has(true, "org.freedesktop.secrets")) {
	case 1:
		say_ok("keyring", "org.freedesktop.secrets is on the session's bus");
		break;
	case 0:
		say_note("keyring",
		    "no keyring is on the session's bus, so passphrases are asked "
		    "for at each login: install gnome-keyring, KWallet or KeePassXC "
		    "if they shall be remembered");
		break;
	default:
		say_note("keyring", "the session's bus cannot be asked, so passphrases are asked "
				    "for: is DBUS_SESSION_BUS_ADDRESS set?");
	}
}

void check_session(struct doctor *d)
{
	(void)d;
	if (bus_has(false, "org.freedesktop.login1") == 1)
		say_ok("session", "logind tells when the screen locks and the machine sleeps");
	else if (bus_has(true, "org.freedesktop.ScreenSaver") == 1)
		say_ok("session", "the screen saver tells when the screen locks; of sleep nothing "
				  "is known without logind");
	else
		say_note("session",
		    "neither logind nor a screen saver can be asked, so the screen's "
		    "lock does not lock keys: signet-add -x does");
}
