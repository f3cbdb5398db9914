/* What unit tests of the base share: cmocka in its order of headers, folders, scripts, waiting. */
#ifndef SIGNET_BASE_TEST_H
#define SIGNET_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/types.h>

/* End a test as skipped, with the reason that tests/run shows. */
#define base_skip(reason)                                                                          \
	do {                                                                                       \
		print_message("# SKIP %s\n", (reason));                                            \
		skip();                                                                            \
	} while (0)

/* Bytes allocated of the heap; 0 where the C library does not tell. */
size_t base_heap_in_use(void);

/* How long a test waits for something that must happen, in milliseconds. */
enum { BASE_PATIENCE = 20000 };

/* A fresh folder below /tmp in path (at least 64 bytes), which its creator removes with
 * base_folder_remove. */
void base_folder_make(char *path);
void base_folder_remove(const char *path);

/* Write an executable shell script; its path goes to out (at least 128 bytes). */
void base_script(const char *folder, const char *name, const char *body, char *out);

/* A file's first line, without its line end, once it is there; false when it never came. */
bool base_wait_line(const char *path, char *line, size_t room);

/* Wait for the end of pid, which must be our child: its wait status, or -1 when it did not end. */
int base_wait_end(pid_t pid);

/* How many descriptors this process has open. */
size_t base_open_count(void);

#endif
