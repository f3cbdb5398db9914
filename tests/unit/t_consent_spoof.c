/* Words that were made to deceive, in each place of a question that somebody else has a say in. */
#include "tests/support/base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consent_text.h"
#include "agent/devicetext.h"
#include "proto/base/text.h"

/* What each tries is in its words, or said behind it. */
static const char *const tricks[] = {
    "x\n\nAsked by init (1).",
    "x\r\nforwarded: no",
    "x\x1b[2J\x1b[1;1HAllow? yes",
    "x\x9b"
    "31m\x7f\x08\x08\x08",
    "x\xe2\x80\xae"
    "txet desrever",
    "x\xe2\x81\xa7y\xe2\x81\xa9\xd8\x9c",
    "ro\xe2\x80\x8bot\xe2\x80\x8c\xe2\x80\x8d\xef\xbb\xbf",
    "x\xe2\x80\xa8 a line\xe2\x80\xa9 a paragraph\xc2\x85",
    "x\". Allow use of key \"mine",
    "x\xe2\x80\x9d? Key fingerprint SHA256:mine.",
    "x\xef\xbc\x82 (host key SHA256:mine)",
    "x                                                   forwarded: no",
    "x\xe3\x80\x80\xe3\x80\x80\xc2\xa0\xc2\xa0\xe2\x80\x83\xe2\x80\x83 forwarded: no",
    "<b>x</b><br>forwarded: no<!--",
    "&lt;x&gt;&#10;forwarded: no",
    "x\xcc\xb8\xcc\xb8\xcc\xb8\xcc\xb8\xcc\xb8\xcc\xb8\xcc\xb8\xcc\xb8",
    "\xcc\xb8x",
    "x\xf3\xa0\x81\x81\xf3\xa0\x81\x82",
    "x\xe3\x85\xa4\xe2\xa0\x80y",
    "x\xff\xfe\xc0\xaf\xed\xa0\x80",
    "x; person: asked; forwarded: no",
    "x%0A%0AOK",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "x",
};

/* None of these may reach a person from outside, wherever. */
static const char *const never[] = {"\x1b", "\r", "\x7f", "\x08", "\xff", "\xc0", "\xed\xa0", "<",
    "&", "  ", "\xc2\x85", "\xc2\x9b", "\xc2\xa0", "\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d",
    "\xe2\x80\x83", "\xe2\x80\x9d", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xae", "\xe2\x81\xa7",
    "\xe2\x81\xa9", "\xe3\x80\x80", "\xe3\x85\xa4", "\xe2\xa0\x80", "\xef\xbb\xbf", "\xef\xbc\x82",
    "\xd8\x9c", "\xf3\xa0\x81", "\xcc\xb8\xcc\xb8\xcc\xb8", "\"\xcc\xb8"};

enum place { COMMENT, USER, NAMESPACE, PROCESS, PROGRAM, PLACES };

static struct builder words;

/* The question with this text in that place; the other words are ours. */
static char *question(enum place place, const char *text)
{
	struct lineage who = {
	    .count = 1, .process[0] = {.pid = 30, .name = "ssh", .exe = "/usr/bin/ssh"}};
	struct host_text hosts[1] = {{.names = "hop.example.org", .forwarding = true}};
	struct builder data = {0};
	struct question q = {.comment = bytes_str(place == COMMENT ? text : "laptop"),
	    .print = "SHA256:abc",
	    .lineage = &who,
	    .hosts = hosts,
	    .host_count = 1};

	/* As what comes from /proc is written down before anybody else has it (agent/lineage.c). */
	if (place == PROCESS)
		text_escape(bytes_str(text), who.process[0].name, sizeof(who.process[0].name));
	if (place == PROGRAM)
		text_escape(bytes_str(text), who.process[0].exe, sizeof(who.process[0].exe));
	if (place == NAMESPACE) {
		builder_put(&data, bytes_str("SSHSIG"));
		builder_cstring(&data, text);
		builder_cstring(&data, "");
		builder_cstring(&data, "sha512");
		builder_cstring(&data, "a digest of some bytes");
	} else {
		builder_cstring(&data, "0123456789abcdef");
		builder_u8(&data, 50);
		builder_cstring(&data, place == USER ? text : "deploy");
		builder_cstring(&data, "ssh-connection");
		builder_cstring(&data, "publickey");
		builder_u8(&data, 1);
		builder_cstring(&data, "ssh-ed25519");
		builder_cstring(&data, "a key blob");
	}
	q.data = builder_view(&data);
	builder_clear(&words);
	question_build(&words, &q);
	builder_u8(&words, 0);
	assert_int_equal(builder_error(&words), ERR_OK);
	builder_clear(&data);
	return strdup((const char *)words.data);
}

/* How each line of it begins, and how many marks there are. */
static void shape(const char *text, char out[static 512])
{
	unsigned marks = 0;
	size_t n = 0;

	for (size_t i = 0; text[i] != '\0'; i++)
		marks += text[i] == '"';
	while (*text != '\0') {
		n += (size_t)snprintf(out + n, 512 - n, "%.6s|", text);
		text += strcspn(text, "\n");
		text += strspn(text, "\n");
	}
	(void)snprintf(out + n, 512 - n, "%u", marks);
}

static void no_trick_gets_through(void **state)
{
	(void)state;
	for (int place = 0; place < PLACES; place++) {
		char wanted[512], got[512];
		/* A text that is quoted, as all tricks are. */
		char *honest = question((enum place)place, "an honest text");

		shape(honest, wanted);
		free(honest);
		for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
			char *text = question((enum place)place, tricks[i]);

			for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++) {
				if (strstr(text, never[k]) != NULL)
					fail_msg(
					    "place %d: %zu in trick %zu: %s", place, k, i, text);
			}
			shape(text, got);
			/* One long word of plain letters needs no marks, and is cut. */
			if (i + 1 != sizeof(tricks) / sizeof(tricks[0]) && strcmp(wanted, got) != 0)
				fail_msg(
				    "place %d, trick %zu: %s\n%s\n%s", place, i, text, wanted, got);
			free(text);
		}
	}
	builder_clear(&words);
}

/* What a device, a token or a reader calls itself, in a sentence of ours. */
static char *device_words(const char *name)
{
	builder_clear(&words);
	devicetext_put(&words, "Touch your security key");
	devicetext_name(&words, bytes_str(name));
	devicetext_put(&words, " to use");
	devicetext_key(&words, bytes_str("laptop"), "SHA256:abc", bytes_str("\n\nAsked by ssh."));
	builder_u8(&words, 0);
	assert_int_equal(builder_error(&words), ERR_OK);
	return strdup((const char *)words.data);
}

static void no_device_writes_our_sentence(void **state)
{
	static const char *const sentences[] = {"Key to use key \"mine\"", "A\" to use key \"mine",
	    "K to use key \xe2\x80\x9cmine\xe2\x80\x9d.\nAsked by init", "\xe2\x80\xaeyek",
	    "Key to offer the SSH keys that it keeps. Never asked by Signet"};
	char wanted[512], got[512];
	char *text = device_words("Maker Product");

	(void)state;
	assert_non_null(strstr(text, "security key \"Maker Product\" to use key \"laptop\".\n"));
	shape(text, wanted);
	free(text);
	for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]) + 5; i++) {
		text = device_words(i < 5 ? sentences[i] : tricks[i - 5]);
		for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++) {
			if (strstr(text, never[k]) != NULL)
				fail_msg("%zu in trick %zu: %s", k, i, text);
		}
		shape(text, got);
		if (strcmp(wanted, got) != 0 ||
		    strncmp(text, "Touch your security key \"", 25) != 0)
			fail_msg("trick %zu: %s\n%s\n%s", i, text, wanted, got);
		free(text);
	}
	text = device_words("");
	assert_memory_equal(text, "Touch your security key to use key \"laptop\"", 43);
	free(text);
	builder_clear(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_trick_gets_through),
	    cmocka_unit_test(no_device_writes_our_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
