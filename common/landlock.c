/*
 * A ruleset without rules: all that is handled is denied.  Descriptors that are
 * open already keep what they could do.
 */
#include "common/landlock.h"

#include <sys/syscall.h>

#include <errno.h>
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
};

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

enum herr
landlock_deny_all(void)
{
	int abi = landlock_abi();
	struct ruleset rules;
	long fd, err;

	if (abi == 0)
		return H_NOTFOUND;
	if (abi > ABI_KNOWN)
		abi = ABI_KNOWN;
	rules.fs = low_bits(abis[abi].fs_bits);
	rules.net = low_bits(abis[abi].net_bits);
	rules.scoped = low_bits(abis[abi].scoped_bits);
	fd = syscall(SYS_landlock_create_ruleset, &rules, abis[abi].size, 0);
	if (fd < 0) {
		log_errno(LOG_ERROR, "landlock", "create");
		return H_IO;
	}
	err = syscall(SYS_landlock_restrict_self, (int)fd, 0);
	if (err != 0)
		log_errno(LOG_ERROR, "landlock", "restrict");
	close((int)fd);
	return err == 0 ? H_OK : H_IO;
}
