/* The PIN of a security key whose resident keys are to be offered. */
#include "agent/devicetext.h"
#include "agent/options.h"
#include "agent/residents_impl.h"
#include "proto/base/log.h"
#include "proto/base/text.h"
#include "proto/limits.h"

enum {
	CHANCES = 2,
	PATH_SHOWN = 512,
	PIN_LEAST = 4, /* characters, hence bytes too (CTAP 2.1, section 6.5.1) */
};

static const char title[] = "Signet: PIN of a security key";

static void put_config(struct builder *b, const struct config *c)
{
	char path[PATH_SHOWN];
	bool named = c != NULL && c->path != NULL;

	devicetext_put(
	    b, named ? text_escape(bytes_str(c->path), path, sizeof(path)) : "the configuration");
}

static void put_text(struct builder *b, const struct sighting *s)
{
	static const char *const remarks[] = {
	    [SIGHT_FIRST] = "",
	    [SIGHT_WRONG] = "That PIN was wrong. ",
	    [SIGHT_KEPT_WRONG] = "The PIN that was remembered is wrong. ",
	    [SIGHT_LENGTH] = "A PIN has 4 to 63 characters: that was none, and no try is spent. ",
	    [SIGHT_UNTRIED] = "That PIN was not tried, since only one try is left by now. ",
	};

	devicetext_put(b, remarks[s->remark]);
	devicetext_put(b, "Enter the PIN of your security key");
	devicetext_name(b, device_name(s->device));
	devicetext_put(b,
	    " to offer the SSH keys that it keeps.\n\n"
	    "Signet itself asks, and no other program, since its configuration says ResidentKeys "
	    "yes; once for this security key. Cancel to leave its keys out until it is plugged in "
	    "again. ResidentKeys no in ");
	put_config(b, *s->all->config);
	devicetext_put(b, " ends these questions.");
	devicetext_key_tries(b, s->info.pin_tries);
}

static void answered(void *ctx, enum err result, struct bytes answer);

/* Nobody holds the device meanwhile. */
static void ask(struct sighting *s)
{
	const struct residents *rs = s->all;
	uint32_t timeout = rs->options->prompt_timeout;
	struct builder text = {0};
	struct helper_ask question = {
	    .kind = ASKPASS_SECRET,
	    .title = bytes_str(title),
	    .timeout = timeout < LIMIT_PROMPT_SECONDS ? timeout : LIMIT_PROMPT_SECONDS,
	    .environment = rs->environment != NULL ? blob_view(rs->environment) : BYTES_NONE,
	};

	blob_clear(&s->pin);
	turn_leave(&s->turn);
	if (s->spent == CHANCES) {
		sight_give_up(s, ERR_PIN);
		return;
	}
	s->stage = SIGHT_ASKING;
	s->told_last = s->info.pin_tries == 1;
	put_text(&text, s);
	question.text = builder_view(&text);
	if (builder_error(&text) == ERR_OK)
		s->prompt = prompt_ask(rs->prompts, &question, answered, s);
	builder_clear(&text);
	if (s->prompt == NULL)
		answered(s, ERR_MEMORY, BYTES_NONE);
}

static void take(struct sighting *s, struct bytes typed)
{
	if (typed.len < PIN_LEAST || typed.len > FIDO_PIN_MOST) {
		s->remark = SIGHT_LENGTH;
		s->spent++;
		ask(s);
	} else if (blob_copy(&s->pin, typed) == ERR_OK) {
		sight_begin(s);
	} else {
		sight_give_up(s, ERR_MEMORY);
	}
}

static void answered(void *ctx, enum err result, struct bytes answer)
{
	struct sighting *s = ctx;

	s->prompt = NULL;
	if (result == ERR_OK && answer.len == 0)
		result = ERR_DENIED;
	if (result == ERR_OK) {
		take(s, answer);
	} else if (result == ERR_DENIED) {
		log_info("a security key's resident keys are left out until it is plugged in "
			 "again: %s",
		    err_text(result));
		sight_done(s);
	} else {
		log_debug("the PIN of a security key is not asked for now: %s", err_text(result));
		sight_postpone(s, result == ERR_TIMEOUT ? AWAY_SILENT : AWAY_UNSEEN);
	}
}

void sight_choose_pin(struct sighting *s)
{
	const struct blob *kept = device_pin(s->device);
	bool last = s->info.pin_tries == 1;

	s->kept = false;
	if (s->pin.len != 0 && (!last || s->told_last)) {
		sight_read(s, blob_view(&s->pin));
		return;
	}
	if (s->pin.len == 0 && kept != NULL && !last) {
		s->kept = true;
		sight_read(s, blob_view(kept));
		return;
	}
	if (s->pin.len != 0)
		s->remark = SIGHT_UNTRIED;
	ask(s);
}

void sight_pin_wrong(struct sighting *s)
{
	s->remark = s->kept ? SIGHT_KEPT_WRONG : SIGHT_WRONG;
	s->spent += !s->kept;
	ask(s);
}
