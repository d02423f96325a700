#include "mailstore/auth_table.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/log.h"

enum { MAKE_TRIES = 5 };

static const uint64_t magic = 0x3274746f72685448; /* "HThrott2" */

static_assert(sizeof(struct auth_slot) == 40, "the file's layout");
static_assert(offsetof(struct auth_table, slot) == 64, "the file's layout");
static_assert(sizeof(struct auth_process) == 1024, "the file's layout");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared words need no lock");

/* A whole new file under the name, unless somebody else was first. */
static enum herr
make(const char *path)
{
	struct auth_table_head head = {
		.magic = magic,
		.slots = AUTH_TABLE_SLOTS,
	};
	char temporary[4096];
	int fd, len;
	enum herr err = H_IO;

	len = snprintf(
	    temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	if (len < 0 || (size_t)len >= sizeof(temporary))
		return H_LIMIT;
	password_random(head.key, sizeof(head.key));
	(void)unlink(temporary);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		log_errno(LOG_ERROR, "throttle", temporary);
		return H_IO;
	}
	/* With its blocks: a hole that the disk cannot fill would be SIGBUS. */
	errno = posix_fallocate(fd, 0, sizeof(struct auth_table));
	if (errno != 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    (link(temporary, path) != 0 && errno != EEXIST))
		log_errno(LOG_ERROR, "throttle", path);
	else
		err = H_OK;
	close(fd);
	(void)unlink(temporary);
	return err;
}

static struct auth_table *
map(int fd)
{
	struct auth_table *t;
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size != (off_t)sizeof(*t))
		return NULL;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return NULL;
	if (t->head.magic == magic && t->head.slots == AUTH_TABLE_SLOTS)
		return t;
	munmap(t, sizeof(*t));
	return NULL;
}

enum herr
auth_table_map(struct auth_table **tp, int *fdp, const char *path)
{
	enum herr err;

	for (int i = 0; i < MAKE_TRIES; i++) {
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

		if (fd >= 0) {
			if ((*tp = map(fd)) != NULL) {
				*fdp = fd;
				return H_OK;
			}
			close(fd);
			log_event(LOG_WARN, "throttle",
			    "the file is damaged or of another version: made "
			    "anew");
			(void)unlink(path);
		} else if (errno != ENOENT) {
			log_errno(LOG_ERROR, "throttle", path);
			return H_IO;
		}
		if ((err = make(path)) != H_OK)
			return err;
	}
	log_event(LOG_ERROR, "throttle", "the file cannot be made");
	return H_IO;
}

void
auth_table_unmap(struct auth_table **tp)
{
	munmap(*tp, sizeof(**tp));
	*tp = NULL;
}
