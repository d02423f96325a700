/*
 * What the tool's children do for import and export: pieces of work of the
 * table in tool_child.c, with a conversation (tool_talk.h) as descriptor
 * TOOL_CHILD_FD.
 */
#ifndef MAILSTORE_TOOL_MAIL_H
#define MAILSTORE_TOOL_MAIL_H

#include "common/base.h"

enum herr import_open(char **words);
enum herr import_run(char **words);
enum herr export_open(char **words);
enum herr export_run(char **words);

#endif
