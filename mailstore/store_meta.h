/*
 * The first two pages of an environment, as LMDB 0.9 lays them out on 64-bit
 * little-endian machines.  Written here so that every environment has 4 KiB
 * pages, whatever the kernel's page size: one layout on every machine, so that
 * a backup of one kernel opens under another, and never LMDB's ITS#9806 (which
 * needs larger pages).  Looked at here before LMDB maps a file, since LMDB
 * believes every word of them.
 */
#ifndef MAILSTORE_STORE_META_H
#define MAILSTORE_STORE_META_H

#include "common/base.h"

enum { META_PAGE = 4096 };

/* Makes folder/data.mdb, an empty environment, or leaves the one that is there; durable on return. */
enum herr meta_create(const char *folder) MUST_USE;

/* What the newer of the two pages says. */
struct meta_facts {
	uint64_t pages; /* that the environment has: the last page's number + 1 */
	uint64_t file;	/* bytes of the file */
};

/* H_NOTFOUND (no file), H_CORRUPT (logged), H_IO. */
enum herr meta_look(const char *data_path, struct meta_facts *) MUST_USE;

/* Of a file that nobody writes: what the two pages say, the newer first; how many of them can be believed. */
struct meta_state {
	uint64_t transaction, free_root, main_root; /* roots: UINT64_MAX for an empty tree */
};
unsigned meta_states(int fd, struct meta_state states[2]);

#endif
