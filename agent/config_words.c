/* The configuration's keywords. */
#include "agent/config_words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/unixsocket.h"
#include "proto/base/duration.h"
#include "proto/base/text.h"
#include "proto/limits.h"
#include "proto/tokenmsg.h"

enum { SHOWN = 256 };

static void *place(const struct config_parse *p, const struct config_keyword *k)
{
	uint8_t *base = (uint8_t *)p->c;

	if (p->section == SECTION_KEY)
		base = (uint8_t *)p->key;
	else if (p->section == SECTION_VIEW)
		base = (uint8_t *)p->view;
	return base + k->offset;
}

/* It was said. */
static void set_bit(struct config_parse *p, const struct config_keyword *k)
{
	if (p->section == SECTION_GLOBAL)
		p->c->options.set |= k->bit;
	else if (p->section == SECTION_KEY)
		p->key->policy.set |= k->bit;
}

void config_no_value(struct config_parse *p, const struct config_keyword *k, const char *value)
{
	char shown[SHOWN];

	config_wrong(p, "%s is no value of %s; write %s",
	    text_quote(bytes_str(value), shown, sizeof(shown)), k->name, k->wants);
}

void config_no_memory(struct config_parse *p)
{
	config_wrong(p, "%s", err_text(ERR_MEMORY));
}

/* --- values of one word -------------------------------------------------------------------- */

struct choice {
	const char *word;
	int value;
};

static const struct choice yes_no[] = {{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {NULL, 0}};
static const struct choice no_yes[] = {{"yes", 0}, {"no", 1}, {"true", 0}, {"false", 1}, {NULL, 0}};
static const struct choice events[] = {{"nothing", EVENT_NOTHING}, {"relock", EVENT_RELOCK},
    {"lock", EVENT_LOCK}, {"drop", EVENT_DROP}, {NULL, 0}};
static const struct choice keyrings[] = {
    {"no", KEYRING_RULE_NO}, {"ask", KEYRING_RULE_ASK}, {"yes", KEYRING_RULE_YES}, {NULL, 0}};
static const struct choice memories[] = {
    {"auto", SECRET_AUTO}, {"memfd", SECRET_MEMFD}, {"locked", SECRET_LOCKED}, {NULL, 0}};

/* The value of the one word, or what a mistake makes of it; false: neither. */
static bool choose(
    struct config_parse *p, const struct config_keyword *k, const struct words *values, int *out)
{
	const struct choice *c = k->detail;

	if (values != NULL) {
		for (; c->word != NULL; c++) {
			if (strcasecmp(c->word, values->list[0]) == 0) {
				*out = c->value;
				return true;
			}
		}
		config_no_value(p, k, values->list[0]);
	}
	*out = k->strict - 1;
	return k->strict != 0;
}

static void take_flag(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	int value;

	if (!choose(p, k, values, &value))
		return;
	*(bool *)place(p, k) = value != 0;
	set_bit(p, k);
}

/* Of an enumeration, which is an unsigned number as wide as an int. */
static void take_choice(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	int value;

	if (!choose(p, k, values, &value))
		return;
	memcpy(place(p, k), &value, sizeof(value));
	set_bit(p, k);
}

static void take_offer_keys(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	int value;

	if (!choose(p, k, values, &value))
		return;
	p->c->has_offer_keys = true;
	p->c->offer_keys = value != 0;
}

static void take_time(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	uint32_t seconds, most = k->most != 0 ? k->most : DURATION_MOST;

	if (values != NULL && k->detail != NULL && strcasecmp(values->list[0], k->detail) == 0) {
		seconds = UINT32_MAX;
	} else if (values == NULL || duration_parse(values->list[0], &seconds) != ERR_OK ||
		   seconds > most) {
		if (values != NULL)
			config_no_value(p, k, values->list[0]);
		if (k->strict == 0)
			return;
		seconds = k->strict - 1;
	}
	memcpy(place(p, k), &seconds, sizeof(seconds));
	set_bit(p, k);
}

static void take_prompt_timeout(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	uint32_t seconds;

	if (values == NULL)
		return;
	if (duration_parse(values->list[0], &seconds) == ERR_OK && seconds == 0)
		config_no_value(p, k, values->list[0]);
	else
		take_time(p, k, values);
}

static void take_hash(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	if (values == NULL)
		return;
	if (fingerprint_hash_find(values->list[0], &p->c->options.fingerprints))
		set_bit(p, k);
	else
		config_no_value(p, k, values->list[0]);
}

static void put_text(struct config_parse *p, const struct config_keyword *k, const char *text)
{
	char **at = place(p, k), *copy = strdup(text);

	if (copy == NULL) {
		config_no_memory(p);
		return;
	}
	free(*at);
	*at = copy;
	set_bit(p, k);
}

static void take_text(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	if (values == NULL)
		return;
	if (values->list[0][0] == '\0')
		config_no_value(p, k, "");
	else
		put_text(p, k, values->list[0]);
}

static void take_confirm(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	bool view = p->section == SECTION_VIEW;
	struct key_rules *at = view ? &p->view->confirm : &p->key->policy.rules;
	struct key_rules rules = {.confirm = CONFIRM_ALWAYS};

	if (values != NULL && confirm_rule_parse(values->list[0], &rules) != ERR_OK) {
		config_no_value(p, k, values->list[0]);
		rules = (struct key_rules){.confirm = CONFIRM_ALWAYS};
	}
	at->confirm = rules.confirm;
	at->confirm_seconds = rules.confirm_seconds;
	if (view)
		p->view->has_confirm = true;
	set_bit(p, k);
}

/* --- paths --------------------------------------------------------------------------------- */

char *config_expand(const struct config_parse *p, const char *before, const char *path)
{
	bool home = path[0] == '~' && (path[1] == '/' || path[1] == '\0');
	size_t n = home ? strlen(p->home) : 0, room;
	char *out;

	while (n != 0 && p->home[n - 1] == '/')
		n--;
	room = strlen(before) + n + strlen(path) + 2;
	out = malloc(room);
	if (out == NULL)
		return NULL;
	(void)snprintf(out, room, "%s%.*s%s", before, (int)n, p->home, home ? path + 1 : path);
	return out;
}

static bool is_path(const char *text)
{
	return text[0] == '/' || (text[0] == '~' && (text[1] == '/' || text[1] == '\0'));
}

static void take_path(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	char *path;

	if (values == NULL)
		return;
	if (!is_path(values->list[0])) {
		config_no_value(p, k, values->list[0]);
		return;
	}
	path = config_expand(p, "", values->list[0]);
	if (path == NULL) {
		config_no_memory(p);
		return;
	}
	put_text(p, k, path);
	free(path);
	if (k->detail != NULL)
		*(unsigned *)(void *)((uint8_t *)p->c + *(const size_t *)k->detail) = p->line;
}

/* Without slashes at its end and doubled ones, as signet-files wants it. */
static void tidy(char *path)
{
	char *to = path;

	for (const char *from = path; *from != '\0'; from++) {
		if (*from != '/' || to == path || to[-1] != '/')
			*to++ = *from;
	}
	if (to - path > 1 && to[-1] == '/')
		to--;
	*to = '\0';
}

/* "." and ".." lead elsewhere when a link lies before them. */
static bool has_dots(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/.")) != NULL; at += 2) {
		const char *end = at + 2 + (at[2] == '.');

		if (*end == '/' || *end == '\0')
			return true;
	}
	return false;
}

static void add_directory(struct config_parse *p, const struct config_keyword *k, const char *word)
{
	struct words *w = &p->c->key_directories;
	char *path;

	if (!is_path(word) || has_dots(word)) {
		config_no_value(p, k, word);
		return;
	}
	if (w->n == CONFIG_DIRECTORIES_MOST) {
		config_wrong(p, "there are more than %u key directories; take some away",
		    CONFIG_DIRECTORIES_MOST);
		return;
	}
	path = config_expand(p, "", word);
	if (path != NULL)
		tidy(path);
	p->c->directory_lines[w->n] = p->line;
	if (path == NULL || words_add(w, bytes_str(path)) != ERR_OK)
		config_no_memory(p);
	free(path);
}

static void take_directories(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	if (!p->has_directories && values != NULL)
		words_clear(&p->c->key_directories);
	p->has_directories = p->has_directories || values != NULL;
	for (size_t i = 0; values != NULL && i < values->n; i++) {
		if (strcasecmp(values->list[i], "none") != 0)
			add_directory(p, k, values->list[i]);
		else if (values->n > 1 || p->c->key_directories.n != 0)
			config_wrong(p, "KeyDirectory has none beside others; write either");
	}
}

/* --- lists --------------------------------------------------------------------------------- */

bool config_has_room(struct config_parse *p, const struct config_keyword *k, const struct words *w)
{
	if (w->n < (k->most != 0 ? k->most : CONFIG_WORDS_MOST))
		return true;
	config_wrong(p, "%s has more than %u values; take some away", k->name,
	    k->most != 0 ? k->most : CONFIG_WORDS_MOST);
	return false;
}

static void take_modules(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	struct words *w = &p->c->modules;

	for (size_t i = 0; values != NULL && i < values->n && config_has_room(p, k, w); i++) {
		const char *word = values->list[i];
		char *name;

		if (word[0] == '\0' ||
		    (word[0] != '/' && !is_path(word) && strchr(word, '/') != NULL &&
			strncasecmp(word, "pkcs11:", strlen("pkcs11:")) != 0)) {
			config_no_value(p, k, word);
			continue;
		}
		name = config_expand(p, "", word);
		p->c->module_lines[w->n] = p->line;
		if (name == NULL || words_add(w, bytes_str(name)) != ERR_OK)
			config_no_memory(p);
		free(name);
	}
}

/* A part of a card's address, in which ";" and "=" mean something. */
static void take_serials(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	struct words *w = &p->c->card_serials;

	for (size_t i = 0; values != NULL && i < values->n && config_has_room(p, k, w); i++) {
		const char *word = values->list[i];

		if (word[0] == '\0' || word[strspn(word, allowed)] != '\0' || strlen(word) > 64)
			config_no_value(p, k, word);
		else if (words_add(w, bytes_str(word)) != ERR_OK)
			config_no_memory(p);
	}
}

static void take_slots(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	struct words *w = &p->c->slots;

	for (size_t i = 0; values != NULL && i < values->n && config_has_room(p, k, w); i++) {
		const char *slot = token_slot_find(values->list[i]);

		if (slot == NULL)
			config_no_value(p, k, values->list[i]);
		else if (words_add(w, bytes_str(slot)) != ERR_OK)
			config_no_memory(p);
	}
}

/* Ways to ask, in one word as SIGNET_PROMPT has them. */
static void take_order(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	static const char *const ways[] = {"askpass", "notify", "pinentry", "terminal"};
	struct builder b = {0};
	bool good = values != NULL;

	for (size_t i = 0; good && i < values->n; i++) {
		size_t at = 0;

		while (at < sizeof(ways) / sizeof(ways[0]) &&
		       strcasecmp(ways[at], values->list[i]) != 0)
			at++;
		good = at < sizeof(ways) / sizeof(ways[0]);
		if (!good)
			config_no_value(p, k, values->list[i]);
		else
			builder_put(&b, bytes_str(ways[at]));
		builder_put(&b, bytes_str(i + 1 < values->n ? " " : ""));
	}
	builder_u8(&b, '\0');
	if (good && builder_error(&b) == ERR_OK)
		put_text(p, k, (const char *)b.data);
	else if (good)
		config_no_memory(p);
	builder_clear(&b);
}

static void add_destination(struct config_parse *p, struct config_key *key, const char *word)
{
	size_t n = key->destination_words.n;
	unsigned *lines = realloc(key->destination_lines, (n + 1) * sizeof(*lines));

	if (lines != NULL) {
		key->destination_lines = lines;
		lines[n] = p->line;
	}
	if (lines == NULL || words_add(&key->destination_words, bytes_str(word)) != ERR_OK)
		config_no_memory(p);
}

static void take_destinations(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	const struct words *w = &p->key->destination_words;

	set_bit(p, k); /* also by a mistake: it was to be limited */
	for (size_t i = 0; values != NULL && i < values->n && config_has_room(p, k, w); i++)
		add_destination(p, p->key, values->list[i]);
}

static void take_socket(
    struct config_parse *p, const struct config_keyword *k, const struct words *values)
{
	take_path(p, k, values);
	if (p->view->socket != NULL && strlen(p->view->socket) >= SOCKET_PATH) {
		config_wrong(p, "the socket's path is longer than %d bytes; choose a shorter one",
		    SOCKET_PATH - 1);
		free(p->view->socket);
		p->view->socket = NULL;
	}
}

/* --- the table ----------------------------------------------------------------------------- */

#define IN_CONFIG(m) SECTION_GLOBAL, .offset = offsetof(struct config, m)
#define IN_KEY(m)    SECTION_KEY, .offset = offsetof(struct config_key, m)
#define IN_VIEW(m)   SECTION_VIEW, .offset = offsetof(struct config_view, m)
#define FLAG         .take = take_flag, .wants = "yes or no", .detail = yes_no
#define STRICT(v)    .strict = (v) + 1
#define A_MINUTE     STRICT(60)

static const char a_time[] = "a time such as 90, 10m, 1h30m or 2d";
static const char patterns[] =
    "patterns for comments and names (work-*), paths (~/.ssh/id_*) or fingerprints (SHA256:...)";
static const char rules[] = "never, always, forwarded, once-per-connection, or a time such as 10m";
static const char event[] = "nothing, relock, lock or drop";
static const char keyring[] = "no, ask or yes";
static const char directory[] = "absolute paths without dots, or ones that begin with ~/, or none";
static const char path[] = "an absolute path, or one that begins with ~/";
static const size_t askpass_line = offsetof(struct config, askpass_line);
static const size_t pinentry_line = offsetof(struct config, pinentry_line);

/* clang-format off */
const struct config_keyword config_keywords[] = {
    {"KeyDirectory", SECTION_GLOBAL, take_directories, directory, .many = true, .list = true},
    {"OfferKeys", SECTION_GLOBAL, take_offer_keys, "yes or no", .detail = yes_no},
    {"UnlockForwarded", IN_CONFIG(unlock_forwarded), FLAG},
    {"OnScreenLock", IN_CONFIG(on_screen_lock), .take = take_choice, .wants = event, .detail = events},
    {"OnSleep", IN_CONFIG(on_sleep), .take = take_choice, .wants = event, .detail = events},
    {"Keyring", IN_CONFIG(keyring), .take = take_choice, .wants = keyring, .detail = keyrings},
    {"KeyringPins", IN_CONFIG(keyring_pins), FLAG},
    {"ResidentKeys", IN_CONFIG(resident_keys), FLAG},
    {"PKCS11Module", SECTION_GLOBAL, take_modules,
	"paths of modules, names that p11-kit knows, or pkcs11: addresses",
	.most = CONFIG_MODULES_MOST, .many = true, .list = true},
    {"Cards", IN_CONFIG(cards), FLAG},
    {"CardSerial", SECTION_GLOBAL, take_serials, "serial numbers, as signet-add --tokens lists them",
	.most = CONFIG_CARDS_MOST, .many = true, .list = true},
    {"CardSlots", SECTION_GLOBAL, take_slots, TOKEN_SLOT_WORDS,
	.most = CONFIG_CARDS_MOST, .many = true, .list = true},
    {"AskPass", IN_CONFIG(askpass), .take = take_path, .wants = path, .detail = &askpass_line},
    {"Pinentry", IN_CONFIG(pinentry), .take = take_path, .wants = path, .detail = &pinentry_line},
    {"PromptOrder", IN_CONFIG(prompt_order), .take = take_order,
	.wants = "one or more of askpass, notify, pinentry and terminal", .many = true},
    {"PromptTimeout", IN_CONFIG(options.prompt_timeout), .take = take_prompt_timeout,
	.wants = "a time from 1 second to 1 hour", .bit = OPTION_PROMPT_TIMEOUT,
	.most = LIMIT_PROMPT_SECONDS},
    {"InsertWait", IN_CONFIG(options.insert_wait), .take = take_time,
	.wants = "a time of 1 hour at most", .bit = OPTION_INSERT_WAIT, .most = LIMIT_PROMPT_SECONDS},
    {"InsertWaitForwarded", IN_CONFIG(options.insert_wait_forwarded), FLAG,
	.bit = OPTION_INSERT_WAIT_FORWARDED},
    {"RememberPin", IN_CONFIG(options.remember_pin), .take = take_time,
	.wants = "a time of 24 hours at most, or plugged", .bit = OPTION_REMEMBER_PIN,
	.detail = "plugged", .most = 24 * 3600},
    {"HideAbsent", IN_CONFIG(options.hide_absent), FLAG, .bit = OPTION_HIDE_ABSENT},
    {"PKCS11Network", IN_CONFIG(network), .take = take_text,
	.wants = "patterns with commas between", .bit = OPTION_NETWORK},
    {"AllowedProviders", IN_CONFIG(providers), .take = take_text,
	.wants = "patterns with commas between", .bit = OPTION_PROVIDERS},
    {"SecretMemory", IN_CONFIG(options.secret_memory), .take = take_choice,
	.wants = "auto, memfd or locked", .bit = OPTION_SECRET_MEMORY, .detail = memories},
    {"Lifetime", IN_CONFIG(options.lifetime), .take = take_time, .wants = a_time,
	.bit = OPTION_LIFETIME, A_MINUTE},
    {"FingerprintHash", SECTION_GLOBAL, take_hash, "sha256, md5, sha1, sha384 or sha512",
	.bit = OPTION_FINGERPRINTS},
    {"AllowDSS", IN_CONFIG(options.allow_dss), FLAG, .bit = OPTION_ALLOW_DSS},
    {"RSASHA1", IN_CONFIG(options.no_rsa_sha1), .take = take_flag, .wants = "yes or no",
	.bit = OPTION_NO_RSA_SHA1, .detail = no_yes},
    {"RestrictWebsafe", IN_CONFIG(options.restrict_websafe), FLAG, .bit = OPTION_RESTRICT_WEBSAFE},
    {"WebsafeAllow", IN_CONFIG(websafe), .take = take_text,
	.wants = "patterns with commas between", .bit = OPTION_WEBSAFE},
    {"AllowRemotePKCS11", IN_CONFIG(options.remote_pkcs11), FLAG, .bit = OPTION_REMOTE_PKCS11},

    {"Key", SECTION_ANY, config_start_key, patterns, .many = true, .starts = true},
    {"Confirm", SECTION_KEY, take_confirm, rules, .bit = KEY_CONFIRM, STRICT(CONFIRM_ALWAYS)},
    {"Lifetime", IN_KEY(policy.lifetime), .take = take_time, .wants = a_time, .bit = KEY_LIFETIME,
	A_MINUTE},
    {"Idle", IN_KEY(policy.rules.idle), .take = take_time, .wants = a_time, .bit = KEY_IDLE, A_MINUTE},
    {"Relock", IN_KEY(policy.relock), .take = take_time, .wants = a_time, .bit = KEY_RELOCK, A_MINUTE},
    {"Destination", SECTION_KEY, take_destinations, "[user@]host or host>[user@]host",
	.bit = KEY_DESTINATION, .most = LIMIT_DESTINATIONS, .many = true, .list = true},
    {"LocalOnly", IN_KEY(policy.rules.local_only), FLAG, .bit = KEY_LOCAL_ONLY, STRICT(1)},
    {"Keyring", IN_KEY(policy.keyring), .take = take_choice, .wants = keyring, .bit = KEY_KEYRING,
	.detail = keyrings, STRICT(KEYRING_RULE_NO)},
    {"Offer", IN_KEY(policy.offer), FLAG, .bit = KEY_OFFER, STRICT(0)},

    {"View", SECTION_ANY, config_start_view,
	"a name of at most 32 letters, digits, - and _, but agent and control, which are taken", .starts = true},
    {"Socket", IN_VIEW(socket), .take = take_socket, .wants = path},
    {"Keys", SECTION_VIEW, config_view_keys, patterns, .many = true, .list = true},
    {"ReadOnly", IN_VIEW(read_only), FLAG, STRICT(1)},
    {"Confirm", SECTION_VIEW, take_confirm, .wants = rules, STRICT(CONFIRM_ALWAYS)},
    {.name = NULL},
};
