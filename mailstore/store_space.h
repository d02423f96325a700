/*
 * The room an environment's file takes, on disk and in memory.
 *
 * On disk: every environment keeps some megabytes allocated beyond its end
 * (FALLOC_FL_KEEP_SIZE), which arrivals may not use.  So on a full disk mail
 * stops coming in, but deleting (which in a copy-on-write tree needs new pages
 * first) goes on.
 *
 * What lies directly behind the end is written with zeros, so that a commit
 * overwrites blocks that the file has already: the file system then has nothing
 * of its own to write (inode, extents, journal) before the flush is over.
 *
 * In memory: pages read through the map count as the process's own until the
 * kernel takes them; after some megabytes they are dropped (they stay cached).
 */
#ifndef MAILSTORE_STORE_SPACE_H
#define MAILSTORE_STORE_SPACE_H

#include "common/base.h"

struct space {
	int fd;		    /* of the file; not ours to close */
	uint64_t reserve;   /* bytes to keep beyond the end; 0: none */
	uint64_t allocated; /* the file has blocks up to here, as far as we know */
	bool no_fallocate;  /* the file system cannot */
	uint64_t written;   /* the file is that long at least */
	uint64_t last_end;  /* where it ended when asked before */
	char *map;	    /* NULL: not found */
	uint64_t touched;   /* bytes read through the map since they were dropped */
};

/* `fd` is the file's, which LMDB has already mapped. */
void space_init(struct space *, int fd, uint64_t reserve);
/*
 * Asks for blocks for a file that ends at `end` and may grow by `growth`, so
 * that the reserve is left.  H_FULL if the disk has not that much.
 */
enum herr space_want(struct space *, uint64_t end, uint64_t growth) MUST_USE;
/* Before a transaction that writes: zeros behind `end`, unless what is going on fills more than that at a time. */
void space_prepare(struct space *, uint64_t end);
/* Would space_want() get that much?  Asks for nothing. */
bool space_has(const struct space *, uint64_t end, uint64_t growth);
/* Is the reserve beyond `end` there, even if no more is to be had? */
bool space_reserve_whole(const struct space *, uint64_t end);
/* Has the disk hardly a page left? Says what an EIO of a short write meant. */
bool space_disk_full(const struct space *);
/* To be called when no transaction is open; drops what was touched if it is more than `most` bytes. */
void space_drop(struct space *, uint64_t end, uint64_t most);

#endif
