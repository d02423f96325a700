#include "mailstore/store_space.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/log.h"

enum {
	STEP = 2 * 1024 * 1024, /* blocks are asked for in steps: each is a
	                           change to the file's inode */
	HARDLY_A_PAGE = 64 * 1024,
	PREPARED = 256 * 1024,      /* bytes of zeros at a time */
	PREPARED_LEAST = 64 * 1024, /* as much as most transactions grow */
	GIBIBYTE = 1024 * 1024 * 1024,
};

/* Where LMDB mapped the file: it does not tell, the kernel does. */
static char *
map_of(int fd)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end, offset;
	unsigned long long inode;
	char line[512], *found = NULL;
	struct stat st;

	if (maps == NULL)
		return NULL;
	if (fstat(fd, &st) != 0)
		st.st_ino = 0;
	/* The device is not compared: some file systems show another one here.
	 * No other file of ours is mapped with a gigabyte. */
	while (found == NULL && fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%lx-%lx %*s %lx %*s %llu", &start, &end,
			&offset, &inode) == 4 &&
		    offset == 0 && inode != 0 && inode == st.st_ino &&
		    end - start >= GIBIBYTE)
			found = (char *)start;
	fclose(maps);
	return found;
}

void
space_init(struct space *s, int fd, uint64_t reserve)
{
	*s = (struct space){ .fd = fd, .reserve = reserve, .map = map_of(fd) };
}

/* Blocks up to `end`, or an errno. */
static int
allocate(struct space *s, uint64_t from, uint64_t end)
{
	int rc;

	do
		rc = fallocate(s->fd, FALLOC_FL_KEEP_SIZE, (off_t)from,
		    (off_t)(end - from));
	while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return errno;
	s->allocated = end;
	return 0;
}

/* For file systems without fallocate(2): nothing is kept, but mail stops in
 * time. */
static enum herr
is_room(const struct space *s, uint64_t wanted)
{
	struct statvfs fs;

	if (fstatvfs(s->fd, &fs) != 0) {
		log_errno(LOG_ERROR, "store-space", "fstatvfs");
		return H_IO;
	}
	return (uint64_t)fs.f_bavail * fs.f_frsize >= wanted ? H_OK : H_FULL;
}

enum herr
space_want(struct space *s, uint64_t end, uint64_t growth)
{
	uint64_t wanted = end + growth + s->reserve;
	int error;

	if (s->reserve == 0 || wanted <= s->allocated)
		return H_OK;
	if (s->no_fallocate)
		return is_room(s, growth + s->reserve);
	error = allocate(s, end, wanted + STEP);
	if (error == ENOSPC || error == EDQUOT) /* perhaps without the step */
		error = allocate(s, end, wanted);
	switch (error) {
	case 0: return H_OK;
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return H_FULL;
	case EOPNOTSUPP:
	case ENOSYS:
		s->no_fallocate = true;
		return is_room(s, growth + s->reserve);
	default:
		errno = error;
		log_errno(LOG_ERROR, "store-space", "fallocate");
		return H_IO;
	}
}

/* The caller is the only writer, and all behind `end` is nobody's.  That it
 * fails is no harm: the commit will say so, if it fails as well.  Small files
 * stay small. */
void
space_prepare(struct space *s, uint64_t end)
{
	static char zeros[PREPARED]; /* never touched: takes no memory */
	bool in_bulk = s->last_end != 0 && end - s->last_end > PREPARED_LEAST;
	off_t length;

	s->last_end = end;
	if (in_bulk || end < PREPARED || end + PREPARED_LEAST <= s->written)
		return;
	/* Another process may have done it. */
	if ((length = lseek(s->fd, 0, SEEK_END)) < 0)
		return;
	s->written = (uint64_t)length;
	if (end + PREPARED_LEAST <= s->written ||
	    s->written + PREPARED > s->allocated)
		return;
	if (pwrite(s->fd, zeros, PREPARED, length) == PREPARED)
		s->written += PREPARED;
}

bool
space_has(const struct space *s, uint64_t end, uint64_t growth)
{
	uint64_t wanted = end + growth + s->reserve;
	uint64_t have = s->allocated > end ? s->allocated : end;

	return s->reserve == 0 || wanted <= have ||
	       is_room(s, wanted - have) != H_FULL;
}

bool
space_reserve_whole(const struct space *s, uint64_t end)
{
	return s->allocated >= end + s->reserve;
}

bool
space_disk_full(const struct space *s)
{
	return is_room(s, HARDLY_A_PAGE) == H_FULL;
}

void
space_drop(struct space *s, uint64_t end, uint64_t most)
{
	if (s->map == NULL || s->touched <= most)
		return;
	if (madvise(s->map, end, MADV_DONTNEED) != 0)
		log_errno(LOG_WARN, "store-space", "madvise");
	s->touched = 0;
}
