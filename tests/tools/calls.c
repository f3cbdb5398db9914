/*
 * calls: writes what the filters of our processes let through, from the tables that the filters are
 * made of, as the part of man/signet-sandbox.7 that tests/lint/calls keeps there.
 */
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <asm/sockios.h>

#include "agent/sandbox.h"
#include "keystore/files/sandbox.h"
#include "keystore/unlock/confine.h"
#include "proto/base/profiles.h"

enum { LINE = 72, ENTRIES = 256, ENTRY = 160 };

/* What values of arguments are called. */
static const struct {
	const char *call;
	uint64_t value;
	const char *word;
} words[] = {
    {"clone", CLONE_THREAD, "CLONE_THREAD"},
    {"fcntl", F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"},
    {"fcntl", F_GETFD, "F_GETFD"},
    {"fcntl", F_GETFL, "F_GETFL"},
    {"fcntl", F_SETFD, "F_SETFD"},
    {"fcntl", F_SETFL, "F_SETFL"},
    {"fcntl", F_SETOWN, "F_SETOWN"},
    {"fcntl", F_SETOWN_EX, "F_SETOWN_EX"},
    {"ioctl", FIOSETOWN, "FIOSETOWN"},
    {"ioctl", SIOCSPGRP, "SIOCSPGRP"},
    {"ioctl", TIOCLINUX, "TIOCLINUX"},
    {"ioctl", TIOCSTI, "TIOCSTI"},
    {"mmap", PROT_EXEC, "PROT_EXEC"},
    {"mprotect", PROT_EXEC, "PROT_EXEC"},
    {"prctl", PR_SET_DUMPABLE, "PR_SET_DUMPABLE"},
    {"prctl", PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"},
    {"setsockopt", SO_RCVTIMEO, "SO_RCVTIMEO"},
    {"socket", AF_NETLINK, "AF_NETLINK"},
    {"socket", AF_UNIX, "AF_UNIX"},
};

/* A list that is written sorted; conditions of one call are put together. */
static struct {
	char entry[ENTRIES][ENTRY];
	size_t n;
} list;

static const char *name_of(int call)
{
	static char name[64];
	char *found = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);

	snprintf(name, sizeof(name), "%s", found != NULL ? found : "?");
	free(found);
	return name;
}

static const char *word_of(const char *call, uint64_t value)
{
	static char number[32];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		/* mmap2 has the words of mmap */
		if (words[i].value == value &&
		    strncmp(words[i].call, call, strlen(words[i].call)) == 0)
			return words[i].word;
	}
	snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
	return number;
}

/* The call, with what is said of its argument, or as a further such word. */
static void add(const char *call, const char *condition, const char *word)
{
	char start[ENTRY], *entry = list.entry[list.n];
	size_t len;

	snprintf(start, sizeof(start), "%s (%s ", call, condition);
	for (size_t i = 0; condition[0] != '\0' && i < list.n; i++) {
		if (strncmp(list.entry[i], start, strlen(start)) != 0)
			continue;
		len = strlen(list.entry[i]);
		snprintf(list.entry[i] + len - 1, ENTRY - len + 1, " or %s)", word);
		return;
	}
	if (list.n + 1 == ENTRIES)
		abort();
	if (condition[0] != '\0')
		snprintf(entry, ENTRY, "%.100s%.50s)", start, word);
	else
		snprintf(entry, ENTRY, "%s", call);
	list.n++;
}

static int order(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Its words, in lines that are not too long. */
static void print_entry(const char *entry, char end, size_t *used)
{
	while (*entry != '\0') {
		size_t n = strcspn(entry, " ");
		bool last = entry[n] == '\0';

		if (*used != 0 && *used + 1 + n + last > LINE) {
			putchar('\n');
			*used = 0;
		}
		*used += (size_t)printf("%s%.*s", *used == 0 ? "" : " ", (int)n, entry);
		if (last)
			*used += (size_t)printf("%c", end);
		entry += n + !last;
	}
}

static void print(const char *heading)
{
	size_t used = 0;

	if (list.n == 0)
		return;
	qsort(list.entry, list.n, sizeof(list.entry[0]), order);
	printf(".It %s\n", heading);
	for (size_t i = 0; i < list.n; i++)
		print_entry(list.entry[i], i + 1 == list.n ? '.' : ',', &used);
	putchar('\n');
	list.n = 0;
}

static void begin(const char *process)
{
	printf(".Ss %s\n.Bl -tag -width Ds\n", process);
}

/* The call of a row, or its twin, into the list. */
static void add_allowed(const struct allowed_call *row, int call)
{
	/* The mask of what is bound to be off is what it is about. */
	bool off = row->mask != UINT64_MAX;
	char condition[48] = "";

	if (row->mask != 0)
		snprintf(condition, sizeof(condition), "argument %u %s", row->arg + 1,
		    off ? "without" : "is");
	add(name_of(call), condition, word_of(name_of(call), off ? row->mask : row->value));
}

static void allowed(const char *process, const struct call_list *calls)
{
	size_t n;
	const struct call_twin *twins = callfilter_twins(&n);

	begin(process);
	for (int with = 0; with < 2; with++) {
		for (size_t i = 0; i < calls->n; i++) {
			if ((calls->rows[i].mask != 0) == (with == 1))
				add_allowed(&calls->rows[i], calls->rows[i].call);
		}
		print(with == 0 ? "allowed" : "allowed with such arguments only");
	}
	for (size_t i = 0; i < calls->n; i++) {
		for (size_t k = 0; k < n; k++) {
			if (twins[k].call == calls->rows[i].call)
				add_allowed(&calls->rows[i], twins[k].twin);
		}
	}
	print("for these, on machines of 32 bits");
	printf(".El\n");
}

/* Rows of one heading; what decides on a call without more is not among its conditions. */
static void collect(const struct profile *p, enum filter_kind kind, const char *words_between)
{
	for (size_t t = 0; t < sizeof(p->tables) / sizeof(p->tables[0]); t++) {
		for (size_t i = 0; i < p->tables[t].n; i++) {
			const struct filter_row *row = &p->tables[t].rows[i];
			const char *call = name_of(row->call);
			char condition[48];

			if (row->kind != kind)
				continue;
			snprintf(condition, sizeof(condition), "argument %u %s", row->arg + 1,
			    words_between);
			add(call, words_between[0] == '\0' ? "" : condition,
			    kind == FILTER_SELF ? "this process" : word_of(call, row->value));
		}
	}
}

/* A call that rows before allow under conditions is not refused always. */
static void drop_conditional(const struct profile *p)
{
	for (size_t t = 0; t < sizeof(p->tables) / sizeof(p->tables[0]); t++) {
		for (size_t i = 0; i < p->tables[t].n; i++) {
			const struct filter_row *row = &p->tables[t].rows[i];
			size_t k = 0;

			if (row->kind == FILTER_NEVER || row->kind == FILTER_ABSENT ||
			    row->kind == FILTER_IS_NOT)
				continue;
			while (k < list.n && strcmp(list.entry[k], name_of(row->call)) != 0)
				k++;
			if (k < list.n)
				memmove(list.entry[k], list.entry[k + 1],
				    (--list.n - k) * sizeof(list.entry[0]));
		}
	}
}

static void refused(const char *process, const struct profile *p)
{
	begin(process);
	collect(p, FILTER_NEVER, "");
	drop_conditional(p);
	print("refused");
	collect(p, FILTER_ABSENT, "");
	print("refused as if the kernel did not know it");
	collect(p, FILTER_IS, "is");
	collect(p, FILTER_SELF, "is");
	collect(p, FILTER_HAS, "has");
	print("allowed with such arguments only");
	collect(p, FILTER_IS_NOT, "is");
	print("refused with such arguments");
	printf(".El\n");
}

int main(void)
{
	allowed("The core of signet-agent", &sandbox_list);
	allowed("signet-files", &files_calls);
	allowed("signet-unlock", &unlock_calls);
	refused("signet-card, and signet-fido without a library", &profile_device);
	refused("signet-keyring and signet-session", &profile_bus);
	refused("signet-pkcs11 with a module", &profile_module);
	refused("signet-pkcs11 with a module that --pkcs11-network names", &profile_module_network);
	return 0;
}
