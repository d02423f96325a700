/*
 * Allocation that succeeds or ends the process: a mail server that cannot get
 * 64 bytes is better restarted by its parent than left half alive.  Limits on
 * what outsiders can make us allocate stand where their input is read.
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include "common/base.h"

void *mem_alloc(size_t) MUST_USE;		  /* zeroed */
void *mem_array(size_t count, size_t size) MUST_USE; /* zeroed; overflow ends the process */
void *mem_resize(void *, size_t count, size_t size) MUST_USE; /* new bytes are not zeroed */
char *mem_string(struct span) MUST_USE;		  /* copy with a final NUL */
void mem_wipe(void *, size_t);			  /* for secrets; never optimised away */

/* Frees what `pointer` points to and sets it to NULL; NULL is fine. */
#define mem_free(pointer)              \
	do {                           \
		mem_release(*(pointer)); \
		*(pointer) = NULL;     \
	} while (0)
void mem_release(void *);

#endif
