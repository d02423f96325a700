/*
 * What is handled and has no rule is denied.  Descriptors that are open already
 * keep what they could do.
 */
#include "common/landlock.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include "common/log.h"

/* As in <linux/landlock.h> of the newest kernel; an older kernel is given the
 * first part. */
struct ruleset {
	uint64_t fs, net, scoped;
};

enum {
	CREATE_RULESET_VERSION = 1, /* flag: ask for the ABI */
	ABI_KNOWN = 7,
	RULE_BENEATH = 1,
	FS_EXECUTE = 1 << 0,
	FS_REFER = 1 << 13, /* rename and link across folders */
	ABI_REFER = 2,
};

struct beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* What each ABI can handle, cumulative. */
/* clang-format off */
static const struct { uint64_t fs_bits, net_bits, scoped_bits; size_t size; } abis[ABI_KNOWN + 1] = {
	[1] = { 13, 0, 0, 8 },	/* execute, read, write, list, make and remove */
	[2] = { 14, 0, 0, 8 },	/* + link and rename across folders */
	[3] = { 15, 0, 0, 8 },	/* + truncate */
	[4] = { 15, 2, 0, 16 }, /* + TCP bind and connect */
	[5] = { 16, 2, 0, 16 }, /* + ioctl on devices */
	[6] = { 16, 2, 2, 24 }, /* + abstract Unix sockets and signals leave the scope */
	[7] = { 16, 2, 2, 24 }, /* (audit) */
};
/* clang-format on */

static uint64_t
low_bits(uint64_t n)
{
	return (UINT64_C(1) << n) - 1;
}

int
landlock_abi(void)
{
	long abi = syscall(
	    SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* By that ruleset, which is closed; -1: it could not be made. */
static enum herr
restrict_self(int ruleset)
{
	long err;

	if (ruleset < 0) {
		log_errno(LOG_ERROR, "landlock", "create");
		return H_IO;
	}
	if ((err = syscall(SYS_landlock_restrict_self, ruleset, 0)) != 0)
		log_errno(LOG_ERROR, "landlock", "restrict");
	close(ruleset);
	return err == 0 ? H_OK : H_IO;
}

enum herr
landlock_deny_all(void)
{
	int abi = landlock_abi();
	struct ruleset rules;
	long fd;

	if (abi == 0)
		return H_NOTFOUND;
	if (abi > ABI_KNOWN)
		abi = ABI_KNOWN;
	rules.fs = low_bits(abis[abi].fs_bits);
	rules.net = low_bits(abis[abi].net_bits);
	rules.scoped = low_bits(abis[abi].scoped_bits);
	fd = syscall(SYS_landlock_create_ruleset, &rules, abis[abi].size, 0);
	return restrict_self((int)fd);
}

/* ---- what a parent may run ---- */

static bool
allow(int ruleset, int fd, uint64_t what)
{
	struct beneath rule = { .allowed = what, .fd = fd };

	return syscall(
		   SYS_landlock_add_rule, ruleset, RULE_BENEATH, &rule, 0) == 0;
}

static bool
allow_path(int ruleset, const char *path, uint64_t what)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	bool done = fd >= 0 && allow(ruleset, fd, what);

	if (fd >= 0)
		close(fd);
	return done;
}

/* The loader that this program names is that of all of ours. */
static int
find_loader(struct dl_phdr_info *program, size_t size, void *arg)
{
	union {
		ElfW(Addr) number;
		const char *text;
	} at = { 0 };
	const char **loader = arg;

	(void)size;
	for (size_t i = 0; i < program->dlpi_phnum; i++)
		if (program->dlpi_phdr[i].p_type == PT_INTERP) {
			at.number =
			    program->dlpi_addr + program->dlpi_phdr[i].p_vaddr;
			*loader = at.text;
		}
	return 1; /* the first is the program itself */
}

enum herr
landlock_run_only(const int *programs, size_t n)
{
	int abi = landlock_abi();
	bool refer = abi >= ABI_REFER;
	struct ruleset rules = {
		.fs = FS_EXECUTE | (refer ? FS_REFER : 0),
	};
	const char *loader = NULL;
	bool good;
	long fd;

	if (abi == 0)
		return H_NOTFOUND;
	fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules.fs), 0);
	if (fd < 0)
		return restrict_self(-1);
	(void)dl_iterate_phdr(find_loader, &loader);
	good = loader == NULL || allow_path((int)fd, loader, FS_EXECUTE);
	/* Any ruleset denies this, unless it says otherwise. */
	if (refer)
		good = good && allow_path((int)fd, "/", FS_REFER);
	for (size_t i = 0; i < n; i++)
		good = good && allow((int)fd, programs[i], FS_EXECUTE);
	if (good)
		return restrict_self((int)fd);
	log_errno(LOG_ERROR, "landlock", "rule");
	close((int)fd);
	return H_IO;
}
