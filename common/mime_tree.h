/*
 * The tree of parts while it grows: the record so far, and a stack of the parts
 * that have not ended, never deeper than RECORD_DEPTH_MAX.
 *
 * A part is written as soon as its header has ended, which is preorder; what is
 * known only at its end (length, lines, descendants) is filled in then.
 */
#ifndef COMMON_MIME_TREE_H
#define COMMON_MIME_TREE_H

#include "common/record.h"

struct mime_level;

struct mime_tree {
	struct mime_level *levels;
	unsigned depth, room; /* levels in use, and got */
	unsigned open;	      /* levels whose boundary is waited for */
	struct buf boundaries;
	struct buf record; /* entries, without the head */
	unsigned parts;
	bool full; /* no part is added any more */
	bool cut;  /* some limit was met */
};

void mime_tree_init(struct mime_tree *);
void mime_tree_release(struct mime_tree *);

/* A part that begins, with the fields of its header (mime_header.h). */
struct mime_start {
	struct span fields;
	uint64_t header_start, header_len;
	uint64_t lines; /* LF before its body */
	bool headless;	/* text stands where the header should be */
};
/* False: it did not fit, and its bytes belong to the part they are in. */
bool mime_tree_add(struct mime_tree *, const struct mime_start *);
/* Whether there is room for one more. */
bool mime_tree_may_add(struct mime_tree *);

/* Of the innermost part: is it a message, so that its content is next?  And where its body begins. */
bool mime_tree_at_message(const struct mime_tree *);
uint64_t mime_tree_body(const struct mime_tree *);

/* Whether the line (which begins with "--") is a boundary that is waited for: of which level, and whether it is the last. */
bool mime_tree_boundary(const struct mime_tree *, struct span line, unsigned *level, bool *last);
void mime_tree_close(struct mime_tree *, unsigned level);

/* Ends all parts at that depth and deeper, at the offset `end` with `lines` LF before it. */
void mime_tree_leave(struct mime_tree *, unsigned depth, uint64_t end, uint64_t lines);

#endif
