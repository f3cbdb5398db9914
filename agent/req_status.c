/* CTL_STATUS: what the agent is and how it does, for signet-add --status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/dispatch.h"
#include "keystore/secretmem.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"

enum { TROUBLES_TOLD = 100, PATH_ROOM = 1024, TROUBLE_ROOM = PATH_ROOM + 256 };

static size_t count_encrypted(const struct core *core)
{
	size_t n = 0;

	for (const struct identity *id = store_first(core->store); id != NULL; id = id->next)
		n += key_is_shielded(id->key);
	return n;
}

static size_t count_locked(const struct core *core)
{
	size_t n = 0;

	for (const struct identity *id = store_first(core->store); id != NULL; id = id->next)
		n += key_is_locked(id->key);
	return n;
}

static void put_memory(struct builder *b, const struct core *core)
{
	struct secretmem_stats stats = secretmem_stats();

	ctl_pair_build(b, "secret-memory", secret_mode_name(secretmem_mode()));
	ctl_pair_number(b, "secret-memory-bytes", stats.bytes_held);
	ctl_pair_number(b, "secret-memory-used", stats.bytes_used);
	ctl_pair_number(b, "keys-encrypted-at-rest", count_encrypted(core));
	if (stats.exhausted)
		ctl_pair_build(b, "warning",
		    "the limit on locked memory is reached: further keys rest encrypted between "
		    "uses (raise it with ulimit -l, or LimitMEMLOCK= in the service)");
}

static const char *lock_words(const struct lock *l)
{
	if (l->on)
		return "yes";
	return l->held ? "until the screen is unlocked" : "no";
}

static void put_place(struct builder *b, const struct core_start *start)
{
	ctl_pair_build(b, "socket", start->sockets->agent_path);
	ctl_pair_build(b, "control-socket", start->sockets->control_path);
	for (unsigned i = 0; i < HELPERS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "helper-%s", helper_program(i));
		ctl_pair_build(b, name, start->helper_present[i] ? "present" : "missing");
	}
}

/* Which file it is, and whether it is followed as it is now. */
static void put_config(struct builder *b, const struct core *core)
{
	const char *path = core->config->path;
	uint32_t n = core->config_refused != 0 ? core->config_refused : core->config->mistakes;
	char shown[PATH_ROOM], value[TROUBLE_ROOM], *usual = NULL;
	int len;

	/* There was none before. */
	if (path == NULL && core->config_refused != 0)
		path = usual = config_default_path();
	len = snprintf(value, sizeof(value), "%s",
	    path == NULL ? "none" : text_escape(bytes_str(path), shown, sizeof(shown)));
	free(usual);

	if (core->config->refused)
		(void)snprintf(value + len, sizeof(value) - (size_t)len,
		    " (it has %u mistake%s, and none of it is followed: nothing is offered, and "
		    "each use of every key that is added is confirmed; signet-agent --check-config "
		    "names %s)",
		    n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
	else if (n != 0)
		(void)snprintf(value + len, sizeof(value) - (size_t)len,
		    " (%s %u mistake%s, and %s; signet-agent --check-config names %s)",
		    core->config_refused != 0 ? "read anew it has" : "it has", n, n == 1 ? "" : "s",
		    core->config_refused != 0 ? "what was read before stays in force"
					      : "the lines that are right are followed",
		    n == 1 ? "it" : "them");
	ctl_pair_build(b, "configuration", value);
}

/* Where each lies, and how many keys it shows. */
static void put_views(struct builder *b, const struct core *core)
{
	for (size_t i = 0; i < core->config->view_count; i++) {
		const char *wanted = core->config->views[i].name;
		const struct view *v = core->views;
		char name[LIMIT_VIEW_NAME + 8], value[SOCKET_PATH + 64];
		size_t n;

		while (v != NULL && strcmp(v->name, wanted) != 0)
			v = v->next;
		(void)snprintf(name, sizeof(name), "view-%.*s", (int)LIMIT_VIEW_NAME, wanted);
		n = v == NULL || lock_is_on(&core->lock) ? 0 : view_count(v, core->store);
		if (v == NULL || v->listener.watch.fd < 0)
			(void)snprintf(value, sizeof(value), "not served (the log says why)");
		else
			(void)snprintf(value, sizeof(value), "%s (%zu key%s%s)", v->path, n,
			    n == 1 ? "" : "s",
			    n != 0 || lock_is_on(&core->lock) ? "" : ": no key fits its patterns");
		ctl_pair_build(b, name, value);
	}
}

/* How many are plugged in, what each is, and who waits for one. */
static void put_devices(struct builder *b, const struct devices *ds)
{
	struct device *list[FIDO_PATHS_MOST];
	size_t n = devices_list(ds, list);

	ctl_pair_number(b, "security-keys-plugged-in", n);
	for (size_t i = 0; i < n; i++) {
		struct bytes device = device_name(list[i]);
		char name[48], value[FIDO_NAME_MOST + 32];

		snprintf(name, sizeof(name), "security-key-%zu", i + 1);
		snprintf(value, sizeof(value), "%.*s (%s)", (int)device.len,
		    device.len != 0 ? (const char *)device.data : "",
		    device_transport(list[i]) == FIDO_PCSC ? "PC/SC" : "USB");
		ctl_pair_build(b, name, value);
	}
	if (devices_trouble(ds) != ERR_OK)
		ctl_pair_build(b, "security-keys-not-looked-for", err_text(devices_trouble(ds)));
	ctl_pair_number(b, "security-keys-in-line", devices_pending(ds));
}

/* Keys that are in tokens, and offers of cards. */
static void put_tokens(struct builder *b, const struct core *core)
{
	struct modules_counts n = modules_count(core->modules);

	ctl_pair_number(b, "token-modules", n.modules);
	ctl_pair_number(b, "tokens-present", n.tokens);
	ctl_pair_number(b, "card-offers", core->offers.count);
}

struct troubles {
	struct builder *b;
	unsigned n;
};

static void put_trouble(void *ctx, struct bytes path, enum err why)
{
	struct troubles *t = ctx;
	char name[48], value[TROUBLE_ROOM], shown[PATH_ROOM];

	if (++t->n > TROUBLES_TOLD)
		return;
	snprintf(name, sizeof(name), "file-trouble-%u", t->n);
	snprintf(value, sizeof(value), "%s: %s", text_escape(path, shown, sizeof(shown)),
	    file_trouble_words(why));
	ctl_pair_build(t->b, name, value);
}

/* Keys that files offer, and those that cannot be. */
static void put_files(struct builder *b, const struct files *fs)
{
	struct files_counts n = files_count(fs);
	struct troubles t = {.b = b};

	ctl_pair_number(b, "files-offered", n.offered);
	ctl_pair_number(b, "files-locked", n.locked);
	ctl_pair_number(b, "files-withdrawn", n.withdrawn);
	if (n.withdrawn != 0)
		ctl_pair_build(b, "files-withdrawn-until",
		    "a reload (systemctl --user reload signet-agent, or SIGHUP)");
	ctl_pair_number(b, "files-in-trouble", n.troubles);
	files_each_trouble(fs, put_trouble, &t);
	if (n.why != ERR_OK)
		ctl_pair_build(b, "files-not-looked-at", err_text(n.why));
}

/* What is not answered yet. */
static void put_pending(struct builder *b, const struct core *core)
{
	struct consent_counts n = consent_count(&core->consents);
	struct prompt_counts prompts = prompt_count(&core->prompts);

	ctl_pair_number(b, "prompts-open", prompts.shown);
	ctl_pair_number(b, "prompts-waiting", prompts.waiting);
	ctl_pair_number(b, "notices-open", prompts.notices);
	ctl_pair_number(b, "requests-asking", n.asking);
	ctl_pair_number(b, "requests-behind-another", n.behind);
	ctl_pair_number(b, "requests-looking", n.looking);
	ctl_pair_number(b, "host-name-searches", core->hostnames.open);
	ctl_pair_number(b, "security-keys-awaited", core->touches.pending);
	ctl_pair_number(b, "tokens-awaited", core->tokensigns.pending);
	ctl_pair_number(b, "unlocks-awaited", unlockings_count(&core->unlockings));
	ctl_pair_number(b, "locks-waiting", lock_waiting(&core->lock));
}

enum outcome req_status(struct request *r)
{
	struct builder *b = &r->core->reply;
	const struct core *core = r->core;
	size_t mark = builder_open(b);

	builder_u8(b, CTL_STATUS_ANSWER);
	ctl_pair_build(b, "version", SIGNET_VERSION);
	put_place(b, core->start);
	put_config(b, core);
	put_views(b, core);
	ctl_pair_number(b, "uptime-seconds", (clock_now() - core->started) / 1000);
	ctl_pair_number(b, "keys", store_count(core->store));
	ctl_pair_number(b, "keys-locked", count_locked(core));
	ctl_pair_build(b, "locked", lock_words(&core->lock));
	ctl_pair_build(b, "session", session_words(&core->session));
	ctl_pair_number(b, "connections", core->conn_count);
	put_pending(b, core);
	put_devices(b, core->devices);
	put_tokens(b, core);
	put_files(b, core->files);
	ctl_pair_number(b, "log-followers", core->follower_count);
	ctl_pair_number(b, "decisions", decisions_last(core->decisions));
	ctl_pair_number(b, "control-protocol", CTL_VERSION);
	put_memory(b, core);
	ctl_pair_build(b, "system-call-filter", core->calls_filtered ? "on" : "missing");
	ctl_pair_build(b, "landlock", core->files_denied ? "on" : "missing");
	builder_close(b, mark);
	return ANSWERED;
}
