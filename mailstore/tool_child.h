/*
 * Where the tool lets accounts' environments be opened: in a child, one
 * environment each, a fresh image of the same program that locks itself in like
 * a role as soon as the environment is open.  What it says is treated as what a
 * stranger says: lines of bounded length and number, without control characters.
 */
#ifndef MAILSTORE_TOOL_CHILD_H
#define MAILSTORE_TOOL_CHILD_H

#include "mailstore/tool.h"

#define TOOL_CHILD_WORD "--child" /* the first argument of such a child */

enum { TOOL_CHILD_WORDS = 6, TOOL_CHILD_FD = 3 /* the first handed over */, TOOL_CHILD_FDS = 3 };

struct tool_job {
	const char *work, *folder;
	const char *words[TOOL_CHILD_WORDS]; /* up to the first NULL */
	const int *fds;			     /* handed over */
	size_t nfds;
	void (*line)(void *arg, const char *text); /* NULL: what it says does not matter */
	bool (*goes_on)(void *arg); /* NULL, or asked every second until its first line: false ends it */
	void *arg;
};
enum herr tool_run_child(const struct tool *, const struct tool_job *) MUST_USE;

/*
 * Runs a piece of work of the table in tool_child.c on the environment in
 * `folder`; `line` gets what it finds.  H_NOTFOUND: there is no environment;
 * H_IO: the child died.  The common case of tool_run_child().
 */
enum herr tool_child(const struct tool *, const char *work, const char *folder, const char *first, const char *second,
    void (*line)(void *arg, const char *text), void *arg) MUST_USE;

/*
 * This process becomes such a child, with a socket handed over, through which it
 * talks (tool_talk.h).  For who has forked.
 */
NORETURN void tool_child_become(const struct tool *, const char *work, const char *folder, int socket);

/* The child's main(). */
int tool_child_main(int argc, char **argv);

#endif
