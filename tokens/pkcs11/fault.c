#include "tokens/pkcs11/fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/text.h"

static const struct row {
	CK_RV rv;
	const char *name;
	enum err why;
	enum loss loss;
} table[] = {
#define ROW(rv, why, loss)                                                                         \
	{                                                                                          \
		rv, #rv, why, loss                                                                 \
	}
    ROW(CKR_HOST_MEMORY, ERR_MEMORY, LOSS_NONE),
    ROW(CKR_SLOT_ID_INVALID, ERR_TOKEN_GONE, LOSS_TOKEN),
    ROW(CKR_GENERAL_ERROR, ERR_TOKEN, LOSS_TOKEN),
    ROW(CKR_FUNCTION_FAILED, ERR_TOKEN, LOSS_TOKEN),
    ROW(CKR_ARGUMENTS_BAD, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_CANT_LOCK, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_ATTRIBUTE_SENSITIVE, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_DATA_INVALID, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_DATA_LEN_RANGE, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_DEVICE_ERROR, ERR_TOKEN, LOSS_TOKEN),
    ROW(CKR_DEVICE_MEMORY, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_DEVICE_REMOVED, ERR_TOKEN_GONE, LOSS_TOKEN),
    ROW(CKR_FUNCTION_CANCELED, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_FUNCTION_REJECTED, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_KEY_HANDLE_INVALID, ERR_TOKEN, LOSS_OBJECT),
    ROW(CKR_KEY_SIZE_RANGE, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_KEY_TYPE_INCONSISTENT, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_MECHANISM_INVALID, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_MECHANISM_PARAM_INVALID, ERR_TOKEN_SIGN, LOSS_NONE),
    ROW(CKR_OBJECT_HANDLE_INVALID, ERR_TOKEN, LOSS_OBJECT),
    ROW(CKR_OPERATION_ACTIVE, ERR_TOKEN, LOSS_OBJECT),
    ROW(CKR_OPERATION_NOT_INITIALIZED, ERR_TOKEN, LOSS_OBJECT),
    ROW(CKR_PIN_INCORRECT, ERR_PIN, LOSS_NONE),
    ROW(CKR_PIN_INVALID, ERR_PIN, LOSS_NONE),
    ROW(CKR_PIN_LEN_RANGE, ERR_PIN, LOSS_NONE),
    ROW(CKR_PIN_EXPIRED, ERR_PIN_NOT_SET, LOSS_NONE),
    ROW(CKR_PIN_LOCKED, ERR_PIN_LOCKED, LOSS_NONE),
    ROW(CKR_SESSION_CLOSED, ERR_TOKEN, LOSS_SESSION),
    ROW(CKR_SESSION_COUNT, ERR_TOKEN_BUSY, LOSS_NONE),
    ROW(CKR_SESSION_HANDLE_INVALID, ERR_TOKEN, LOSS_SESSION),
    ROW(CKR_TOKEN_NOT_PRESENT, ERR_TOKEN_GONE, LOSS_TOKEN),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, ERR_TOKEN_GONE, LOSS_TOKEN),
    ROW(CKR_USER_ALREADY_LOGGED_IN, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_USER_NOT_LOGGED_IN, ERR_PIN_NEEDED, LOSS_LOGIN),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, ERR_PIN_NOT_SET, LOSS_NONE),
    ROW(CKR_USER_TYPE_INVALID, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, ERR_TOKEN_BUSY, LOSS_NONE),
    ROW(CKR_USER_TOO_MANY_TYPES, ERR_TOKEN_BUSY, LOSS_NONE),
    ROW(CKR_BUFFER_TOO_SMALL, ERR_TOKEN, LOSS_NONE),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, ERR_TOKEN, LOSS_MODULE),
#undef ROW
};

enum err fault_of(struct fault *f, const char *function, CK_RV rv)
{
	*f = (struct fault){.why = ERR_TOKEN, .rv = rv, .tries = TOKEN_TRIES_UNKNOWN};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].rv != rv)
			continue;
		f->why = table[i].why;
		f->loss = table[i].loss;
		snprintf(f->detail, sizeof(f->detail), "%s: %s", function, table[i].name);
		return f->why;
	}
	snprintf(f->detail, sizeof(f->detail), "%s: 0x%lx", function, rv);
	return f->why;
}

enum err fault_set(struct fault *f, enum err why, const char *format, ...)
{
	char text[TOKEN_TEXT_MOST + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*f = (struct fault){.why = why, .tries = TOKEN_TRIES_UNKNOWN};
	text_escape(bytes_str(text), f->detail, sizeof(f->detail));
	return why;
}
