#include "proto/base/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "proto/base/harden.h"

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(SIGNET_SANITIZE) || !defined(FILTER_ARCH)

enum err filter_install(const struct filter_table *tables, size_t n)
{
	(void)tables;
	(void)n;
	return ERR_OK;
}

#else

#define FIELD(name)      ((uint32_t)offsetof(struct seccomp_data, name))
#define LOAD(offset)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define RETURN(what)     BPF_STMT(BPF_RET | BPF_K, (what))
/* When what was loaded is k, skip `yes` instructions, else `no`. */
#define IF_IS(k, yes, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (n))

/* x32's numbers on x86-64 (asm/unistd.h). */
#define OTHER_NUMBERS    0x40000000u

enum { FIRST_CODE = 6, ROW_CODE = 5 };

struct program {
	struct sock_filter code[FIRST_CODE + ROW_CODE * FILTER_ROWS_MOST + 1];
	unsigned short n;
};

static void put(struct program *p, struct sock_filter one)
{
	p->code[p->n++] = one;
}

/* This machine's own system calls only; their number is what is loaded between rows. */
static void put_first(struct program *p)
{
	put(p, (struct sock_filter)LOAD(FIELD(arch)));
	put(p, (struct sock_filter)IF_IS(FILTER_ARCH, 1, 0));
	put(p, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
	put(p, (struct sock_filter)LOAD(FIELD(nr)));
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OTHER_NUMBERS, 0, 1));
	put(p, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | ENOSYS));
}

/* The lower half of an argument. */
static uint32_t argument(unsigned arg)
{
	return FIELD(args) + arg * (uint32_t)sizeof(uint64_t);
}

static void put_row(struct program *p, const struct filter_row *row, uint32_t self)
{
	uint32_t nr = (uint32_t)row->call;
	uint32_t value = row->kind == FILTER_SELF ? self : row->value;
	uint32_t then = row->kind == FILTER_IS_NOT ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW;

	if (row->kind == FILTER_NEVER || row->kind == FILTER_ABSENT) {
		uint32_t why = row->kind == FILTER_NEVER ? EPERM : ENOSYS;

		put(p, (struct sock_filter)IF_IS(nr, 0, 1));
		put(p, (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | why));
		return;
	}
	put(p, (struct sock_filter)IF_IS(nr, 0, 4));
	put(p, (struct sock_filter)LOAD(argument(row->arg)));
	if (row->kind == FILTER_HAS)
		put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, value, 0, 1));
	else
		put(p, (struct sock_filter)IF_IS(value, 0, 1));
	put(p, (struct sock_filter)RETURN(then));
	put(p, (struct sock_filter)LOAD(FIELD(nr)));
}

enum err filter_install(const struct filter_table *tables, size_t n)
{
	const uint32_t self = (uint32_t)getpid();
	struct program p = {.n = 0};
	struct sock_fprog program = {.filter = p.code};
	size_t rows = 0;

	for (size_t i = 0; i < n; i++)
		rows += tables[i].n;
	if (rows > FILTER_ROWS_MOST)
		return ERR_LIMIT;
	put_first(&p);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < tables[i].n; k++)
			put_row(&p, &tables[i].rows[k], self);
	}
	put(&p, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
	program.len = p.n;
	if (harden_no_new_privileges() != ERR_OK ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return ERR_SYSTEM;
	return ERR_OK;
}

#endif
