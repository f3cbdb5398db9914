#include "tokens/fido/op.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/text.h"

enum err op_fail(struct op *op, enum err e, const char *format, ...)
{
	char line[2 * FIDO_DETAIL_MOST];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	text_escape(bytes_str(line), op->detail, sizeof(op->detail));
	return e;
}
