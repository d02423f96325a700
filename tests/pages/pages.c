/*
 * Loaded before libc: the kernel's pages seem to have 16 KiB, as a Raspberry
 * Pi 5's have.  LMDB asks sysconf(3) alone, and takes the answer as the size of
 * its own pages if it makes a file.
 */
#include <sys/syscall.h>

#include <dlfcn.h>
#include <unistd.h>

enum { PAGE = 16384 };

long
sysconf(int name)
{
	static long (*next)(int);

	if (name == _SC_PAGESIZE)
		return PAGE;
	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "sysconf");
	return next(name);
}
