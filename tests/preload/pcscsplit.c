/*
 * Loaded into signet-card with LD_PRELOAD: libpcsclite as it is from version 2.2 on, where what
 * works is in a library of its own, loaded when the first context is wanted.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef long establish_fn(unsigned long, const void *, const void *, long *);

static const long INTERNAL_ERROR = (long)0x80100001;

establish_fn SCardEstablishContext;

long SCardEstablishContext(
    unsigned long scope, const void *reserved1, const void *reserved2, long *context)
{
	static _Atomic(establish_fn *) real;
	static atomic_bool tried;

	if (!atomic_exchange(&tried, true)) {
		void *library = dlopen("libpcsclite_real.so.1", RTLD_LAZY);
		establish_fn *found = NULL;

		if (library != NULL)
			*(void **)&found = dlsym(library, "SCardEstablishContext");
		real = found;
	}
	return real == NULL ? INTERNAL_ERROR : real(scope, reserved1, reserved2, context);
}
