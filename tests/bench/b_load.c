/*
 * Clients that ask for signatures as fast as they get them.
 *
 *     b_load SOCKET PUBFILE CLIENTS SECONDS [locked]
 *
 * prints "RATE P99 SLOWEST": signatures a second of all clients together, and
 * latencies in microseconds.  With "locked" the agent may be locked at times: a
 * refusal is an answer too, which counts for the slowest alone.
 *
 * A turn in which the host of a virtual machine gave its processors to others for more than 10
 * milliseconds says nothing of the agent, and is taken again, some times at most; each writes a
 * line to the file that BENCH_STOLEN names.  Not with "locked", whose turns others keep time with.
 *
 *     b_load SOCKET - 1 SECONDS
 *
 * locks the agent and unlocks it, again and again, and leaves it unlocked.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/client.h"

enum { MOST_SAMPLES = 1 << 20, DATA = 200, STOLEN_MOST_MS = 10, TURNS_MOST = 4 };

struct client {
	pthread_t thread;
	const char *path;
	struct bytes request;
	struct bytes unlock; /* empty, or what follows each request */
	bool locked;         /* refusals are answers */
	uint64_t end;        /* nanoseconds */
	uint32_t *samples;
	size_t count;
	uint32_t slowest;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* False: it was refused. */
static bool ask_once(int fd, struct bytes request)
{
	uint8_t reply[8192];
	ssize_t n;

	if (write(fd, request.data, request.len) != (ssize_t)request.len)
		err(1, "write");
	n = read(fd, reply, sizeof(reply));
	if (n < 5 || (reply[4] != AGENT_SIGN_RESPONSE && reply[4] != AGENT_SUCCESS &&
			 reply[4] != AGENT_FAILURE))
		errx(1, "no answer came back");
	return reply[4] != AGENT_FAILURE;
}

static void *run(void *arg)
{
	struct client *c = arg;
	int fd = dial(c->path);
	uint64_t before = now();

	while (before < c->end && c->count < MOST_SAMPLES) {
		bool done = ask_once(fd, c->request);
		uint64_t after = now();
		uint32_t took = (uint32_t)((after - before) / 1000);

		if (!done && !c->locked)
			errx(1, "it was refused");
		if (c->unlock.len != 0 && !ask_once(fd, c->unlock))
			errx(1, "it was not unlocked");
		if (done)
			c->samples[c->count++] = took;
		if (took > c->slowest)
			c->slowest = took;
		before = c->unlock.len != 0 ? now() : after;
	}
	close(fd);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(struct client *clients, int n, double seconds)
{
	size_t total = 0, at = 0;
	uint32_t slowest = 0;
	uint32_t *all;

	for (int i = 0; i < n; i++)
		total += clients[i].count;
	all = calloc(total + 1, sizeof(*all));
	for (int i = 0; i < n; i++) {
		memcpy(all + at, clients[i].samples, clients[i].count * sizeof(*all));
		at += clients[i].count;
		if (clients[i].slowest > slowest)
			slowest = clients[i].slowest;
	}
	qsort(all, total, sizeof(*all), by_value);
	printf("%.0f %u %u\n", (double)total / seconds, all[total * 99 / 100], slowest);
	free(all);
}

static void build_passphrase(struct builder *b, enum agent_number number)
{
	size_t mark = message_open(b, number);

	builder_cstring(b, "passphrase");
	message_close(b, mark);
}

/* Milliseconds of processors that the host gave to others since it started; see proc_stat(5). */
static long stolen(void)
{
	FILE *f = fopen("/proc/stat", "re");
	unsigned long ticks = 0;

	if (f == NULL || fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %lu", &ticks) != 1)
		ticks = 0;
	if (f != NULL)
		fclose(f);
	return (long)ticks * 1000 / sysconf(_SC_CLK_TCK);
}

static void note_stolen(void)
{
	const char *path = getenv("BENCH_STOLEN");
	FILE *f = path != NULL ? fopen(path, "ae") : NULL;

	if (f != NULL) {
		fputs("a turn\n", f);
		fclose(f);
	}
}

/* Whether the host took too much of it; the seconds that it took go to *took. */
static bool take_turn(struct client *clients, int n, double seconds, double *took)
{
	const long before = stolen();
	const uint64_t start = now();

	for (int i = 0; i < n; i++) {
		clients[i].count = 0;
		clients[i].slowest = 0;
		clients[i].end = start + (uint64_t)(seconds * 1e9);
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			errx(1, "pthread_create");
	}
	for (int i = 0; i < n; i++)
		pthread_join(clients[i].thread, NULL);
	*took = (double)(now() - start) / 1e9;
	return stolen() - before > STOLEN_MOST_MS;
}

int main(int argc, char *argv[])
{
	static const uint8_t data[DATA] = "what a client wants signed";
	struct builder request = {0}, unlock = {0};
	struct client *clients;
	double took;
	int n, most;

	if (argc != 5 && (argc != 6 || strcmp(argv[5], "locked") != 0))
		errx(1, "usage: b_load SOCKET PUBFILE CLIENTS SECONDS [locked]");
	n = atoi(argv[3]);
	clients = calloc((size_t)n, sizeof(*clients));
	if (strcmp(argv[2], "-") == 0) {
		build_passphrase(&request, AGENT_LOCK);
		build_passphrase(&unlock, AGENT_UNLOCK);
	} else {
		build_sign_request(&request, argv[2], BYTES(data, DATA));
	}
	for (int i = 0; i < n; i++) {
		clients[i] = (struct client){.path = argv[1], .request = builder_view(&request)};
		clients[i].unlock = builder_view(&unlock);
		clients[i].locked = argc == 6;
		clients[i].samples = calloc(MOST_SAMPLES, sizeof(uint32_t));
	}
	most = argc == 6 || clients[0].unlock.len != 0 ? 1 : TURNS_MOST;
	for (int turn = 1; take_turn(clients, n, atof(argv[4]), &took) && turn < most; turn++)
		note_stolen();
	report(clients, n, took);
	return 0;
}
