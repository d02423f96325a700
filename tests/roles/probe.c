/*
 * What a taken-over role would try, tried from inside the real one.  Linked
 *into a second copy of each role's program, it is called the moment the role
 *has locked itself in, tries every cell of tests/roles/matrix and says on
 *standard error what came of it:
 *
 *	probe ROLE PID CELL works|ERRNO
 *
 * Then the role goes on as ever, so that a test can see it do its work.  What
 * must be known of the world outside stands in the file "targets" above the
 * program's folder, which is read before main().
 *
 * On SIGUSR1 with a value (sigqueue(3)) it says that verb to its parent.
 */
#include "common/role.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/ipc.h"
#include "common/wire.h"

enum { TO_PARENT = 3, PAGE = 4096, PATH_ROOM = 512, TARGETS_ROOM = 4096 };

static char targets[TARGETS_ROOM]; /* lines "name value" */
static int scratch = -1;           /* a file that was open before */
static char *page;                 /* memory that was there before */
static pid_t parent;
static const char *me;

/* ---- before main() ---- */

static void prepare(void) __attribute__((constructor));

static void
prepare(void)
{
	char path[PATH_ROOM];
	ssize_t len =
	    readlink("/proc/self/exe", path, sizeof(path) - sizeof("/targets"));
	int fd;

	for (int up = 0; up < 2; up++)
		while (len > 0 && path[--len] != '/')
			;
	if (len < 0)
		abort();
	memcpy(path + len, "/targets", sizeof("/targets"));
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ||
	    read(fd, targets, sizeof(targets) - 1) < 0)
		abort();
	close(fd);
	scratch = memfd_create("scratch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (scratch < 0 || ftruncate(scratch, PAGE) != 0 || page == MAP_FAILED)
		abort();
	parent = getppid();
}

/* The value of a line, cut out into one of a few buffers. */
static const char *
target(const char *name)
{
	static char room[8][PATH_ROOM];
	static unsigned turn;
	char *to = room[turn++ % COUNT_OF(room)];
	size_t len = strlen(name), n = 0;

	for (const char *at = targets; at != NULL && *at != '\0';) {
		if (strncmp(at, name, len) == 0 && at[len] == ' ') {
			for (at += len + 1;
			     *at != '\0' && *at != '\n' && n < PATH_ROOM - 1;)
				to[n++] = *at++;
			break;
		}
		if ((at = strchr(at, '\n')) != NULL)
			at++;
	}
	to[n] = '\0';
	return to;
}

/* ---- saying what came of it ---- */

static void
say(const char *cell, int err)
{
	char line[200];
	int len = snprintf(line, sizeof(line), "probe %s %ld %s %s\n", me,
	    (long)getpid(), cell, err == 0 ? "works" : strerrorname_np(err));

	if (len < 0 || write(STDERR_FILENO, line, (size_t)len) != len)
		abort();
}

/* A plain system call. */
struct attempt {
	const char *cell;
	long call;
	long arg[5];
};

static void
try(const struct attempt *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const long *v = a[i].arg;
		long got;

		errno = 0;
		got = syscall(a[i].call, v[0], v[1], v[2], v[3], v[4], 0L);
		if (got == 0 && (a[i].call == SYS_clone))
			_exit(0); /* the child that should not be */
		say(a[i].cell, got >= 0 ? 0 : errno);
	}
}

/* clang-format off */
#define AT(pointer) ((long)(uintptr_t)(pointer))

static void
try_files(void)
{
	static struct stat st;
	struct attempt table[] = {
		{ "open-conf",		SYS_openat, { AT_FDCWD, AT(target("conf")), O_RDONLY } },
		{ "open-key",		SYS_openat, { AT_FDCWD, AT(target("key")), O_RDONLY } },
		{ "open-directory",	SYS_openat, { AT_FDCWD, AT(target("directory")), O_RDONLY } },
		{ "open-queue",		SYS_openat, { AT_FDCWD, AT(target("queue")), O_RDWR } },
		{ "open-account-1",	SYS_openat, { AT_FDCWD, AT(target("account-1")), O_RDWR } },
		{ "open-account-2",	SYS_openat, { AT_FDCWD, AT(target("account-2")), O_RDWR } },
		{ "create-in-state",	SYS_openat, { AT_FDCWD, AT(target("new-in-state")), O_RDWR | O_CREAT, 0600 } },
		{ "create-outside",	SYS_openat, { AT_FDCWD, AT(target("new-outside")), O_RDWR | O_CREAT, 0600 } },
		{ "open-outside",	SYS_openat, { AT_FDCWD, AT("/etc/passwd"), O_RDONLY } },
		{ "open-device",	SYS_openat, { AT_FDCWD, AT("/dev/null"), O_WRONLY } },
		{ "open-own-memory",	SYS_openat, { AT_FDCWD, AT("/proc/self/mem"), O_RDWR } },
		{ "open-parents-memory", SYS_openat, { AT_FDCWD, AT(target("parent-memory")), O_RDWR } },
		{ "open-folder",	SYS_openat, { AT_FDCWD, AT("/"), O_RDONLY | O_DIRECTORY } },
		{ "open-path-only",	SYS_openat, { AT_FDCWD, AT("/"), O_PATH } },
		{ "open-how",		SYS_openat2, { AT_FDCWD, AT("/"), AT(page), 24 } },
		{ "open-by-handle",	SYS_open_by_handle_at, { AT_FDCWD, AT(page), 0 } },
		{ "stat",		SYS_newfstatat, { AT_FDCWD, AT("/etc/passwd"), AT(&st), 0 } },
		{ "stat-empty-path",	SYS_newfstatat, { AT_FDCWD, AT("/etc/passwd"), AT(&st), AT_EMPTY_PATH } },
		{ "statx",		SYS_statx, { AT_FDCWD, AT("/etc/passwd"), 0, 0x7ff, AT(page) } },
		{ "access",		SYS_faccessat, { AT_FDCWD, AT("/etc/passwd"), R_OK } },
		{ "readlink",		SYS_readlinkat, { AT_FDCWD, AT("/proc/self/exe"), AT(page), 16 } },
		{ "unlink",		SYS_unlinkat, { AT_FDCWD, AT(target("victim")), 0 } },
		{ "rename",		SYS_renameat2, { AT_FDCWD, AT(target("victim")), AT_FDCWD, AT(target("new-outside")), 0 } },
		{ "link",		SYS_linkat, { AT_FDCWD, AT(target("victim")), AT_FDCWD, AT(target("new-outside")), 0 } },
		{ "symlink",		SYS_symlinkat, { AT("/"), AT_FDCWD, AT(target("new-outside")) } },
		{ "mkdir",		SYS_mkdirat, { AT_FDCWD, AT(target("new-outside")), 0700 } },
		{ "mknod",		SYS_mknodat, { AT_FDCWD, AT(target("new-outside")), S_IFIFO | 0600, 0 } },
		{ "truncate",		SYS_truncate, { AT(target("victim")), 0 } },
		{ "chmod",		SYS_fchmodat, { AT_FDCWD, AT(target("victim")), 0666 } },
		{ "chmod-open-file",	SYS_fchmod, { scratch, 0777 } },
		{ "chdir",		SYS_chdir, { AT("/") } },
		{ "watch-files",	SYS_inotify_init1, { 0 } },
		{ "fstat",		SYS_newfstatat, { scratch, AT(""), AT(&st), AT_EMPTY_PATH } },
		{ "read-at",		SYS_pread64, { scratch, AT(page), 1, 0 } },
		{ "write-at",		SYS_pwrite64, { scratch, AT(page), 1, 1 } },
		{ "set-size",		SYS_ftruncate, { scratch, 2 * PAGE } },
		{ "allocate",		SYS_fallocate, { scratch, 0, 0, 2 * PAGE } },
		{ "sync",		SYS_fdatasync, { scratch } },
		{ "duplicate",		SYS_fcntl, { scratch, F_DUPFD_CLOEXEC, 0 } },
		{ "signals-of-socket",	SYS_fcntl, { TO_PARENT, F_SETOWN, parent } },
		{ "terminal-input",	SYS_ioctl, { STDERR_FILENO, TIOCSTI, AT("x") } },
	};

	try(table, COUNT_OF(table));
}

static void
try_sockets(void)
{
	static struct sockaddr_in smtp = { .sin_family = AF_INET };
	static struct sockaddr abstract = { AF_UNIX, "\0hearth-probe" };
	static struct msghdr nothing;
	static int pair[2], on = 1;
	struct attempt table[] = {
		{ "socket-inet",	SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
		{ "socket-inet6",	SYS_socket, { AF_INET6, SOCK_STREAM, 0 } },
		{ "socket-udp",		SYS_socket, { AF_INET, SOCK_DGRAM, 0 } },
		{ "socket-unix",	SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
		{ "socket-netlink",	SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
		{ "socket-packet",	SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
		{ "socket-vsock",	SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 } },
		{ "socket-alg",		SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 } },
		{ "socket-pair",	SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, AT(pair) } },
		{ "connect",		SYS_connect, { TO_PARENT, AT(&smtp), sizeof(smtp) } },
		{ "connect-abstract",	SYS_connect, { TO_PARENT, AT(&abstract), sizeof(abstract) } },
		{ "bind",		SYS_bind, { TO_PARENT, AT(&smtp), sizeof(smtp) } },
		{ "listen",		SYS_listen, { TO_PARENT, 1 } },
		{ "fast-open",		SYS_sendmsg, { TO_PARENT, AT(&nothing), MSG_FASTOPEN } },
		{ "fast-send",		SYS_sendto, { TO_PARENT, AT("x"), 1, MSG_FASTOPEN, 0 } },
		{ "attach-filter",	SYS_setsockopt, { TO_PARENT, SOL_SOCKET, SO_ATTACH_BPF, AT(&on), sizeof(on) } },
		{ "bind-device",	SYS_setsockopt, { TO_PARENT, SOL_SOCKET, SO_BINDTODEVICE, AT("lo"), 2 } },
	};

	smtp.sin_port = htons(25);
	smtp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	try(table, COUNT_OF(table));
	errno = 0; /* (it has six arguments) */
	say("send-to", sendto(TO_PARENT, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&smtp, sizeof(smtp)) >= 0 ? 0 : errno);
}

static void
try_processes(void)
{
	static char true_[] = "true", *argv[] = { true_, NULL };
	static struct iovec here = { targets, 8 }, there;
	struct attempt table[] = {
		{ "exec",		SYS_execve, { AT("/bin/true"), AT(argv), 0 } },
		{ "exec-memory",	SYS_execveat, { scratch, AT(""), AT(argv), 0, AT_EMPTY_PATH } },
		{ "fork",		SYS_clone, { SIGCHLD } },
		{ "fork-namespace",	SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
		{ "kill-parent",	SYS_kill, { parent, 0 } },
		{ "kill-all",		SYS_kill, { -1, 0 } },
		{ "kill-group",		SYS_kill, { 0, 0 } },
		{ "kill-thread",	SYS_tgkill, { parent, parent, 0 } },
		{ "queue-signal",	SYS_rt_sigqueueinfo, { parent, 0, AT(page) } },
		{ "open-process",	SYS_pidfd_open, { parent, 0 } },
		{ "take-descriptor",	SYS_pidfd_getfd, { scratch, 3, 0 } },
		{ "trace",		SYS_ptrace, { PTRACE_ATTACH, parent, 0, 0 } },
		{ "trace-me",		SYS_ptrace, { PTRACE_TRACEME, 0, 0, 0 } },
		{ "read-process",	SYS_process_vm_readv, { parent, AT(&here), 1, AT(&there), 1 } },
		{ "write-process",	SYS_process_vm_writev, { parent, AT(&here), 1, AT(&there), 1 } },
		{ "compare-process",	SYS_kcmp, { parent, getpid(), 0, 0, 0 } },
		{ "priority",		SYS_setpriority, { PRIO_PROCESS, 0, 0 } },
		{ "limits",		SYS_prlimit64, { 0, RLIMIT_NOFILE, 0, AT(page) } },
		{ "limits-of-parent",	SYS_prlimit64, { parent, RLIMIT_NOFILE, 0, AT(page) } },
		{ "session",		SYS_setsid, { 0 } },
	};

	there = (struct iovec){ page, 8 };
	try(table, COUNT_OF(table));
}

static void
try_memory(void)
{
	struct attempt table[] = {
		{ "protect-code",	SYS_mprotect, { AT(page), PAGE, PROT_READ | PROT_EXEC } },
		{ "pkey-protect-code",	SYS_pkey_mprotect, { AT(page), PAGE, PROT_READ | PROT_EXEC, -1 } },
		{ "shared-memory",	SYS_shmget, { 0, PAGE, 01000 | 0600 } },
		{ "personality",	SYS_personality, { 0x0400000 } }, /* what is readable can be run */
		{ "pages-order",	SYS_remap_file_pages, { AT(page), PAGE, 0, 0, 0 } },
		{ "secret-memory",	SYS_memfd_secret, { 0 } },
		{ "memory-file",	SYS_memfd_create, { AT("probe"), MFD_CLOEXEC } },
		{ "seal",		SYS_fcntl, { scratch, F_ADD_SEALS, F_SEAL_GROW } },
		{ "lock-memory",	SYS_mlockall, { 1 } },
	};

	try(table, COUNT_OF(table));
	errno = 0; /* (it has six arguments) */
	say("map", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 0 : errno);
	say("map-code", mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 0 : errno);
	say("map-memory-as-code", mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, scratch, 0) != MAP_FAILED ? 0 : errno);
}

static void
try_system(void)
{
	static struct rlimit none;
	struct attempt table[] = {
		{ "mount",		SYS_mount, { AT("none"), AT("/tmp"), AT("tmpfs"), 0, 0 } },
		{ "unmount",		SYS_umount2, { AT("/tmp"), MNT_DETACH } },
		{ "open-tree",		SYS_open_tree, { AT_FDCWD, AT("/"), 1 } },
		{ "chroot",		SYS_chroot, { AT("/") } },
		{ "pivot-root",		SYS_pivot_root, { AT("/"), AT("/") } },
		{ "unshare",		SYS_unshare, { CLONE_NEWUSER } },
		{ "setns",		SYS_setns, { scratch, 0 } },
		{ "setuid",		SYS_setuid, { 0 } },
		{ "setgid",		SYS_setgid, { 0 } },
		{ "setresuid",		SYS_setresuid, { 0, 0, 0 } },
		{ "setgroups",		SYS_setgroups, { 0, 0 } },
		{ "capset",		SYS_capset, { AT(page), 0 } },
		{ "prctl",		SYS_prctl, { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
		{ "setrlimit",		SYS_setrlimit, { RLIMIT_CORE, AT(&none) } },
		{ "bpf",		SYS_bpf, { 5, AT(page), 64 } },
		{ "io-uring",		SYS_io_uring_setup, { 1, AT(page) } },
		{ "userfaultfd",	SYS_userfaultfd, { 1 } },
		{ "perf",		SYS_perf_event_open, { AT(page), 0, -1, -1, 0 } },
		{ "keyctl",		SYS_keyctl, { 0, -4, 0 } },
		{ "add-key",		SYS_add_key, { AT("user"), AT("k"), AT("v"), 1, -4 } },
		{ "module",		SYS_init_module, { AT(page), 0, AT("") } },
		{ "reboot",		SYS_reboot, { 0, 0, 0, 0 } },
		{ "more-filters",	SYS_seccomp, { 1, 0, 0 } },
		{ "landlock",		SYS_landlock_create_ruleset, { 0, 0, 1 } },
		{ "fanotify",		SYS_fanotify_init, { 0, 0 } },
		{ "set-clock",		SYS_clock_settime, { 0, AT(page) } },
		{ "host-name",		SYS_sethostname, { AT("x"), 1 } },
		{ "kernel-log",		SYS_syslog, { 3, AT(page), 16 } },
		{ "message-queue",	SYS_mq_open, { AT("hearth"), O_CREAT, 0600, 0 } },
	};

	try(table, COUNT_OF(table));
}
/* clang-format on */

static void *
thread(void *arg)
{
	return arg;
}

static void
try_thread(void)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, thread, NULL);

	say("thread", err == 0 ? pthread_join(t, NULL) : err);
}

static void
try_lock(void)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	errno = 0;
	say("lock", fcntl(scratch, F_SETLK, &l) == 0 ? 0 : errno);
}

/* ---- verbs for the parent ---- */

/* Some ask for a peer: those are given as 1000 + peer, and it is account 2's.
 */
enum { VERB_PEER = 1000, VERB_ACCOUNT = 2 };

static void
say_verb(int signo, siginfo_t *info, void *context)
{
	unsigned char packet[16 + 32] = { 0 };
	unsigned verb = (unsigned)info->si_value.sival_int;
	size_t len = sizeof(packet);

	(void)signo;
	(void)context;
	put_le16(packet, CHANNEL_VERSION);
	put_le16(packet + 2, (uint16_t)verb);
	put_le64(packet + 8,
	    UINT64_C(1) << 40); /* the role will not know this question */
	if (verb >= VERB_PEER) {
		put_le16(packet + 2, IPC_WANT_PEER);
		packet[16] = (unsigned char)(verb - VERB_PEER);
		put_le64(packet + 17, VERB_ACCOUNT);
		len = 16 + 9;
	} else if (verb == IPC_SESSION_TAKEN) {
		len = 16 + 1;
	} else if (verb == IPC_LOGIN) {
		put_le64(packet + 24, VERB_ACCOUNT);
		len = 16 + 8 + 8 + 8 + 8;
	} else if (verb == IPC_CREDENTIAL_IS) {
		len = 16 + 8;
	} else {
		len = 16;
	}
	if (send(TO_PARENT, packet, len, MSG_NOSIGNAL) < 0)
		say("verb", errno);
}

static const char *
name_of(enum role_kind kind)
{
	switch (kind) {
	case ROLE_IMAP_FRONT: return "imap-front";
	case ROLE_IMAP_ACCOUNT: return "imap-account";
	case ROLE_POP3_FRONT: return "pop3-front";
	case ROLE_POP3_ACCOUNT: return "pop3-account";
	case ROLE_SMTP_MX:
	case ROLE_SMTP_SUBMISSION:
	case ROLE_SMTP_DELIVER:
	case ROLE_SMTP_QUEUE:
	case ROLE_AUTH:
	case ROLE_TOOL_CHILD: return role_name(kind);
	case ROLE_TOOL_COPY: return "copy";
	}
	return "?";
}

void
role_locked_hook(enum role_kind kind)
{
	struct sigaction sa = { .sa_sigaction = say_verb,
		.sa_flags = SA_SIGINFO | SA_RESTART };

	me = name_of(kind);
	try_files();
	try_sockets();
	try_processes();
	try_memory();
	try_system();
	try_thread();
	try_lock();
	sigaction(SIGUSR1, &sa, NULL);
	say("done", 0);
}
