/*
 * Files.  The order "write, fsync, rename, fsync of the folder" stands here
 * once.  What goes wrong is logged here, with path and errno, except that a
 * missing file is the caller's to judge.
 */
#include "common/file.h"

#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static enum herr
name_of(int error)
{
	switch (error) {
	case ENOENT: return H_NOTFOUND;
	case EEXIST: return H_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS: return H_DENIED;
	case ENOSPC:
	case EDQUOT: return H_FULL;
	default: return H_IO;
	}
}

static enum herr
failed(const char *event, const char *path)
{
	enum herr err = name_of(errno);

	if (err != H_NOTFOUND)
		log_errno(LOG_ERROR, event, path);
	return err;
}

/* read(2) that a signal does not end. */
static ssize_t
read_some(int fd, void *into, size_t len)
{
	ssize_t got;

	do
		got = read(fd, into, len);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Reads to the end of the file; a file that fills `out` is asked for one byte
 * more. */
static enum herr
read_all(int fd, size_t expected, struct buf *out)
{
	char beyond;
	ssize_t got;

	for (;;) {
		size_t room = out->limit - out->len, want = expected;

		if (room == 0) {
			got = read_some(fd, &beyond, 1);
			return got == 0 ? H_OK : got > 0 ? H_LIMIT : H_IO;
		}
		if (want > room)
			want = room;
		got = read_some(fd, buf_want(out, want), want);
		if (got <= 0)
			return got == 0 ? H_OK : H_IO;
		buf_grew(out, (size_t)got);
		expected = 4096;
	}
}

enum herr
file_read(const char *path, struct buf *out)
{
	struct stat st;
	enum herr err;
	int fd;

	buf_clear(out);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return failed("file-open", path);
	if (fstat(fd, &st) != 0)
		st.st_size = 0;
	/* One byte more than the file has, so that the first read meets its
	 * end. */
	err = read_all(fd, st.st_size > 0 ? (size_t)st.st_size + 1 : 4096, out);
	if (err == H_IO)
		log_errno(LOG_ERROR, "file-read", path);
	else if (err == H_LIMIT)
		log_event(LOG_ERROR, "file-too-large", path);
	close(fd);
	if (err != H_OK)
		buf_clear(out);
	return err;
}

enum herr
file_write(int fd, struct span s)
{
	while (s.len > 0) {
		ssize_t put = write(fd, s.ptr, s.len);

		if (put > 0) {
			s.ptr += put;
			s.len -= (size_t)put;
		} else if (put < 0 && errno == EAGAIN) {
			struct pollfd ready = { .fd = fd, .events = POLLOUT };

			if (poll(&ready, 1, -1) < 0 && errno != EINTR)
				return H_IO;
		} else if (put == 0 || errno != EINTR) {
			return put < 0 && name_of(errno) == H_FULL ? H_FULL
			                                           : H_IO;
		}
	}
	return H_OK;
}

/* The folder that `path` is in; caller frees. */
static char *
folder_of(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len > 0 && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	return mem_string(len == 0 ? SPAN(".") : (struct span){ path, len });
}

enum herr
file_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum herr err = H_OK;

	if (fd < 0)
		return failed("folder-open", path);
	if (fsync(fd) != 0)
		err = failed("folder-sync", path);
	close(fd);
	return err;
}

static enum herr
sync_folder_of(const char *path)
{
	char *folder = folder_of(path);
	enum herr err = file_sync_folder(folder);

	mem_free(&folder);
	return err;
}

enum herr
file_make_folder(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) != 0) {
		if (errno != EEXIST)
			return failed("folder-make", path);
		if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
			errno = ENOTDIR;
			return failed("folder-make", path);
		}
	}
	/* Also if it was there: whoever made it may have died before this. */
	return sync_folder_of(path);
}

/* Writes, syncs and closes the new file, and gives it its name. */
static enum herr
fill_and_rename(int fd, const char *new, const char *path, struct span content,
    unsigned mode)
{
	enum herr err = file_write(fd, content);

	if (err != H_OK)
		log_errno(LOG_ERROR, "file-write", new);
	else if (fchmod(fd, (mode_t)mode) != 0)
		err = failed("file-mode", new);
	else if (fsync(fd) != 0)
		err = failed("file-sync", new);
	if (close(fd) != 0 && err == H_OK)
		err = failed("file-close", new);
	if (err == H_OK && rename(new, path) != 0)
		err = failed("file-rename", path);
	return err;
}

enum herr
file_replace(const char *path, struct span content, unsigned mode)
{
	struct buf name = BUF_INIT(8192);
	enum herr err;
	int fd;

	buf_text(&name, path);
	buf_add(&name, (struct span){ ".XXXXXX", sizeof(".XXXXXX") });
	if (name.bad) {
		buf_free(&name);
		errno = ENAMETOOLONG;
		return failed("file-create", path);
	}
	fd = mkostemp(name.ptr, O_CLOEXEC);
	if (fd < 0) {
		err = failed("file-create", path);
	} else {
		err = fill_and_rename(fd, name.ptr, path, content, mode);
		if (err != H_OK)
			unlink(name.ptr);
		else
			err = sync_folder_of(path);
	}
	buf_free(&name);
	return err;
}

char *
file_path(const char *a, const char *b)
{
	struct buf path = BUF_INIT(SIZE_MAX);
	size_t len = strlen(a);

	if (b[0] == '/' || len == 0)
		return mem_string(span_of(b));
	buf_add(&path, (struct span){ a, len });
	if (a[len - 1] != '/')
		buf_byte(&path, '/');
	buf_add(&path, (struct span){ b, strlen(b) + 1 });
	return path.ptr;
}
