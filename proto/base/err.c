#include "proto/base/err.h"

#include <stddef.h>

static const char *const texts[] = {
#define ERR_TEXT_ROW(name, words) [name] = words,
    ERR_LIST(ERR_TEXT_ROW)
#undef ERR_TEXT_ROW
};

const char *err_text(enum err e)
{
	if ((size_t)e >= sizeof(texts) / sizeof(texts[0]))
		return "unknown error";
	return texts[e];
}
