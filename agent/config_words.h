/* Between the parts of the configuration's parser: its syntax (config_parse.c), the table of
 * keywords (config_words.c) and blocks (config_block.c). */
#ifndef SIGNET_CONFIG_WORDS_H
#define SIGNET_CONFIG_WORDS_H

#include "agent/config.h"

enum config_section {
	SECTION_GLOBAL = 1u << 0,
	SECTION_KEY = 1u << 1,
	SECTION_VIEW = 1u << 2,
	SECTION_ANY = (1u << 3) - 1,
};

struct config_parse {
	struct config *c;
	const char *home;
	const struct config_teller *to;
	unsigned line;         /* being read; */
	unsigned keyword_line; /* where the keyword at hand stands */
	bool good;
	enum config_section section;
	/* Of the block at hand: in c, or one of the two that are thrown away. */
	struct config_key *key, lost_key;
	struct config_view *view, lost_view;
	bool unsure;                  /* a line in it may have meant anything; */
	bool keys_lost;               /* or its Keys may have left out more */
	bool confirm_all;             /* a mistake may have been to restrict every key */
	uint64_t seen, seen_in_block; /* by the keyword's place in the table */
	bool has_directories;         /* the default gave way */
};

struct config_keyword {
	const char *name;
	unsigned sections;
	/*
	 * Take the values (at least one; only one unless many).  NULL: there was a mistake, which
	 * was told; what the keyword was to restrict is restricted as much as it could have been.
	 */
	void (*take)(
	    struct config_parse *p, const struct config_keyword *k, const struct words *values);
	const char *wants;  /* follows "write" */
	size_t offset;      /* of the value in struct config, config_key or config_view */
	uint32_t bit;       /* enum option_bit or config_key_set; 0: none */
	const void *detail; /* what else take wants to know */
	uint32_t most;      /* of a time: seconds; of a list: values; 0: the most there can be */
	bool many, list;    /* several values in a line; in several lines */
	bool starts;        /* a block */
	uint8_t strict;     /* what a mistake makes of it: its number and one; 0: nothing, so that
			       a later line may say it */
};

/* Ends with a row without a name. */
extern const struct config_keyword config_keywords[];

/* A mistake in this line. */
void config_wrong(struct config_parse *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The usual ones: this is no value of the keyword; there is no memory; the list is full (false). */
void config_no_value(struct config_parse *p, const struct config_keyword *k, const char *value);
void config_no_memory(struct config_parse *p);
bool config_has_room(struct config_parse *p, const struct config_keyword *k, const struct words *w);

/* before and the path, whose "~" is the home where it stands alone or before "/"; for free.  NULL:
 * no memory. */
char *config_expand(const struct config_parse *p, const char *before, const char *path);

/* As config_keyword.take. */
void config_start_key(
    struct config_parse *p, const struct config_keyword *k, const struct words *values);
void config_start_view(
    struct config_parse *p, const struct config_keyword *k, const struct words *values);
void config_view_keys(
    struct config_parse *p, const struct config_keyword *k, const struct words *values);

/* The block at hand is over, and looked at as a whole. */
void config_end_block(struct config_parse *p);

#endif
