#include "proto/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "proto/base/clock.h"

/* Bytes of one line, its NUL included; longer lines are cut. */
enum { LINE_ROOM = 2048 };

/* More than people read, less than fills a disk. */
enum { LINES_A_SECOND = 100 };

/* Set at start-up; every module logs, so a handle would go through every call in the tree. */
static const char *log_name = "signet";
static enum log_level log_most = LOG_LEVEL_WARN;
static log_sink log_hook;

static struct {
	pthread_mutex_t lock;
	uint64_t second;
	unsigned count; /* lines of this second, those left out included */
} flood = {.lock = PTHREAD_MUTEX_INITIALIZER};

void log_start(const char *name, enum log_level most)
{
	log_name = name;
	log_most = most;
}

void log_to(log_sink sink)
{
	log_hook = sink;
}

/* One write a line, so that lines of several processes do not mix. */
static void to_stderr(const char *line)
{
	char out[LINE_ROOM + 128];
	int n = snprintf(out, sizeof(out), "%.100s: %s\n", log_name, line);
	ssize_t done;

	do
		done = write(STDERR_FILENO, out, (size_t)n);
	while (done == -1 && errno == EINTR);
}

void log_syslog(enum log_level level, const char *line)
{
	static const int priority[] = {
	    [LOG_LEVEL_ERROR] = LOG_ERR,
	    [LOG_LEVEL_WARN] = LOG_WARNING,
	    [LOG_LEVEL_INFO] = LOG_INFO,
	    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};

	syslog(LOG_AUTH | priority[level], "%s: %s", log_name, line);
}

/* Nothing that slipped through unescaped may start a new line or move a terminal's cursor. */
static void blank_controls(char *line)
{
	for (; *line != '\0'; line++) {
		if ((unsigned char)*line < 0x20 || *line == 0x7f)
			*line = '?';
	}
}

static void emit(enum log_level level, const char *line)
{
	if (log_hook != NULL)
		log_hook(level, line);
	else
		to_stderr(line);
}

/*
 * A client that has its requests refused by the thousand must not fill anybody's journal.  True
 * when this line may go; says how many could not when a new second begins.
 */
static bool may_go(enum log_level level)
{
	uint64_t second = clock_now() / 1000;
	unsigned left_out = 0;
	bool may;

	pthread_mutex_lock(&flood.lock);
	if (second != flood.second) {
		left_out = flood.count > LINES_A_SECOND ? flood.count - LINES_A_SECOND : 0;
		flood.second = second;
		flood.count = 0;
	}
	may = ++flood.count <= LINES_A_SECOND;
	pthread_mutex_unlock(&flood.lock);
	if (left_out != 0) {
		char line[80];

		snprintf(line, sizeof(line), "%u more lines were left out", left_out);
		emit(level, line);
	}
	return may;
}

static void __attribute__((format(printf, 2, 0)))
log_line(enum log_level level, const char *format, va_list ap)
{
	char line[LINE_ROOM];
	int saved = errno;
	int n;

	if (level > log_most || !may_go(level))
		return;
	n = vsnprintf(line, sizeof(line), format, ap);
	if (n < 0)
		line[0] = '\0';
	if (n >= LINE_ROOM)
		memcpy(line + sizeof(line) - 4, "...", 4);
	blank_controls(line);
	emit(level, line);
	errno = saved;
}

#define LOG_FUNCTION(function, level)                                                              \
	void function(const char *format, ...)                                                     \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		va_start(ap, format);                                                              \
		log_line(level, format, ap);                                                       \
		va_end(ap);                                                                        \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
