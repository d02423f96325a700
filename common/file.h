/* Files: whole reads with a limit, durable replacement, folders synced. */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"

/* Reads the whole file into `out` (H_LIMIT if it is larger than out's limit). */
enum herr file_read(const char *path, struct buf *out) MUST_USE;
/* New content under the name, or the old one, never a mixture: temporary file, fsync, rename, fsync of the folder. */
enum herr file_replace(const char *path, struct span content, unsigned mode) MUST_USE;
enum herr file_sync_folder(const char *path) MUST_USE;
/* Makes the folder (0700) if it is missing and syncs its parent. */
enum herr file_make_folder(const char *path) MUST_USE;
/* All of it, whatever write(2) says in between. */
enum herr file_write(int fd, struct span) MUST_USE;
/* `a`/`b`, or just `b` if it is absolute; caller frees. */
char *file_path(const char *a, const char *b) MUST_USE;

#endif
