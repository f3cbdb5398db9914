#include "tests/support/secret_scan.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PREFIX = 8, READ = 1 << 20, PAGE = 4096, FILTER_BITS = 20 };

static const char *const forms[] = {"as it is", "reversed", "as BIGNUM words"};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* One byte string to look for, in the copy that its needle has in one form. */
struct piece {
	uint64_t prefix;
	const uint8_t *bytes;
	size_t n;
	unsigned needle;
	unsigned form;
};

struct copy {
	struct copy *next;
	uint8_t bytes[];
};

struct scan {
	size_t fragment;
	unsigned needles;
	size_t longest;
	size_t npieces;
	struct piece *pieces; /* sorted by prefix while scanning */
	struct copy *copies;
	uint8_t first[1 << (16 - 3)]; /* by the first two bytes of a prefix: small, and so quick */
	uint8_t filter[1 << (FILTER_BITS - 3)];
};

/* Where the scan is. */
struct mapping {
	uint64_t start;
	uint64_t end;
	char words[256];
};

struct scan *scan_new(size_t fragment)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->fragment = fragment;
	return s;
}

void scan_free(struct scan *s)
{
	struct copy *next;

	if (s == NULL)
		return;
	for (struct copy *c = s->copies; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(s->pieces);
	free(s);
}

static uint64_t prefix_of(const uint8_t *bytes)
{
	uint64_t prefix;

	memcpy(&prefix, bytes, PREFIX);
	return prefix;
}

static size_t filter_bit(uint64_t prefix)
{
	return (size_t)((prefix * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - FILTER_BITS));
}

/* A run of one byte is everywhere and proves nothing. */
static bool is_flat(const uint8_t *bytes, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (bytes[i] != bytes[0])
			return false;
	return true;
}

static bool add_piece(struct scan *s, const uint8_t *bytes, size_t n, unsigned form)
{
	const uint64_t prefix = prefix_of(bytes);
	struct piece *more;

	if (is_flat(bytes, n))
		return true;
	more = realloc(s->pieces, (s->npieces + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	s->pieces = more;
	more[s->npieces++] = (struct piece){prefix, bytes, n, s->needles, form};
	s->first[(uint16_t)prefix / 8] |= (uint8_t)(1u << (prefix % 8));
	s->filter[filter_bit(prefix) / 8] |= (uint8_t)(1u << (filter_bit(prefix) % 8));
	if (n > s->longest)
		s->longest = n;
	return true;
}

static void reverse(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[n - 1 - i];
}

/* Words of 8 bytes, the least one first, each in this machine's byte order. */
static void as_words(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint64_t word = 0;

		for (size_t j = 0; j < 8; j++)
			word = word << 8 | from[n - i - 8 + j];
		memcpy(to + i, &word, 8);
	}
}

static bool add_form(struct scan *s, const uint8_t *bytes, size_t n, unsigned form)
{
	struct copy *c = malloc(sizeof(*c) + n);
	const size_t step = s->fragment != 0 && s->fragment < n ? s->fragment : n;

	if (c == NULL)
		return false;
	c->next = s->copies;
	s->copies = c;
	if (form == 0)
		memcpy(c->bytes, bytes, n);
	else if (form == 1)
		reverse(c->bytes, bytes, n);
	else
		as_words(c->bytes, bytes, n);
	for (size_t at = 0; at + step <= n; at++)
		if (!add_piece(s, c->bytes + at, step, form))
			return false;
	return true;
}

static bool little_endian(void)
{
	const uint16_t one = 1;

	return *(const uint8_t *)&one == 1;
}

bool scan_needle(struct scan *s, const uint8_t *bytes, size_t n)
{
	if (n < PREFIX)
		return false;
	s->needles++;
	if (!add_form(s, bytes, n, 0) || !add_form(s, bytes, n, 1))
		return false;
	/* On a little-endian machine the words of a number are its bytes reversed. */
	return little_endian() || add_form(s, bytes, n - n % 8, 2);
}

static int by_prefix(const void *a, const void *b)
{
	const struct piece *x = a;
	const struct piece *y = b;

	return x->prefix < y->prefix ? -1 : x->prefix > y->prefix;
}

static const struct piece *first_with(const struct scan *s, uint64_t prefix)
{
	size_t low = 0;
	size_t high = s->npieces;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (s->pieces[middle].prefix < prefix)
			low = middle + 1;
		else
			high = middle;
	}
	return s->pieces + low;
}

/* The pieces that start at data[at]. */
static long match(const struct scan *s, const uint8_t *at, size_t left, uint64_t address,
    const struct mapping *m, FILE *report)
{
	const uint64_t prefix = prefix_of(at);
	const size_t bit = filter_bit(prefix);
	long hits = 0;

	if ((s->filter[bit / 8] & (1u << (bit % 8))) == 0)
		return 0;
	for (const struct piece *p = first_with(s, prefix);
	     p < s->pieces + s->npieces && p->prefix == prefix; p++) {
		if (p->n > left || memcmp(p->bytes, at, p->n) != 0)
			continue;
		hits++;
		if (report != NULL)
			fprintf(report, "needle %u %s at %llx in %s\n", p->needle, forms[p->form],
			    (unsigned long long)address, m->words);
	}
	return hits;
}

/* What has been read and not searched yet; it ends at address `end`. */
struct window {
	uint8_t *data;
	size_t n;
	uint64_t end;
};

/*
 * Search what was read.  While more is to come, the tail waits, since a piece may cross
 * two reads.
 */
static long search(
    const struct scan *s, struct window *w, bool more, const struct mapping *m, FILE *report)
{
	const size_t tail = !more ? 0 : s->longest - 1 < w->n ? s->longest - 1 : w->n;
	const size_t starts = w->n - tail;
	long hits = 0;

	for (size_t i = 0; i < starts && i + PREFIX <= w->n; i++) {
		const uint64_t prefix = prefix_of(w->data + i);

		/* Most places begin like no needle, zeros above all. */
		if ((s->first[(uint16_t)prefix / 8] >> (prefix % 8) & 1) != 0)
			hits += match(s, w->data + i, w->n - i, w->end - w->n + i, m, report);
	}
	memmove(w->data, w->data + starts, tail);
	w->n = tail;
	return hits;
}

/* Read one mapping; counts[0] is what the kernel gave, counts[1] what it withheld. */
static long scan_mapping(const struct scan *s, int mem, const struct mapping *m, struct window *w,
    uint64_t counts[2], FILE *report)
{
	long hits = 0;

	for (w->end = m->start; w->end < m->end;) {
		const size_t left = (size_t)(m->end - w->end);
		const ssize_t got =
		    pread(mem, w->data + w->n, left < READ ? left : READ, (off_t)w->end);

		if (got <= 0) {
			hits += search(s, w, false, m, report);
			counts[1] += PAGE;
			w->end += PAGE;
			continue;
		}
		counts[0] += (uint64_t)got;
		w->end += (uint64_t)got;
		w->n += (size_t)got;
		hits += search(s, w, true, m, report);
	}
	return hits + search(s, w, false, m, report);
}

static bool next_mapping(FILE *maps, struct mapping *m)
{
	char line[512];
	char rights[8];
	unsigned long long start;
	unsigned long long end;
	int tail;

	while (fgets(line, sizeof(line), maps) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%llx-%llx %7s %n", &start, &end, rights, &tail) < 3 ||
		    rights[0] != 'r')
			continue;
		m->start = start;
		m->end = end;
		snprintf(m->words, sizeof(m->words), "%s %s", rights, line + tail);
		return true;
	}
	return false;
}

static long scan_all(struct scan *s, FILE *maps, int mem, FILE *report)
{
	struct window w = {malloc(READ + s->longest), 0, 0};
	uint64_t counts[2] = {0, 0};
	struct mapping m;
	long hits = 0;

	if (w.data == NULL)
		return -1;
	while (next_mapping(maps, &m))
		hits += scan_mapping(s, mem, &m, &w, counts, report);
	if (report != NULL)
		fprintf(report, "%llu bytes read, %llu bytes withheld by the kernel, %ld hits\n",
		    (unsigned long long)counts[0], (unsigned long long)counts[1], hits);
	free(w.data);
	return counts[0] == 0 ? -1 : hits;
}

long scan_process(struct scan *s, pid_t pid, FILE *report)
{
	char path[64];
	FILE *maps;
	int mem;
	long hits = -1;

	qsort(s->pieces, s->npieces, sizeof(s->pieces[0]), by_prefix);
	snprintf(path, sizeof(path), "/proc/%ld/mem", (long)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	maps = fopen(path, "re");
	if (mem >= 0 && maps != NULL && s->npieces > 0)
		hits = scan_all(s, maps, mem, report);
	if (maps != NULL)
		fclose(maps);
	if (mem >= 0)
		close(mem);
	return hits;
}
