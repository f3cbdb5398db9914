/*
 * Tokens that hold keys of their own, and the helpers that reach them (proto/tokenmsg.h): one
 * process for each PKCS#11 module, one for all card readers.
 *
 * A module's helper runs as long as somebody holds the module: an addition under way, a key in the
 * store, an offer of cards.  When it ends unasked it is started again, after a pause that grows;
 * what it was doing fails with ERR_HELPER or ERR_TOKEN_TIMEOUT, and whoever asked may ask again.
 *
 * Nothing here asks a person, and nothing blocks.
 */
#ifndef SIGNET_MODULES_H
#define SIGNET_MODULES_H

#include "agent/devices.h"
#include "agent/helpercall.h"
#include "proto/tokenmsg.h"

struct modules;
struct module; /* counted references */
struct token;  /* there as long as it is plugged in, or somebody holds or waits for it */

/* NULL without memory.  calls must outlive it. */
struct modules *modules_new(struct loop *loop, struct calls *calls);
/*
 * Ends all helpers; uses, selections, listeners and keys are forgotten, nobody is told.  What is
 * still held of modules and tokens may only be given back then.  NULL is allowed.
 */
void modules_free(struct modules *ms);

/*
 * The module with this path (without links, and allowed: the caller's to see to); MODULE_CARDS: all
 * card readers.  A reference for the caller; its helper is started.  NULL without memory, or
 * beyond LIMIT_MODULES.  With the last reference the helper is ended, and its tokens are gone, as
 * soon as control is back with the loop; who waits for a token or has its turn, and a selection,
 * hold its module themselves.
 */
#define MODULE_CARDS "cards"
/* open_flags count for the first who wants it, until it is held no more. */
struct module *module_get(struct modules *ms, struct bytes path, uint32_t open_flags);
struct module *module_ref(struct module *m);
void module_unref(struct module *m); /* NULL is allowed */
/* The one with this path, no reference; NULL: it is not held. */
struct module *module_find(const struct modules *ms, struct bytes path);
struct bytes module_path(const struct module *m);

/* Modules that are held, and tokens that are there (readers without one left out). */
struct modules_counts {
	size_t modules, tokens;
};
struct modules_counts modules_count(const struct modules *ms);

/* Why nothing is seen of its tokens: its helper ended so, could not load the module or told
 * (ERR_NO_READER); until the next inventory.  ERR_OK: none of that, or it is not open yet. */
enum err module_trouble(const struct module *m);

/* --- where a key is ---------------------------------------------------------------- */

/* Views. */
struct place {
	struct bytes module; /* path, or MODULE_CARDS */
	struct bytes token;  /* struct token_info.id */
	struct bytes key;    /* struct token_key.id */
};
void place_build(struct builder *b, const struct place *p);
enum err place_parse(struct bytes bytes, struct place *out);

/*
 * A key in the store is there, or no longer; each holds its module as often as it was added (and
 * has it started without open flags when nobody held it).  Removing one that was not added does
 * nothing.  ERR_FORMAT: no place; ERR_MEMORY, also beyond LIMIT_MODULES.
 */
enum err modules_key_added(struct modules *ms, struct bytes place);
void modules_key_removed(struct modules *ms, struct bytes place);

/*
 * For the order of the list; immediate.  HERE: its token is there and shows it.  UNKNOWN where a
 * PKCS#11 token is there and does not, as it may after a login; while its helper has not told yet,
 * or is gone: but when one that told ends and another starts within moments, what it told holds
 * until the next has told.
 */
enum presence modules_presence(const struct modules *ms, struct bytes place);

/*
 * A request waits for the token.  A helper that keeps ending is started after ever longer pauses;
 * for who waits, and would be asked to plug in what is there, it is after a second.  Nothing
 * happens while one runs.
 */
void modules_hurry(struct modules *ms, struct bytes place);

/* Called whenever presence of any key or the trouble of a module may have changed, on the loop,
 * never from within a call to anything here.  As device_listener. */
struct module_listener {
	struct module_listener *next, *prev;
	void (*changed)(struct module_listener *l);
	bool listens;
};
void modules_listen(struct modules *ms, struct module_listener *l);
void modules_unlisten(struct modules *ms, struct module_listener *l);

/* Somebody waits for the place's token to be plugged in: some modules are then looked at more
 * often.  Holds the module; each call wants its counterpart.  Nothing happens for a module that
 * nobody holds. */
void modules_await(struct modules *ms, struct bytes place);
void modules_await_no_more(struct modules *ms, struct bytes place);

/* --- tokens -------------------------------------------------------------------------- */

/* The token of this place, NULL: it is not there.  A view until control is back with the loop;
 * token_hold keeps it (it may be gone all the same: token_is_gone). */
struct token *modules_token(const struct modules *ms, struct bytes place);
struct token *token_hold(struct token *t);
void token_release(struct token *t); /* NULL is allowed */
bool token_is_gone(const struct token *t);
/* What the last inventory said; the views live until control is back with the loop, as the next may
 * say something else.  The keys cursor is empty. */
const struct token_info *token_about(const struct token *t);
/* The key with this id; ERR_NOT_FOUND.  Views until control is back with the loop. */
enum err token_find_key(const struct token *t, struct bytes id, struct token_key *out);
/* Every token of a module (readers, TOKEN_READER, among them), and every key of a token: NULL and
 * ERR_NOT_FOUND after the last.  Views until control is back with the loop. */
struct token *module_next_token(const struct module *m, struct token *after); /* NULL: the first */
enum err token_nth_key(const struct token *t, size_t n, struct token_key *out);

/* As device_pin and the others (devices.h): wiped when the token goes or is elsewhere, its helper
 * ends, or the agent is locked; not kept for a use that had its turn when it was.  seconds
 * UINT32_MAX: until then. */
const struct blob *token_pin(const struct token *t);
void token_pin_keep(struct token *t, struct bytes pin, uint32_t seconds);
void token_pin_forget(struct token *t);
/* Of all, and the helpers are told TOKEN_LOGOUT; selections that wait for their helper with a PIN
 * fail with ERR_CANCELLED. */
void modules_forget_pins(struct modules *ms);

/* --- selections ----------------------------------------------------------------------- */

struct selection;

/*
 * Which keys does uri mean (struct token_select), with this PIN entered first where it is not
 * empty? done is called exactly once, on the loop, never from within this call, unless cancelled
 * first: ERR_OK and count references, views during the call, whose tokens and keys are all known by
 * then; or why not, which *f says too, with the helper's tries and flags where it was the helper
 * that failed: its failure, that of loading the module, ERR_TOKEN_GONE for one that was pulled out
 * at the end, ERR_HELPER, ERR_HELPER_MISSING, ERR_TOKEN_TIMEOUT, or ERR_TEXT for a NUL in the URI
 * or PIN, which no helper takes.  f is never NULL but with ERR_OK.  A module whose helper pauses
 * before its next start is started at once.  The module is held until done.  NULL without memory.
 */
struct selection *module_select(struct module *m, struct bytes uri, struct bytes pin,
    uint32_t flags,
    void (*done)(void *ctx, enum err result, const struct token_failure *f, uint32_t count,
	struct reader refs),
    void *ctx);
void selection_cancel(struct selection *s); /* NULL is allowed */

/* --- signatures ------------------------------------------------------------------------ */

/*
 * One use of a token: in line behind those that came before, sent to the helper when one of the
 * token's parallel ways is free, and answered.  Embed it, zero-initialised.
 */
struct token_use {
	struct token_use *next, *prev;
	struct token_line *line;       /* NULL: in none */
	struct token *token;           /* held, and its module; NULL: it is in no line */
	struct token_request *request; /* that was not answered yet */
	/*
	 * On the loop, never from within token_use_begin: it is its turn, and the helper is open.
	 * Whoever has the turn keeps it, over several requests and the questions between them,
	 * until token_use_end.
	 */
	void (*granted)(struct token_use *u);
	/*
	 * What the helper answered to token_use_sign: signed (not verified) or failed, the other
	 * one is NULL; views during the call.  f->why is also
	 *   ERR_HELPER, ERR_TOKEN_TIMEOUT
	 *                    the helper ended, or took too long for this one.  The turn is kept.
	 *                    To try again: token_use_end and token_use_begin, since nothing is
	 *                    granted before the helper is open again
	 *   ERR_TOKEN_GONE   from the core, token NULL: the token went, or the helper does not come
	 *                    back, while in line or with the turn, asked or not.  The use is in no
	 *                    line any more; the module is no longer held
	 */
	void (*answered)(
	    struct token_use *u, const struct token_signed *s, const struct token_failure *f);
	bool has;    /* the turn */
	bool sealed; /* it had it when the agent was locked */
};
/* For a token that is gone, ERR_TOKEN_GONE comes.  u must be in no line. */
void token_use_begin(struct token *t, struct token_use *u);
/*
 * Send the request (its number is ours to choose, its token is set too); within LIMIT_TOKEN_MS, or
 * LIMIT_TOUCH_MS where a person is awaited, the helper must answer: else it is ended and started
 * again.  Wants the turn, and one request at a time (else ERR_LIMIT).  While no helper is open the
 * answer is ERR_HELPER, soon.  ERR_MEMORY, ERR_TOO_LONG, ERR_LIMIT, ERR_TEXT (a NUL in the PIN):
 * nothing was sent, the turn is kept.
 */
enum err token_use_sign(struct token_use *u, struct token_sign *request, bool person);
/* Give the turn or the place in line up; allowed when it has none.  An answer that is still to come
 * is thrown away, and the token's way is taken until then. */
void token_use_end(struct token_use *u);
/* How many wait behind those that have a turn. */
size_t token_waiting(const struct token *t);

#endif
