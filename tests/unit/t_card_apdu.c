/* Commands in all their forms, and answers in all their parts. */
#include "tests/support/wire_scene.h"

#include "proto/base/mem.h"

#define TEN   "00010203040506070809"
#define FIFTY TEN TEN TEN TEN TEN
#define PART  FIFTY FIFTY FIFTY FIFTY FIFTY "0001020304" /* 255 bytes */

static uint8_t long_data[600];

static struct apdu command(size_t n, bool answers)
{
	for (size_t i = 0; i < sizeof(long_data); i++)
		long_data[i] = (uint8_t)(i % 255 % 50 % 10);
	return (struct apdu){
	    .ins = 0x87, .p1 = 1, .p2 = 2, .data = BYTES(long_data, n), .answers = answers};
}

static void forms(void **state)
{
	static const struct {
		size_t n;
		bool answers, t0, extended;
		const char *sent[3];
	} table[] = {
	    {0, false, false, false, {"00870102"}},
	    {0, false, true, false, {"0087010200"}},
	    {0, true, false, false, {"0087010200"}},
	    {0, true, true, false, {"0087010200"}},
	    {2, false, false, false, {"00870102020001"}},
	    {2, true, false, false, {"0087010202000100"}},
	    {2, true, true, false, {"00870102020001"}},
	    {2, true, false, true, {"0087010202000100"}},
	    {255, true, false, false, {"00870102ff" PART "00"}},
	    {256, true, false, false, {"10870102ff" PART, "00870102010000"}},
	    {256, true, true, false, {"10870102ff" PART, "008701020100"}},
	    {512, true, false, false, {"10870102ff" PART, "10870102ff" PART, "0087010202000100"}},
	    {256, true, false, true, {"00870102000100" PART "001000"}},
	    {256, false, false, true, {"00870102000100" PART "00"}},
	    {256, true, true, true, {"10870102ff" PART, "008701020100"}},
	};
	static const struct wire_row rows[] = {{"", "9000"}, {NULL, NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct wire_card *card = mem_alloc(sizeof(*card));
		struct wire w = wire_to(card, rows);
		struct apdu a = command(table[i].n, table[i].answers);
		size_t n = 0;

		w.t0 = table[i].t0;
		w.extended = table[i].extended;
		assert_int_equal(apdu_send(&w, &a), ERR_OK);
		assert_int_equal(w.sw, SW_OK);
		while (n < 3 && table[i].sent[n] != NULL) {
			assert_string_equal(card->sent[n], table[i].sent[n]);
			n++;
		}
		assert_int_equal(card->n, n);
		wire_clear(&w);
		mem_free(card);
	}
}

/* Rows of answers; what is gathered, and the last status word. */
static void answers(void **state)
{
	static const struct {
		struct wire_row rows[4];
		enum err e;
		uint16_t sw;
		size_t len;
		size_t commands;
	} table[] = {
	    {{{"0087", "aabb9000"}}, ERR_OK, 0x9000, 2, 1},
	    {{{"0087", "6f00"}}, ERR_OK, 0x6f00, 0, 1},
	    {{{"0087", "aa6102"}, {"00c0000002", "bbcc9000"}}, ERR_OK, 0x9000, 3, 2},
	    {{{"0087", "6102"}, {"00c0000002", "bb6101"}, {"00c0000001", "cc9000"}}, ERR_OK, 0x9000,
		2, 3},
	    {{{"0087", "6102"}, {"00c0000002", "6a82"}}, ERR_OK, 0x6a82, 0, 2},
	    {{{"0087", "6120"}, {"00c0000020", "6120"}}, ERR_TOKEN, 0, 0, 2},
	    {{{"008701020200010a", "aa9000"}, {"0087", "6c0a"}}, ERR_OK, 0x9000, 1, 2},
	    {{{"0087", "6c0a"}}, ERR_OK, 0x6c0a, 0, 2},
	    {{{"0087", "90"}}, ERR_TOKEN, 0, 0, 1},
	    {{{"0087", ""}}, ERR_TOKEN, 0, 0, 1},
	    {{{"0087", NULL}}, ERR_TOKEN_GONE, 0, 0, 1},
	    {{{"0087", "6102"}, {"00c0", NULL}}, ERR_TOKEN_GONE, 0, 0, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct wire_card *card = mem_alloc(sizeof(*card));
		struct wire w = wire_to(card, table[i].rows);
		struct apdu a = command(2, true);

		assert_int_equal(apdu_send(&w, &a), table[i].e);
		assert_int_equal(card->n, table[i].commands);
		if (table[i].e == ERR_OK) {
			assert_int_equal(w.sw, table[i].sw);
			assert_int_equal(builder_view(&w.answer).len, table[i].len);
		}
		wire_clear(&w);
		mem_free(card);
	}
}

/* A card that has always more to say comes to an end. */
static enum err endless(void *ctx, struct bytes apdu, uint8_t *reply, size_t *n)
{
	(void)apdu;
	++*(size_t *)ctx;
	memset(reply, 0x61, 258);
	*n = 258;
	return ERR_OK;
}

static void endless_answers(void **state)
{
	size_t commands = 0;
	struct wire w = {.transmit = endless, .ctx = &commands};
	struct apdu a = command(2, true);

	(void)state;
	assert_int_equal(apdu_send(&w, &a), ERR_TOKEN);
	assert_int_equal(commands, APDU_ANSWER_MOST / 256 + 1);
	wire_clear(&w);
}

/* Where one way to send much is refused the other one is tried, once. */
static void ways(void **state)
{
	static const struct wire_row no_chains[] = {
	    {"10", "6884"}, {"0087", "aa9000"}, {NULL, NULL}};
	static const struct wire_row nothing_extended[] = {
	    {"0087010200", "6700"}, {"10", "9000"}, {"0087", "aa9000"}, {NULL, NULL}};
	static const struct wire_row neither[] = {{"", "6e00"}, {NULL, NULL}};
	static const struct wire_row chatty[] = {{"10", "aa9000"}, {NULL, NULL}};
	static const struct wire_row gone[] = {{"10", NULL}, {NULL, NULL}};
	static const struct {
		const struct wire_row *rows;
		bool t0, extended;
		enum err e;
		uint16_t sw;
		size_t commands;
	} table[] = {
	    {no_chains, false, false, ERR_OK, 0x9000, 2},
	    {no_chains, true, false, ERR_OK, 0x6884, 1},
	    {nothing_extended, false, true, ERR_OK, 0x9000, 3},
	    {neither, false, false, ERR_OK, 0x6e00, 2},
	    {neither, false, true, ERR_OK, 0x6e00, 2},
	    {chatty, false, false, ERR_TOKEN, 0, 1},
	    {gone, false, false, ERR_TOKEN_GONE, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct wire_card *card = mem_alloc(sizeof(*card));
		struct wire w = wire_to(card, table[i].rows);
		struct apdu a = command(300, true);

		w.t0 = table[i].t0;
		w.extended = table[i].extended;
		assert_int_equal(apdu_send(&w, &a), table[i].e);
		assert_int_equal(card->n, table[i].commands);
		if (table[i].e == ERR_OK)
			assert_int_equal(w.sw, table[i].sw);
		wire_clear(&w);
		mem_free(card);
	}
}

static void more_than_any_command(void **state)
{
	static const struct wire_row rows[] = {{NULL, NULL}};
	static uint8_t data[APDU_COMMAND_MOST + 1];
	struct wire_card *card = mem_alloc(sizeof(*card));
	struct wire w = wire_to(card, rows);
	const struct apdu a = {.ins = 0x87, .data = BYTES(data, sizeof(data))};

	(void)state;
	assert_int_equal(apdu_send(&w, &a), ERR_LIMIT);
	assert_int_equal(card->n, 0);
	wire_clear(&w);
	mem_free(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forms),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(endless_answers),
	    cmocka_unit_test(ways),
	    cmocka_unit_test(more_than_any_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
