#include "tests/crash/crash_inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

/* The names that the C library gives them stand in no header as we need them.
 */
ssize_t pwrite64(int, const void *, size_t, off64_t);
int fallocate64(int, int, off64_t, off64_t);
int ftruncate64(int, off64_t);

enum mode {
	MODE_NONE,
	MODE_EIO,
	MODE_ENOSPC,
	MODE_SHORT,
	MODE_FULL,
	MODE_KILL,
	MODE_LATE,
	MODE_RECORD
};

static const struct {
	const char *name;
	enum mode mode;
} modes[] = {
	{ "eio", MODE_EIO },
	{ "enospc", MODE_ENOSPC },
	{ "short", MODE_SHORT },
	{ "full", MODE_FULL },
	{ "kill", MODE_KILL },
	{ "late", MODE_LATE },
	{ "record", MODE_RECORD },
};

static char prefix[256];
static size_t prefix_len;
static bool armed, hit;
static enum mode mode;
static unsigned long calls, at;
static int log_fd = -1;

/* The C library's own. */
static struct {
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*pwrite)(int, const void *, size_t, off64_t);
	ssize_t (*writev)(int, const struct iovec *, int);
	int (*fsync)(int);
	int (*fdatasync)(int);
	int (*fallocate)(int, int, off64_t, off64_t);
	int (*ftruncate)(int, off64_t);
	long (*sysconf)(int);
	int (*env_open)(MDB_env *, const char *, unsigned, mdb_mode_t);
} real;

static void
find(void *slot, const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (fn == NULL)
		abort();
	memcpy(slot, &fn, sizeof fn);
}

static void
find_all(void)
{
	if (real.write != NULL)
		return;
	find(&real.pwrite, "pwrite64");
	find(&real.writev, "writev");
	find(&real.fsync, "fsync");
	find(&real.fdatasync, "fdatasync");
	find(&real.fallocate, "fallocate64");
	find(&real.ftruncate, "ftruncate64");
	find(&real.sysconf, "sysconf");
	find(&real.env_open, "mdb_env_open");
	find(&real.write, "write");
}

void
inject_arm(const char *folder)
{
	const char *name = getenv("CRASH_MODE"), *number = getenv("CRASH_AT"),
		   *log = getenv("CRASH_LOG");

	find_all();
	mode = MODE_NONE;
	for (size_t i = 0; name != NULL && i < COUNT_OF(modes); i++)
		if (strcmp(name, modes[i].name) == 0)
			mode = modes[i].mode;
	at = number == NULL ? 0 : strtoul(number, NULL, 10);
	if (mode == MODE_RECORD) {
		log_fd =
		    open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (log_fd < 0)
			abort();
	}
	snprintf(prefix, sizeof prefix, "%s", folder);
	prefix_len = strlen(prefix);
	armed = true;
}

void
inject_disarm(void)
{
	armed = false;
}

unsigned long
inject_calls(void)
{
	return calls;
}

bool
inject_hit(void)
{
	return hit;
}

static bool
is_ours(int fd)
{
	char link[64], path[512];
	ssize_t len;

	if (!armed)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof path);
	return len >= (ssize_t)prefix_len &&
	       memcmp(path, prefix, prefix_len) == 0;
}

static bool
is_data(int fd)
{
	char link[64], path[512];
	ssize_t len;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof path);
	return len > 9 && memcmp(path + len - 9, "/data.mdb", 9) == 0;
}

/* ---- recording ---- */

static void
record(uint32_t type, const void *bytes, size_t len, uint64_t offset)
{
	struct inject_record head = { type, (uint32_t)len, offset };

	if (real.write(log_fd, &head, sizeof head) != (ssize_t)sizeof head ||
	    (len > 0 && real.write(log_fd, bytes, len) != (ssize_t)len))
		abort();
}

void
inject_acknowledged(void)
{
	if (armed && mode == MODE_RECORD)
		record(RECORD_ACK, NULL, 0, 0);
}

static void
record_write(int fd, const void *bytes, size_t len, uint64_t offset)
{
	int flags = fcntl(fd, F_GETFL);

	if (mode == MODE_RECORD && is_data(fd))
		record(flags & O_DSYNC ? RECORD_DURABLE : RECORD_WRITE, bytes,
		    len, offset);
}

/* ---- failing ---- */

enum verdict { GO_ON, FAIL, HALF };

/* One more call: what becomes of it? */
static enum verdict
next_call(int fd, bool grows)
{
	if (!is_ours(fd))
		return GO_ON;
	calls++;
	if (calls < at || at == 0 || (calls > at && mode != MODE_FULL))
		return GO_ON;
	hit = true;
	switch (mode) {
	case MODE_NONE:
	case MODE_LATE:
	case MODE_RECORD: return GO_ON;
	case MODE_EIO: errno = EIO; return FAIL;
	case MODE_ENOSPC: errno = ENOSPC; return FAIL;
	case MODE_FULL: errno = ENOSPC; return grows ? FAIL : GO_ON;
	case MODE_SHORT: return HALF;
	case MODE_KILL: kill(getpid(), SIGKILL); break;
	}
	return GO_ON;
}

static void
call_done(int fd)
{
	if (mode == MODE_LATE && calls == at && is_ours(fd))
		kill(getpid(), SIGKILL);
}

ssize_t
write(int fd, const void *bytes, size_t len)
{
	enum verdict v;
	ssize_t n;

	find_all();
	v = next_call(fd, false);
	if (v == FAIL)
		return -1;
	n = real.write(fd, bytes, v == HALF ? len / 2 : len);
	call_done(fd);
	return n;
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
	enum verdict v;
	ssize_t n;

	find_all();
	v = next_call(fd, false);
	if (v == FAIL)
		return -1;
	n = real.pwrite(fd, bytes, v == HALF ? len / 2 : len, offset);
	if (is_ours(fd))
		record_write(fd, bytes, len, (uint64_t)offset);
	call_done(fd);
	return n;
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	return pwrite64(fd, bytes, len, offset);
}

ssize_t
writev(int fd, const struct iovec *parts, int nparts)
{
	off64_t offset = lseek(fd, 0, SEEK_CUR);
	enum verdict v;
	ssize_t n;

	find_all();
	v = next_call(fd, false);
	if (v == FAIL)
		return -1;
	n = v == HALF ? real.write(fd, parts[0].iov_base, parts[0].iov_len / 2)
	              : real.writev(fd, parts, nparts);
	if (is_ours(fd))
		for (int i = 0; i < nparts; i++) {
			record_write(fd, parts[i].iov_base, parts[i].iov_len,
			    (uint64_t)offset);
			offset += (off64_t)parts[i].iov_len;
		}
	call_done(fd);
	return n;
}

static int
flush(int fd, int (*fn)(int))
{
	enum verdict v = next_call(fd, false);
	int rc;

	if (v != GO_ON) {
		if (v == HALF)
			errno = EIO;
		return -1;
	}
	rc = fn(fd);
	if (mode == MODE_RECORD && is_ours(fd) && is_data(fd))
		record(RECORD_FLUSH, NULL, 0, 0);
	call_done(fd);
	return rc;
}

int
fsync(int fd)
{
	find_all();
	return flush(fd, real.fsync);
}

int
fdatasync(int fd)
{
	find_all();
	return flush(fd, real.fdatasync);
}

int
fallocate64(int fd, int how, off64_t offset, off64_t len)
{
	enum verdict v;
	int rc;

	find_all();
	v = next_call(fd, true);
	if (v != GO_ON) {
		if (v == HALF)
			errno = ENOSPC;
		return -1;
	}
	rc = real.fallocate(fd, how, offset, len);
	call_done(fd);
	return rc;
}

int
fallocate(int fd, int how, off_t offset, off_t len)
{
	return fallocate64(fd, how, offset, len);
}

int
ftruncate64(int fd, off64_t len)
{
	int rc;

	find_all();
	if (next_call(fd, false) != GO_ON)
		return -1;
	rc = real.ftruncate(fd, len);
	call_done(fd);
	return rc;
}

int
ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

/* ---- other worlds ---- */

long
sysconf(int name)
{
	const char *page = getenv("CRASH_PAGE");

	find_all();
	if (name == _SC_PAGESIZE && page != NULL)
		return strtol(page, NULL, 10);
	return real.sysconf(name);
}

int
mdb_env_open(
    MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode_bits)
{
	const char *more = getenv("CRASH_FLAGS");

	find_all();
	if (armed && more != NULL)
		flags |= (unsigned)strtoul(more, NULL, 0);
	return real.env_open(env, path, flags, mode_bits);
}
