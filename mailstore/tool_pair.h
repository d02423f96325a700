/*
 * Two processes for import and export.  The one that this was called in keeps
 * the rights of whoever started the tool, for files outside of the state; if
 * that is root, it takes on those of the owner of these files.  The other
 * becomes `user`, finds the account, and is then its locked-in child.
 */
#ifndef MAILSTORE_TOOL_PAIR_H
#define MAILSTORE_TOOL_PAIR_H

#include <sys/stat.h>

#include "mailstore/tool.h"
#include "mailstore/tool_talk.h"

struct tool_pair {
	struct talk talk;
	pid_t child;
};

/* False: said why not. */
bool tool_pair_begin(struct tool_pair *, const struct tool *, const char *address, const char *work, const struct stat *owner);
/* True: the child said how it went, with TALK_DONE; false: it said on standard error why it could not begin, or (said here) it died. */
bool tool_pair_end(struct tool_pair *, bool done);

#endif
