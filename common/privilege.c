/* Privileges are given up in one place. */
#include "common/privilege.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <unistd.h>

const char *
privilege_drop(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3,
		0 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return "no_new_privs";
#ifndef HEARTH_SANITIZE /* whose look for leaks, at the end, attaches to us */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return "dumpable";
#endif
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return "ambient capabilities";
	if (syscall(SYS_capset, &head, none) != 0)
		return "capabilities";
	return NULL;
}
