/*
 * What the tool's children do for backup, restore, repair and compact: pieces of
 * work of the table in tool_child.c.  Words are those of struct tool_job, the
 * folder first; descriptors begin at TOOL_CHILD_FD.
 */
#ifndef MAILSTORE_TOOL_COPY_H
#define MAILSTORE_TOOL_COPY_H

#include "common/base.h"

/* Folder; a file: a compact copy goes there. */
enum herr copy_open_account(char **words);
enum herr copy_account(char **words);
enum herr copy_open_queue(char **words);
enum herr copy_queue(char **words);
/* A file's name; the folder it is in: says "messages N modseq N", reads all of it, tells each fault. */
enum herr copy_open_copy(char **words);
enum herr copy_check(char **words);
enum herr copy_open_queue_copy(char **words);
enum herr copy_check_queue(char **words);

/* Folder of a copy, account: the copy becomes that account. */
enum herr copy_renew(char **words);
/* Folder of a copy, folder of the account: the same, with what came since: "messages N". */
enum herr copy_open_both(char **words);
enum herr copy_restore(char **words);
/* Folder of the account, folder of a copy, name, day: "name NAME", "messages N". */
enum herr copy_bring_back(char **words);
/* Folder to be filled, damaged folder, account; a file for what is not whole: what was found, "messages N aside N". */
enum herr copy_open_repair(char **words);
enum herr copy_repair(char **words);
/* Folder: "held N". */
enum herr copy_renew_queue(char **words);

#endif
