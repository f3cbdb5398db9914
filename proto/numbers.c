#include "proto/numbers.h"

const char *agent_number_words(uint8_t number)
{
	switch (number) {
#define NUMBER_CASE(name, n, words)                                                                \
	case n:                                                                                    \
		return words;
		AGENT_REQUEST_LIST(NUMBER_CASE)
		AGENT_REPLY_LIST(NUMBER_CASE)
#undef NUMBER_CASE
	default:
		return "unknown";
	}
}
