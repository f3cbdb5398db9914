#include "keystore/arena.h"

#include <stdlib.h>

/* Sizes are in units.  The flags are in size only. */
struct header {
	uint32_t before; /* size of the block before; 0 for the first */
	uint32_t size;
};

/* In the room of a free block: its neighbours in the bin, in units from base. */
struct links {
	uint32_t next;
	uint32_t previous;
};

enum { EXACT_BINS = 64, STEPS_LOG = 3, SEARCH_MOST = 16 };

#define USED  0x80000000u
#define ASIDE 0x40000000u
#define FLAGS (USED | ASIDE)

/*
 * A thread changes the flags of its own block while another one, under the caller's
 * lock, looks whether that block is free: hence atomic, without any order.
 */
static uint32_t size_word(const struct header *h)
{
	return __atomic_load_n(&h->size, __ATOMIC_RELAXED);
}

static void set_size_word(struct header *h, uint32_t word)
{
	__atomic_store_n(&h->size, word, __ATOMIC_RELAXED);
}

static uint32_t size_of(const struct header *h)
{
	return size_word(h) & ~FLAGS;
}

static bool is_used(const struct header *h)
{
	return (size_word(h) & USED) != 0;
}

static struct header *header_of(void *p)
{
	return (struct header *)((uint8_t *)p - ARENA_HEADER);
}

static struct header *after(struct header *h)
{
	return (struct header *)((uint8_t *)h + (size_t)size_of(h) * ARENA_UNIT);
}

static struct header *before(struct header *h)
{
	return (struct header *)((uint8_t *)h - (size_t)h->before * ARENA_UNIT);
}

static struct links *links_of(struct header *h)
{
	return (struct links *)(h + 1);
}

/* A block's number: the distance of its room from base, in units; never 0. */
static uint32_t number_of(const struct arena *a, const struct header *h)
{
	return (uint32_t)(((const uint8_t *)(h + 1) - a->base) / ARENA_UNIT);
}

static struct header *block_at(const struct arena *a, uint32_t number)
{
	return header_of(a->base + (size_t)number * ARENA_UNIT);
}

/* One bin for each size below EXACT_BINS units, above that 8 for each doubling. */
static unsigned bin_of(size_t units)
{
	unsigned log;

	if (units < EXACT_BINS)
		return (unsigned)units;
	log = 63u - (unsigned)__builtin_clzll(units);
	return EXACT_BINS + ((log - 6) << STEPS_LOG) +
	       ((unsigned)(units >> (log - STEPS_LOG)) & ((1u << STEPS_LOG) - 1));
}

static void bin_put(struct arena *a, struct header *h)
{
	const unsigned bin = bin_of(size_of(h));
	const uint32_t first = a->bins[bin];

	*links_of(h) = (struct links){.next = first, .previous = 0};
	if (first != 0)
		links_of(block_at(a, first))->previous = number_of(a, h);
	a->bins[bin] = number_of(a, h);
	a->filled[bin / 64] |= UINT64_C(1) << (bin % 64);
}

static void bin_take(struct arena *a, struct header *h)
{
	const unsigned bin = bin_of(size_of(h));
	const struct links links = *links_of(h);

	if (links.next != 0)
		links_of(block_at(a, links.next))->previous = links.previous;
	if (links.previous != 0)
		links_of(block_at(a, links.previous))->next = links.next;
	else
		a->bins[bin] = links.next;
	if (a->bins[bin] == 0)
		a->filled[bin / 64] &= ~(UINT64_C(1) << (bin % 64));
	*links_of(h) = (struct links){0, 0};
}

/* The first bin from `from` on that holds a block; ARENA_BINS when there is none. */
static unsigned next_filled(const struct arena *a, unsigned from)
{
	for (unsigned word = from / 64; word < ARENA_BINS / 64; word++) {
		uint64_t bits = a->filled[word];

		if (word == from / 64)
			bits &= ~UINT64_C(0) << (from % 64);
		if (bits != 0)
			return word * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return ARENA_BINS;
}

/* A free block of at least so many units.  Only in the first bin can there be smaller ones. */
static struct header *find(const struct arena *a, size_t units)
{
	const unsigned bin = bin_of(units);
	uint32_t number = a->bins[bin];
	unsigned larger;

	for (unsigned i = 0; number != 0 && i < SEARCH_MOST; i++) {
		struct header *h = block_at(a, number);

		if (size_of(h) >= units)
			return h;
		number = links_of(h)->next;
	}
	larger = next_filled(a, bin + 1);
	return larger < ARENA_BINS ? block_at(a, a->bins[larger]) : NULL;
}

static void set_size(struct header *h, size_t units, uint32_t flags)
{
	set_size_word(h, (uint32_t)units | flags);
	after(h)->before = (uint32_t)units;
}

/* Free the block, joined with the free ones on both sides. */
static void put_back(struct arena *a, struct header *h)
{
	struct header *next = after(h);
	struct header *previous = before(h);
	size_t units = size_of(h);

	if (!is_used(next)) {
		bin_take(a, next);
		units += size_of(next);
		*next = (struct header){0, 0};
	}
	if (h->before != 0 && !is_used(previous)) {
		bin_take(a, previous);
		units += size_of(previous);
		*h = (struct header){0, 0};
		h = previous;
	}
	set_size(h, units, 0);
	bin_put(a, h);
}

/* The header that ends the range becomes that of the new block. */
static bool grow(struct arena *a, size_t least)
{
	const size_t got = a->more(a->context, least + (a->held == 0 ? ARENA_UNIT : 0));
	struct header *h;
	size_t units;

	if (got == 0)
		return false;
	units = got / ARENA_UNIT;
	if (a->held == 0) {
		h = header_of(a->base + ARENA_UNIT);
		h->before = 0;
		units--;
	} else {
		h = header_of(a->base + a->held);
	}
	a->held += got;
	set_size_word(header_of(a->base + a->held), USED);
	set_size(h, units, USED);
	put_back(a, h);
	return true;
}

void arena_start(struct arena *a, void *base, size_t most, arena_more more, void *context)
{
	*a = (struct arena){.base = base, .most = most, .more = more, .context = context};
}

size_t arena_units(size_t n)
{
	return (n + ARENA_HEADER + ARENA_UNIT - 1) / ARENA_UNIT;
}

/* What a free block at the end has is not asked for again. */
static size_t missing(const struct arena *a, size_t units)
{
	struct header *end;

	if (a->held != 0) {
		end = header_of(a->base + a->held);
		if (end->before != 0 && !is_used(before(end)))
			units -= end->before < units ? end->before : units - 1;
	}
	return units * ARENA_UNIT;
}

static struct header *find_or_grow(struct arena *a, size_t n)
{
	struct header *h;

	if (n > a->most)
		return NULL;
	h = find(a, arena_units(n));
	if (h == NULL && grow(a, missing(a, arena_units(n))))
		h = find(a, arena_units(n));
	return h;
}

bool arena_make_room(struct arena *a, size_t n)
{
	return find_or_grow(a, n) != NULL;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t units = arena_units(n);
	struct header *h = find_or_grow(a, n);
	size_t rest;

	if (h == NULL)
		return NULL;
	bin_take(a, h);
	rest = size_of(h) - units;
	set_size(h, units, USED);
	if (rest > 0) {
		set_size(after(h), rest, 0);
		bin_put(a, after(h));
	}
	a->used += units * ARENA_UNIT;
	return h + 1;
}

static void check_used(struct header *h)
{
	if ((size_word(h) & FLAGS) != USED || after(h)->before != size_of(h))
		abort();
}

void arena_free(struct arena *a, void *p)
{
	struct header *h = header_of(p);

	check_used(h);
	a->used -= (size_t)size_of(h) * ARENA_UNIT;
	put_back(a, h);
}

size_t arena_room(const void *p)
{
	const struct header *h = (const struct header *)((const uint8_t *)p - ARENA_HEADER);

	return (size_t)size_of(h) * ARENA_UNIT - ARENA_HEADER;
}

void arena_set_aside(void *p)
{
	struct header *h = header_of(p);

	if ((size_word(h) & FLAGS) != USED)
		abort();
	set_size_word(h, size_word(h) | ASIDE);
}

void arena_take_back(void *p)
{
	struct header *h = header_of(p);

	set_size_word(h, size_word(h) & ~ASIDE);
}
