#include "agent/configured.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/conn.h"
#include "agent/module_name.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/pattern.h"

/* One that is offered, or whose module is being found out. */
struct configured_token {
	struct configured_token *next;
	struct core *core;
	struct blob word; /* as the configuration has it, or the address of cards */
	struct blob id;   /* of its offer; empty: there is none yet */
	struct module_name *naming;
	struct timer again; /* looks for its module once more, */
	uint64_t pause;     /* after so many milliseconds; 0: it need not */
	bool stays;         /* during a reload: it is wanted still */
};

/* Before its module is looked for again, in milliseconds; the pause grows. */
enum { PAUSE_LEAST = 1000, PAUSE_MOST = 60000 };

/* --- settings ------------------------------------------------------------------------------ */

bool core_offers(const struct core *core)
{
	if ((core->settings.set & OPTION_OFFER_KEYS) != 0)
		return core->settings.offer_keys;
	return core->settings.offer_keys || core->start->sockets->activated;
}

void core_settle(struct core *core)
{
	config_options(core->config, core->start->options, &core->settings);
	core->consents.timeout = core->settings.prompt_timeout;
}

/* --- tokens -------------------------------------------------------------------------------- */

static void token_free(struct configured_token *t)
{
	module_name_cancel(t->naming);
	timer_cancel(t->core->loop, &t->again);
	blob_clear(&t->word);
	blob_clear(&t->id);
	mem_free(t);
}

static void tell_failure(const struct configured_token *t, enum err e)
{
	char name[256];

	log_warn("%s, which the configuration names, is not offered: %s",
	    text_escape(blob_view(&t->word), name, sizeof(name)), err_text(e));
}

static enum err keep_offer(struct configured_token *t, struct module *m)
{
	struct core *core = t->core;
	const struct rules rules = {.source = SOURCE_CONTROL_SOCKET};
	struct token_terms terms = {0};
	struct token_given given = {0};
	enum err e;

	e = token_terms_set(&terms, blob_view(&t->id), &rules, BYTES_NONE, false);
	/* The keys', and not that of the offer: it holds whenever a token is plugged in. */
	terms.lifetime = core->options->lifetime;
	if (e == ERR_OK)
		e = offers_keep(&core->offers, m, &terms, &given);
	token_terms_clear(&terms);
	builder_clear(&given.list);
	return e;
}

static void offer(struct configured_token *t, struct bytes path, uint32_t flags)
{
	struct module *m = module_get(t->core->modules, path, flags);
	enum err e = m != NULL ? keep_offer(t, m) : ERR_LIMIT;

	module_unref(m);
	if (e == ERR_OK)
		return;
	tell_failure(t, e);
	blob_clear(&t->id);
}

static bool is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("/._-~", c) != NULL);
}

/* All keys of the module; its path keeps the offers of two modules apart. */
static enum err module_id(struct bytes path, struct blob *out)
{
	struct builder b = {0};
	enum err e;

	builder_put(&b, bytes_str("pkcs11:?module-path="));
	for (size_t i = 0; i < path.len; i++) {
		char coded[4];

		(void)snprintf(
		    coded, sizeof(coded), is_plain(path.data[i]) ? "%c" : "%%%02X", path.data[i]);
		builder_put(&b, bytes_str(coded));
	}
	e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}

static bool is_uri(struct bytes word)
{
	static const char scheme[] = "pkcs11:";

	return word.len >= sizeof(scheme) - 1 &&
	       strncasecmp((const char *)word.data, scheme, sizeof(scheme) - 1) == 0;
}

static void look_for_module(struct configured_token *t);

static void look_again(struct timer *timer)
{
	look_for_module(
	    (struct configured_token *)(void *)((char *)timer -
						offsetof(struct configured_token, again)));
}

/* The helper that looks ended, which says nothing of the module. */
static void look_later(struct configured_token *t)
{
	char name[256];

	if (t->pause == 0)
		log_warn("%s, which the configuration names, is not offered yet: %s; tried again "
			 "from time to time",
		    text_escape(blob_view(&t->word), name, sizeof(name)), err_text(ERR_HELPER));
	t->pause = t->pause == 0 ? PAUSE_LEAST : t->pause * 2;
	if (t->pause > PAUSE_MOST)
		t->pause = PAUSE_MOST;
	t->again.due = look_again;
	if (timer_arm(t->core->loop, &t->again, clock_now() + t->pause) != ERR_OK)
		tell_failure(t, ERR_MEMORY);
}

static void named(void *ctx, enum err result, struct bytes path)
{
	struct configured_token *t = ctx;
	const char *network = t->core->options->network;
	uint32_t flags = 0;
	enum err e = result;

	t->naming = NULL;
	if (e == ERR_HELPER) {
		look_later(t);
		return;
	}
	t->pause = 0;
	blob_clear(&t->id);
	if (e == ERR_OK)
		e = is_uri(blob_view(&t->word)) ? blob_copy(&t->id, blob_view(&t->word))
						: module_id(path, &t->id);
	if (e != ERR_OK) {
		tell_failure(t, e);
		return;
	}
	if (network != NULL && pattern_list_match(path, bytes_str(network)))
		flags = TOKEN_OPEN_NETWORK;
	offer(t, path, flags);
}

static bool is_card(struct bytes word)
{
	static const char scheme[] = "card:";

	return word.len >= sizeof(scheme) - 1 && memcmp(word.data, scheme, sizeof(scheme) - 1) == 0;
}

static void look_for_module(struct configured_token *t)
{
	timer_cancel(t->core->loop, &t->again);
	module_name_cancel(t->naming);
	t->naming = module_name_resolve(
	    &t->core->calls, blob_view(&t->word), t->core->options->providers, named, t);
	if (t->naming == NULL)
		tell_failure(t, ERR_MEMORY);
}

/* Once more for one that is offered already: what was removed by hand comes back. */
static void begin(struct configured_token *t)
{
	if (is_card(blob_view(&t->word))) {
		if (!t->core->start->helper_present[HELPER_CARD])
			tell_failure(t, ERR_HELPER_MISSING);
		else if (blob_copy(&t->id, blob_view(&t->word)) == ERR_OK)
			offer(t, bytes_str(MODULE_CARDS), 0);
		return;
	}
	t->pause = 0;
	look_for_module(t);
}

static void want(struct core *core, struct bytes word)
{
	struct configured_token *t = core->configured.first;

	while (t != NULL && !bytes_equal(blob_view(&t->word), word))
		t = t->next;
	if (t == NULL) {
		t = mem_alloc(sizeof(*t));
		if (t == NULL || blob_copy(&t->word, word) != ERR_OK) {
			log_warn("what the configuration names is not offered: %s",
			    err_text(ERR_MEMORY));
			mem_free(t);
			return;
		}
		t->core = core;
		t->next = core->configured.first;
		core->configured.first = t;
	}
	t->stays = true;
	begin(t);
}

/* As signet-add --card has it, so that it is the same offer. */
static void want_card(struct core *core, const char *serial)
{
	const struct words *slots = &core->config->slots;
	const char *between = "";
	struct builder b = {0};

	builder_put(&b, bytes_str("card:"));
	if (serial != NULL) {
		builder_put(&b, bytes_str("serial="));
		builder_put(&b, bytes_str(serial));
		between = ";";
	}
	for (size_t i = 0; i < slots->n; i++) {
		builder_put(&b, bytes_str(between));
		builder_put(&b, bytes_str("slot="));
		builder_put(&b, bytes_str(slots->list[i]));
		between = ";";
	}
	if (builder_error(&b) == ERR_OK)
		want(core, builder_view(&b));
	builder_clear(&b);
}

static void end_unwanted(struct core *core)
{
	struct configured_token **at = &core->configured.first;

	while (*at != NULL) {
		struct configured_token *t = *at;
		size_t removed = 0;

		if (t->stays) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		if (t->id.len != 0)
			(void)offers_end(&core->offers, blob_view(&t->id), &removed);
		token_free(t);
	}
}

void core_offer_tokens(struct core *core)
{
	const struct config *c = core->config;

	for (struct configured_token *t = core->configured.first; t != NULL; t = t->next)
		t->stays = false;
	for (size_t i = 0; i < c->modules.n; i++)
		want(core, bytes_str(c->modules.list[i]));
	for (size_t i = 0; c->cards && i < c->card_serials.n; i++)
		want_card(core, c->card_serials.list[i]);
	if (c->cards && c->card_serials.n == 0)
		want_card(core, NULL);
	end_unwanted(core);
	residents_offer_again(&core->residents);
}

static void offer_residents(struct core *core)
{
	bool wanted = core->config->resident_keys;

	if (wanted && !core->start->helper_present[HELPER_FIDO])
		log_warn("ResidentKeys, which the configuration wants, has no effect: %s",
		    err_text(ERR_HELPER_MISSING));
	residents_offer(&core->residents, wanted && core->start->helper_present[HELPER_FIDO]);
}

/* --- all of it ----------------------------------------------------------------------------- */

void core_configured(struct core *core)
{
	files_reload(core->files, core->config, core_offers(core));
	session_reload(&core->session);
	offer_residents(core);
	core_offer_tokens(core);
}

void core_reload(struct core *core, int fd)
{
	struct config *old = core->config, *new;
	struct blob packed = {0};
	enum err e = fd >= 0 ? fd_read_file(fd, CONFIG_PACKED_MOST, &packed) : ERR_SURPLUS;

	fd_close(&fd);
	if (e == ERR_OK)
		e = config_unpack(blob_view(&packed), &new);
	blob_clear(&packed);
	if (e != ERR_OK) {
		log_error("the configuration could not be taken over, the old one stays in force: "
			  "%s",
		    err_text(e));
		return;
	}
	core->config = new;
	core->config_refused = 0;
	core_settle(core);
	core_views_changed(core);
	core_configured(core);
	config_free(old);
	log_info("the configuration was read anew");
}
