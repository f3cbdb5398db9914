#include "proto/pattern.h"

/* Goes back to the last star only, so that no pattern takes more than text times pattern steps. */
bool pattern_match(struct bytes text, struct bytes pattern)
{
	size_t t = 0, p = 0, star = SIZE_MAX, resume = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < pattern.len &&
			   (pattern.data[p] == '?' || pattern.data[p] == text.data[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

/* The pattern at the front of the list, which is moved behind it. */
static struct bytes next_pattern(struct bytes *list)
{
	struct bytes one = BYTES(list->data, 0);

	while (one.len < list->len && list->data[one.len] != ',')
		one.len++;
	if (one.len == list->len)
		*list = BYTES_NONE;
	else
		*list = BYTES(list->data + one.len + 1, list->len - one.len - 1);
	return one;
}

bool pattern_list_match(struct bytes text, struct bytes list)
{
	bool matched = false;

	while (list.len != 0) {
		struct bytes one = next_pattern(&list);
		bool negated = one.len != 0 && one.data[0] == '!';

		if (negated)
			one = BYTES(one.data + 1, one.len - 1);
		if (one.len == 0 || !pattern_match(text, one))
			continue;
		if (negated)
			return false;
		matched = true;
	}
	return matched;
}
