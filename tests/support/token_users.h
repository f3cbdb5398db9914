/* Those who use tokens: what they are told is noted. */
#ifndef TESTS_TOKEN_USERS_H
#define TESTS_TOKEN_USERS_H

#include "tests/support/modules_scene.h"

struct user {
	struct token_use use;
	struct modules_scene *scene;
	char name;
	bool ends;         /* as soon as it is granted or answered */
	struct user *cuts; /* whom it takes out of the line when it is called */
	bool again;        /* asks once more when it is answered */
	bool frees;        /* all modules, when it is answered */
};

/* What was told, in order: a letter for each grant; for each answer a letter and what it was. */
static char told[128];
static size_t told_count;

static inline void note(const char *text)
{
	size_t n = strlen(text);

	assert_true(told_count + n < sizeof(told));
	memcpy(told + told_count, text, n + 1);
	told_count += n;
}

static inline void expect_told(struct modules_scene *s, const char *expected)
{
	settle(&s->h);
	assert_string_equal(told, expected);
	told_count = 0;
	told[0] = '\0';
}

static inline struct user *user_of(struct token_use *u)
{
	return (struct user *)(void *)((char *)u - offsetof(struct user, use));
}

static inline enum err ask(struct user *u, const char *pin)
{
	struct token_sign m = {.key = bytes_str("key"),
	    .algorithm = bytes_str("ssh-ed25519"),
	    .data = bytes_str("data"),
	    .pin = bytes_str(pin)};

	return token_use_sign(&u->use, &m, false);
}

static inline void granted(struct token_use *use)
{
	struct user *u = user_of(use);

	assert_true(use->has);
	note((char[]){u->name, '\0'});
	if (u->cuts != NULL)
		token_use_end(&u->cuts->use);
	if (u->ends)
		token_use_end(use);
}

static inline void answered(
    struct token_use *use, const struct token_signed *s, const struct token_failure *f)
{
	struct user *u = user_of(use);

	assert_true((s == NULL) != (f == NULL));
	assert_null(use->request);
	assert_int_equal(
	    use->token == NULL, f != NULL && f->why == ERR_TOKEN_GONE && f->number == 0);
	assert_true(use->token == NULL || use->has);
	note((char[]){u->name, ':', '\0'});
	if (s != NULL)
		note(bytes_is(s->r, "r") ? "signed" : "?");
	else
		note(f->why == ERR_HELPER          ? "helper"
		     : f->why == ERR_TOKEN_TIMEOUT ? "timeout"
		     : f->why == ERR_TOKEN_GONE    ? "gone"
		     : f->why == ERR_PIN           ? "pin"
						   : "?");
	note(" ");
	if (u->cuts != NULL)
		token_use_end(&u->cuts->use);
	if (u->again) {
		u->again = false;
		assert_int_equal(ask(u, ""), ERR_OK);
	}
	if (u->frees) {
		modules_unlisten(u->scene->ms, &u->scene->listener);
		modules_free(u->scene->ms);
		u->scene->ms = NULL;
	}
	if (u->ends)
		token_use_end(use);
}

static inline void begin(struct modules_scene *s, struct token *t, struct user *u, char name)
{
	u->scene = s;
	u->name = name;
	u->use.granted = granted;
	u->use.answered = answered;
	token_use_begin(t, &u->use);
	assert_false(u->use.has);
}

/* One module that is held by nobody but its keys, with one token of so many ways. */
static inline struct token *plug(struct modules_scene *s, uint8_t parallel)
{
	struct bytes key = place_at(s, ONE, "token", "key");
	struct token *t;

	told_count = 0;
	told[0] = '\0';
	assert_int_equal(modules_key_added(s->ms, key), ERR_OK);
	hear_openings(s);
	TELL(s, ONE, {FAKE("token", "key"), .parallel = parallel});
	t = modules_token(s->ms, key);
	assert_non_null(t);
	return t;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, modules_setup, modules_teardown)

#endif
