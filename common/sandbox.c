/*
 * Locking in.  The table at the top is all that roles may ask of the kernel;
 * what is not in it fails with EPERM and one log line.  The one at the bottom
 * is what is refused to parents.  The only file that includes libseccomp.
 */
#include "common/sandbox.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/landlock.h"
#include "common/log.h"
#include "common/privilege.h"

/* What a role may be given beyond BASE. */
enum {
	BASE = 1 << 0,   /* read and write what is open, allocate, wait, end */
	ACCEPT = 1 << 1, /* take connections from a listening socket */
	MEMORY = 1 << 2, /* sealed memory to hand a message over in */
	STORE = 1 << 3,  /* LMDB: write at offsets, sync, lock, ask for space */
	THREADS = 1 << 4, /* threads; no processes */
	SANITIZER = 1 << 5,
};

#ifdef HEARTH_SANITIZE
#define EVERY_ROLE (BASE | SANITIZER)
#else
#define EVERY_ROLE BASE
#endif

enum { MIB = 1024 * 1024 };

/* clang-format off */
static const struct confinement {
	unsigned sets;
	rlim_t data; /* bytes of heap; maps of files do not count */
} confinements[] = {
	[ROLE_SMTP_MX]         = { EVERY_ROLE | ACCEPT | MEMORY,		(rlim_t)1024 * MIB },
	[ROLE_SMTP_SUBMISSION] = { EVERY_ROLE | ACCEPT | MEMORY,		(rlim_t)1024 * MIB },
	[ROLE_SMTP_DELIVER]    = { EVERY_ROLE | STORE,				(rlim_t)512 * MIB },
	[ROLE_SMTP_QUEUE]      = { EVERY_ROLE | STORE | MEMORY,		(rlim_t)512 * MIB },
	[ROLE_IMAP_FRONT]      = { EVERY_ROLE | ACCEPT,				(rlim_t)1024 * MIB },
	[ROLE_IMAP_ACCOUNT]    = { EVERY_ROLE | STORE,				(rlim_t)1024 * MIB },
	[ROLE_POP3_FRONT]      = { EVERY_ROLE | ACCEPT,				(rlim_t)1024 * MIB },
	[ROLE_POP3_ACCOUNT]    = { EVERY_ROLE | STORE,				(rlim_t)512 * MIB },
	[ROLE_AUTH]            = { EVERY_ROLE | THREADS,			(rlim_t)512 * MIB },
	[ROLE_TOOL_CHILD]      = { EVERY_ROLE | STORE,				(rlim_t)1024 * MIB },
	[ROLE_TOOL_COPY]       = { EVERY_ROLE | STORE | THREADS,		(rlim_t)256 * MIB },
};

#define ARG_IS(n, v)	{ { n, SCMP_CMP_EQ, (scmp_datum_t)(v), 0 }, { 0 } }, 1
#define NOT_BIT(n, v)	{ { n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(v), 0 }, { 0 } }, 1
#define ARGS_ARE(n, v, m, w) { { n, SCMP_CMP_EQ, (scmp_datum_t)(v), 0 }, { m, SCMP_CMP_EQ, (scmp_datum_t)(w), 0 } }, 2
#define BIT_NOT_AND_IS(n, v, m, w) { { n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(v), 0 }, { m, SCMP_CMP_EQ, (scmp_datum_t)(w), 0 } }, 2
#define AS_IT_IS	{ { 0 }, { 0 } }, 0

static const struct permit {
	unsigned sets;
	int call;
	struct scmp_arg_cmp when[2];
	unsigned nwhen;
} permits[] = {
	{ BASE, SCMP_SYS(read), AS_IT_IS },
	{ BASE, SCMP_SYS(pread64), AS_IT_IS },
	{ BASE, SCMP_SYS(write), AS_IT_IS },
	{ BASE, SCMP_SYS(writev), AS_IT_IS },
	{ BASE, SCMP_SYS(lseek), AS_IT_IS },
	{ BASE, SCMP_SYS(close), AS_IT_IS },
	{ BASE, SCMP_SYS(fstat), AS_IT_IS }, /* newfstatat() with an empty path: see denied() */
	{ BASE, SCMP_SYS(fcntl), ARG_IS(1, F_GETFL) },
	{ BASE, SCMP_SYS(fcntl), ARG_IS(1, F_SETFL) },
	{ BASE, SCMP_SYS(fcntl), ARG_IS(1, F_GETFD) },
	{ BASE, SCMP_SYS(fcntl), ARG_IS(1, F_SETFD) },
	{ BASE, SCMP_SYS(fcntl), ARG_IS(1, F_DUPFD_CLOEXEC) },
	{ BASE, SCMP_SYS(fcntl), ARG_IS(1, F_GET_SEALS) },

	/* Sockets that are connected already.  MSG_FASTOPEN would connect. */
	{ BASE, SCMP_SYS(recvmsg), AS_IT_IS },
	{ BASE, SCMP_SYS(recvfrom), AS_IT_IS },
	{ BASE, SCMP_SYS(sendmsg), NOT_BIT(2, MSG_FASTOPEN) },
	{ BASE, SCMP_SYS(sendto), BIT_NOT_AND_IS(3, MSG_FASTOPEN, 4, 0) },
	{ BASE, SCMP_SYS(shutdown), AS_IT_IS },
	{ BASE, SCMP_SYS(getsockopt), AS_IT_IS },
	{ BASE, SCMP_SYS(setsockopt), ARGS_ARE(1, IPPROTO_TCP, 2, TCP_NODELAY) },

	{ BASE, SCMP_SYS(epoll_ctl), AS_IT_IS },
	{ BASE, SCMP_SYS(epoll_wait), AS_IT_IS },
	{ BASE, SCMP_SYS(epoll_pwait), AS_IT_IS },
	{ BASE, SCMP_SYS(poll), AS_IT_IS },
	{ BASE, SCMP_SYS(ppoll), AS_IT_IS },
	{ BASE, SCMP_SYS(clock_gettime), AS_IT_IS },
	{ BASE, SCMP_SYS(clock_nanosleep), AS_IT_IS },
	{ BASE, SCMP_SYS(gettimeofday), AS_IT_IS },
	{ BASE, SCMP_SYS(getrandom), AS_IT_IS },
	{ BASE, SCMP_SYS(restart_syscall), AS_IT_IS },

	{ BASE, SCMP_SYS(brk), AS_IT_IS },
	{ BASE, SCMP_SYS(mmap), NOT_BIT(2, PROT_EXEC) },
	{ BASE, SCMP_SYS(mprotect), NOT_BIT(2, PROT_EXEC) },
	{ BASE, SCMP_SYS(mremap), AS_IT_IS },
	{ BASE, SCMP_SYS(munmap), AS_IT_IS },
	{ BASE, SCMP_SYS(madvise), AS_IT_IS },
	{ BASE, SCMP_SYS(futex), AS_IT_IS },

	{ BASE, SCMP_SYS(rt_sigaction), AS_IT_IS },
	{ BASE, SCMP_SYS(rt_sigprocmask), AS_IT_IS },
	{ BASE, SCMP_SYS(rt_sigreturn), AS_IT_IS },
	{ BASE, SCMP_SYS(getpid), AS_IT_IS },
	{ BASE, SCMP_SYS(gettid), AS_IT_IS },
	{ BASE, SCMP_SYS(exit), AS_IT_IS },
	{ BASE, SCMP_SYS(exit_group), AS_IT_IS },
	/* (tgkill() of itself, for abort(): see permit_self()) */

	{ ACCEPT, SCMP_SYS(accept4), AS_IT_IS },

	{ STORE, SCMP_SYS(pwrite64), AS_IT_IS },
	{ STORE, SCMP_SYS(pwritev), AS_IT_IS },
	{ STORE, SCMP_SYS(fallocate), AS_IT_IS },
	{ STORE, SCMP_SYS(fdatasync), AS_IT_IS },
	{ STORE, SCMP_SYS(fsync), AS_IT_IS },
	{ STORE, SCMP_SYS(fcntl), ARG_IS(1, F_GETLK) },
	{ STORE, SCMP_SYS(fcntl), ARG_IS(1, F_SETLK) },
	{ STORE, SCMP_SYS(fcntl), ARG_IS(1, F_SETLKW) },
	{ STORE, SCMP_SYS(fstatfs), AS_IT_IS },

	{ MEMORY, SCMP_SYS(memfd_create), AS_IT_IS },
	{ MEMORY, SCMP_SYS(fcntl), ARG_IS(1, F_ADD_SEALS) },

	/* Exactly as pthread_create() does it: what must not be asked for (a process, a namespace) makes another number. */
	{ THREADS, SCMP_SYS(clone), ARG_IS(0, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND |
	    CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID) },
	{ THREADS, SCMP_SYS(set_robust_list), AS_IT_IS },
	{ THREADS, SCMP_SYS(rseq), AS_IT_IS },

	{ SANITIZER, SCMP_SYS(sigaltstack), AS_IT_IS },
	{ SANITIZER, SCMP_SYS(sched_yield), AS_IT_IS },
	{ SANITIZER, SCMP_SYS(sched_getaffinity), AS_IT_IS },
};
/* clang-format on */

static void
must(bool done, const char *what)
{
	if (done)
		return;
	log_errno(LOG_ERROR, "cannot-lock-in", what);
	_exit(1);
}

static void
limit(int resource, rlim_t most, const char *what)
{
	struct rlimit r;

	must(getrlimit(resource, &r) == 0, what);
	if (r.rlim_max == RLIM_INFINITY || r.rlim_max > most)
		r.rlim_max = most;
	r.rlim_cur = r.rlim_max;
	must(setrlimit(resource, &r) == 0, what);
}

static void
limit_resources(const struct confinement *c)
{
	limit(RLIMIT_CORE, 0, "core files");
	limit(RLIMIT_MSGQUEUE, 0, "message queues");
#ifndef HEARTH_SANITIZE /* whose shadow memory counts as data */
	limit(RLIMIT_DATA, c->data, "data");
#endif
	if ((c->sets & THREADS) == 0)
		limit(RLIMIT_NPROC, 0, "processes");
}

/*
 * SIGSYS: a call that is not listed.  It was not made; what the caller sees as
 * its result is ours to say.  The C library's fstat() is newfstatat(fd, "",
 * ..., AT_EMPTY_PATH), and a filter cannot look at a path: so it comes here,
 * and becomes what it means.
 */
#if defined(__x86_64__)
#define RESULT(uc) ((uc)->uc_mcontext.gregs[REG_RAX])
#define ARG0(uc)   ((uc)->uc_mcontext.gregs[REG_RDI])
#define ARG1(uc)   ((uc)->uc_mcontext.gregs[REG_RSI])
#define ARG2(uc)   ((uc)->uc_mcontext.gregs[REG_RDX])
#define ARG3(uc)   ((uc)->uc_mcontext.gregs[REG_R10])
#elif defined(__aarch64__)
#define RESULT(uc) ((uc)->uc_mcontext.regs[0])
#define ARG0(uc)   ((uc)->uc_mcontext.regs[0])
#define ARG1(uc)   ((uc)->uc_mcontext.regs[1])
#define ARG2(uc)   ((uc)->uc_mcontext.regs[2])
#define ARG3(uc)   ((uc)->uc_mcontext.regs[3])
#else
#error "sandbox.c knows the registers of x86-64 and of aarch64"
#endif

enum { CALLS_REMEMBERED = 1024 };

static void
report(int call)
{
	static volatile unsigned char told[CALLS_REMEMBERED];
	unsigned number = (unsigned)call;
	struct log_line l;

	if (number < CALLS_REMEMBERED) {
		if (told[number])
			return;
		told[number] = 1;
	}
	log_begin(&l, LOG_WARN, "call-denied");
	log_number(&l, "number", call);
	log_end(&l);
}

static void
denied(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	int saved = errno;

	(void)signo;
	if (info->si_syscall == SYS_newfstatat && ARG3(uc) == AT_EMPTY_PATH &&
	    ARG1(uc) != 0 && *(const char *)ARG1(uc) == '\0') {
		long got = syscall(SYS_fstat, ARG0(uc), ARG2(uc));

		RESULT(uc) = got == 0 ? 0 : -errno;
		errno = saved;
		return;
	}
	report(info->si_syscall);
#ifdef HEARTH_TRAP
	abort();
#endif
	RESULT(uc) = -EPERM;
	errno = saved;
}

static void
permit_self(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp own = { 0, SCMP_CMP_EQ,
		(scmp_datum_t)getpid(), 0 };

	must(seccomp_rule_add_array(
		 filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own) == 0,
	    "seccomp: tgkill");
}

static void
filter_calls(unsigned sets)
{
	struct sigaction sa = { .sa_sigaction = denied,
		.sa_flags = SA_SIGINFO | SA_NODEFER };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);

	must(filter != NULL, "seccomp: init");
	must(sigaction(SIGSYS, &sa, NULL) == 0, "sigaction");
	must(seccomp_attr_set(
		 filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0,
	    "seccomp: other architectures");
	/*
	 * clone3() has its flags in memory, where a filter cannot look; with
	 * ENOSYS the C library falls back to clone().  It blocks all signals
	 * around the call, so a trap would end the process.
	 */
	must(seccomp_rule_add(filter,
		 SCMP_ACT_ERRNO(sets & THREADS ? ENOSYS : EPERM),
		 SCMP_SYS(clone3), 0) == 0,
	    "seccomp: clone3");
	for (size_t i = 0; i < COUNT_OF(permits); i++) {
		const struct permit *p = &permits[i];

		/* (a call that this architecture does not have is below 0) */
		if ((p->sets & sets) == 0 || p->call < 0)
			continue;
		must(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, p->call,
			 p->nwhen, p->when) == 0,
		    "seccomp: rule");
	}
	permit_self(filter);
	must(seccomp_load(filter) == 0, "seccomp: load");
	seccomp_release(filter);
	malloc_trim(0); /* it was large, and a role may live for months */
}

/* A thread that is there already would stay outside of Landlock (before ABI 8).
 */
static void
refuse_threads(void)
{
#ifndef HEARTH_SANITIZE /* which may have a thread of its own */
	struct stat st;

	/* "." and "..", and a folder for each thread */
	if (stat("/proc/self/task", &st) == 0 && st.st_nlink > 3)
		PANIC("threads are made after locking in");
#endif
}

/*
 * The C library's qsort() asks once, at the first list that is not small, how
 * much memory there is.  So that it need not ask later:
 */
static int
same(const void *a, const void *b)
{
	(void)a;
	(void)b;
	return 0;
}

static void
sort_once(void)
{
	char list[2048] = { 0 };

	qsort(list, sizeof(list), 1, same);
}

void
sandbox_enter(enum role_kind kind)
{
	const struct confinement *c;
	const char *failed;
	enum herr err;

	if ((size_t)kind >= COUNT_OF(confinements) ||
	    confinements[kind].sets == 0)
		PANIC("no such role");
	c = &confinements[kind];
	refuse_threads();
	sort_once();
	failed = privilege_drop();
	must(failed == NULL, failed);
	limit_resources(c);
	err = landlock_deny_all();
	must(err == H_OK || err == H_NOTFOUND, "landlock");
	filter_calls(c->sets);
	if (role_locked_hook != NULL)
		role_locked_hook(kind);
}

/* ---- parents ---- */

/* Set, all of them. */
#define BITS(n, v)                                                          \
	{                                                                   \
		n, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(v), (scmp_datum_t)(v) \
	}
#define OTHER_THAN(n, v)                             \
	{                                            \
		n, SCMP_CMP_NE, (scmp_datum_t)(v), 0 \
	}
#define ALWAYS { 0, 0, 0, 0 }, 0

/* clang-format off */
static const struct refusal {
	int call;
	struct scmp_arg_cmp when;
	unsigned nwhen;
} refusals[] = {
	/* Roles are started by descriptor. */
	{ SCMP_SYS(execve), ALWAYS },
	{ SCMP_SYS(execveat), OTHER_THAN(4, AT_EMPTY_PATH), 1 },
	{ SCMP_SYS(socket), OTHER_THAN(0, AF_UNIX), 1 },
	{ SCMP_SYS(mmap), BITS(2, PROT_WRITE | PROT_EXEC), 1 },
	{ SCMP_SYS(mprotect), BITS(2, PROT_WRITE | PROT_EXEC), 1 },
	{ SCMP_SYS(pkey_mprotect), ALWAYS },
	{ SCMP_SYS(personality), ALWAYS },

	/* Namespaces: where whoever has no privilege gets some. */
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWNS), 1 },
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWCGROUP), 1 },
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWUTS), 1 },
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWIPC), 1 },
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWUSER), 1 },
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWPID), 1 },
	{ SCMP_SYS(clone), BITS(0, CLONE_NEWNET), 1 },
	{ SCMP_SYS(unshare), ALWAYS },
	{ SCMP_SYS(setns), ALWAYS },
	{ SCMP_SYS(mount), ALWAYS },
	{ SCMP_SYS(umount2), ALWAYS },
	{ SCMP_SYS(pivot_root), ALWAYS },
	{ SCMP_SYS(chroot), ALWAYS },
	{ SCMP_SYS(open_tree), ALWAYS },
	{ SCMP_SYS(move_mount), ALWAYS },
	{ SCMP_SYS(fsopen), ALWAYS },
	{ SCMP_SYS(fsconfig), ALWAYS },
	{ SCMP_SYS(fsmount), ALWAYS },
	{ SCMP_SYS(fspick), ALWAYS },
	{ SCMP_SYS(mount_setattr), ALWAYS },

	/* Other processes. */
#ifndef HEARTH_SANITIZE /* whose look for leaks, at the end, attaches to us */
	{ SCMP_SYS(ptrace), ALWAYS },
#endif
	{ SCMP_SYS(process_vm_readv), ALWAYS },
	{ SCMP_SYS(process_vm_writev), ALWAYS },
	{ SCMP_SYS(process_madvise), ALWAYS },
	{ SCMP_SYS(kcmp), ALWAYS },
	{ SCMP_SYS(pidfd_open), ALWAYS },
	{ SCMP_SYS(pidfd_getfd), ALWAYS },
	{ SCMP_SYS(perf_event_open), ALWAYS },

	/* What mail has no use for, and kernels were broken by. */
	{ SCMP_SYS(bpf), ALWAYS },
	{ SCMP_SYS(io_uring_setup), ALWAYS },
	{ SCMP_SYS(io_uring_enter), ALWAYS },
	{ SCMP_SYS(io_uring_register), ALWAYS },
	{ SCMP_SYS(userfaultfd), ALWAYS },
	{ SCMP_SYS(keyctl), ALWAYS },
	{ SCMP_SYS(add_key), ALWAYS },
	{ SCMP_SYS(request_key), ALWAYS },
	{ SCMP_SYS(init_module), ALWAYS },
	{ SCMP_SYS(finit_module), ALWAYS },
	{ SCMP_SYS(delete_module), ALWAYS },
	{ SCMP_SYS(kexec_load), ALWAYS },
	{ SCMP_SYS(kexec_file_load), ALWAYS },
	{ SCMP_SYS(reboot), ALWAYS },
	{ SCMP_SYS(open_by_handle_at), ALWAYS },
	{ SCMP_SYS(fanotify_init), ALWAYS },
	{ SCMP_SYS(memfd_secret), ALWAYS },
	{ SCMP_SYS(vmsplice), ALWAYS },
	{ SCMP_SYS(modify_ldt), ALWAYS },
	{ SCMP_SYS(iopl), ALWAYS },
	{ SCMP_SYS(ioperm), ALWAYS },
	{ SCMP_SYS(ioctl), { 1, SCMP_CMP_EQ, TIOCSTI, 0 }, 1 },
	{ SCMP_SYS(ioctl), { 1, SCMP_CMP_EQ, TIOCLINUX, 0 }, 1 },
};
/* clang-format on */

void
sandbox_enter_parent(const int *programs, size_t n)
{
	enum herr err = landlock_run_only(programs, n);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	must(err == H_OK || err == H_NOTFOUND, "landlock");
	must(filter != NULL, "seccomp: init");
	must(seccomp_attr_set(
		 filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0,
	    "seccomp: other architectures");
	/* (its flags cannot be looked at; the C library has clone() too) */
	must(seccomp_rule_add(
		 filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0,
	    "seccomp: clone3");
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		const struct refusal *r = &refusals[i];

		if (r->call >= 0)
			must(seccomp_rule_add_array(filter,
				 SCMP_ACT_ERRNO(EPERM), r->call, r->nwhen,
				 &r->when) == 0,
			    "seccomp: rule");
	}
	must(seccomp_load(filter) == 0, "seccomp: load");
	seccomp_release(filter);
	malloc_trim(0);
}
