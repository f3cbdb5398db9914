#include "keystore/secretmem_range.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Old headers do not know it; the number is the same on every architecture. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

enum { STEP = 256 * 1024 };

#define RESERVE_MOST  ((size_t)1 << 30)
#define RESERVE_LEAST ((size_t)1 << 20)

size_t range_pages(size_t n)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

/*
 * An open memfd_secret takes "disk" off the list, so that this must be read before one is opened.
 * A list that cannot be read may hold it.
 */
static bool may_hibernate(void)
{
	char states[256] = "";
	ssize_t n;
	int fd = open("/sys/power/state", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno != ENOENT;
	n = read(fd, states, sizeof(states) - 1);
	close(fd);
	return n < 0 || strstr(states, "disk") != NULL;
}

static size_t limit_of(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur > RESERVE_MOST)
		return RESERVE_MOST;
	return (size_t)limit.rlim_cur;
}

/* An eighth of a limited address space; no more than a file may have (SIGXFSZ). */
static size_t reserve_wish(void)
{
	const size_t address_space = limit_of(RLIMIT_AS);
	const size_t file = limit_of(RLIMIT_FSIZE);
	size_t wish = RESERVE_MOST;

	if (address_space < RESERVE_MOST)
		wish = address_space / 8;
	if (file < wish)
		wish = file;
	return wish < RESERVE_LEAST ? RESERVE_LEAST : range_pages(wish);
}

static enum err reserve(struct secret_range *r)
{
	void *p;

	for (size_t n = reserve_wish(); n >= RESERVE_LEAST; n = range_pages(n / 2)) {
		p = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED) {
			r->base = p;
			r->reserved = n;
			return ERR_OK;
		}
	}
	return ERR_MEMORY;
}

/* The file can be given its size only once; pages come when they are touched. */
static bool open_memfd(struct secret_range *r)
{
	r->fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (r->fd < 0)
		return false;
	if (limit_of(RLIMIT_FSIZE) >= r->reserved && ftruncate(r->fd, (off_t)r->reserved) == 0)
		return true;
	close(r->fd);
	r->fd = -1;
	return false;
}

/* Where the limit does not even allow a page, nothing is gained by a memfd. */
static bool memfd_has_pages(struct secret_range *r)
{
	const size_t page = range_pages(1);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, page);
	return true;
}

enum err range_open(struct secret_range *r, enum secret_mode wanted)
{
	const bool hibernates = wanted == SECRET_AUTO && may_hibernate();
	enum err e;

	*r = (struct secret_range){.mode = SECRET_LOCKED, .fd = -1};
	e = reserve(r);
	if (e != ERR_OK || wanted == SECRET_LOCKED || hibernates)
		return e;
	if (open_memfd(r) && (wanted == SECRET_MEMFD || memfd_has_pages(r))) {
		r->mode = SECRET_MEMFD;
		return ERR_OK;
	}
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	if (wanted == SECRET_AUTO)
		return ERR_OK;
	munmap(r->base, r->reserved);
	return ERR_UNSUPPORTED;
}

/* Pages are locked when they are first touched, so that what is mapped costs nothing yet. */
static bool lock(uint8_t *at, size_t n)
{
	return mlock2(at, n, MLOCK_ONFAULT) == 0 || (errno != ENOMEM && mlock(at, n) == 0);
}

/*
 * A child would share the pages of the memfd, and copy the locked ones to where they
 * are not locked: it gets neither.
 */
static bool protect(struct secret_range *r, void *p, size_t n)
{
	return madvise(p, n, MADV_DONTDUMP) == 0 && madvise(p, n, MADV_DONTFORK) == 0 &&
	       (r->fd >= 0 || lock(p, n));
}

/*
 * Mapped elsewhere and then moved into the range: a mapping that fails over the limit
 * may leave a hole where it was wanted, and another thread's memory could slip into that.
 */
static bool map(struct secret_range *r, size_t offset, size_t n)
{
	const int flags = r->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	void *p =
	    mmap(NULL, n, PROT_READ | PROT_WRITE, flags, r->fd, r->fd >= 0 ? (off_t)offset : 0);

	if (p == MAP_FAILED)
		return false;
	if (protect(r, p, n) &&
	    mremap(p, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, r->base + offset) != MAP_FAILED)
		return true;
	munmap(p, n);
	return false;
}

/* Ask for n bytes at offset unless as much was refused before: limits do not grow. */
static bool try_map(struct secret_range *r, size_t offset, size_t n)
{
	if ((r->refused != 0 && n >= r->refused) || n > r->reserved - r->low - r->high)
		return false;
	if (map(r, offset, n))
		return true;
	r->refused = n;
	return false;
}

/* A whole step where the limit allows it, otherwise less and less beyond what is needed. */
size_t range_grow(struct secret_range *r, size_t least)
{
	const size_t page = range_pages(1);
	const size_t need = least < r->reserved ? range_pages(least) : r->reserved;
	size_t extra = (STEP - need % STEP) % STEP;

	while (!try_map(r, r->low, need + extra)) {
		if (extra == 0)
			return 0;
		extra = extra / 2 / page * page;
	}
	r->low += need + extra;
	return need + extra;
}

void *range_stack(struct secret_range *r, size_t size)
{
	const size_t guard = range_pages(1);
	const size_t whole = size + guard;

	if (size > r->reserved || whole > r->reserved - r->low - r->high ||
	    !try_map(r, r->reserved - r->high - size, size))
		return NULL;
	r->high += whole;
	r->stacks += size;
	return r->base + r->reserved - r->high + guard;
}
