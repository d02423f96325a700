/*
 * hearth, the tool, from the inside.  A command is a row of the table in
 * tool_main.c; it returns the exit status: 0 done, 1 refused or not found (one
 * line on standard error says what to do), 2 wrong usage.
 *
 * Before a command with TOOL_STATE runs, the tool has become `user` and the
 * state folder is its working directory.  Accounts' environments are opened only
 * in a locked-in child (tool_child.h).
 */
#ifndef MAILSTORE_TOOL_H
#define MAILSTORE_TOOL_H

#include "common/buf.h"
#include "common/conf.h"
#include "mailstore/directory.h"

struct tool {
	struct conf *conf;
	int conf_folder; /* see identity.h */
	int program;	 /* this very program, to execute for a child */
	bool json;	 /* --json */
	bool password_stdin;
	const char *quota; /* --quota SIZE, or NULL */
	const char *mailbox; /* --mailbox NAME, or NULL */
	uint64_t without, with; /* --without, --with: capabilities */
	struct place *place; /* the folder outside that the command was given, see tool_place.h */
};

enum { TOOL_DONE = 0, TOOL_REFUSED = 1, TOOL_USAGE = 2 };
enum { ADDRESS_SIZE = 321 };

/* One line on standard error; returns TOOL_REFUSED. */
int tool_refuse(const char *format, ...) PRINTF_LIKE(1, 2);

/* The canonical form of an address given by hand; false: said what is wrong. */
bool tool_address(const char *given, char canonical[ADDRESS_SIZE]);
/* The same, and its domain is one of ours. */
bool tool_own_address(const struct tool *, const char *given, char canonical[ADDRESS_SIZE]);
/* The directory, or NULL: said what is wrong.  To write: once no other command does. */
struct directory *tool_directory(const struct tool *);
struct directory *tool_directory_to_read(const struct tool *);
/* The account with that address, or false: said so. */
bool tool_account(struct directory *, const char *given, struct directory_account *);
void tool_folder_of(uint64_t account, char path[64]); /* below the state folder */

/* Nothing is left of it that a terminal would act on. */
void tool_harmless(char *text);
/* "text" with JSON's escapes (RFC 8259, 7), to standard output. */
void tool_json(const char *text);

/* tool_control.c: one question to a running daemon; H_NOTFOUND: it does not run.  `answer` gets the payload. */
enum herr tool_ask_daemon(const char *daemon, uint16_t type, struct span payload, struct buf *answer) MUST_USE;

/* Nobody works on the account until tool_release(), or until this process ends: its sessions end, mail for it waits.  False: said why. */
struct tool_hold { int fds[3]; };
bool tool_hold(uint64_t account, struct tool_hold *);
void tool_release(struct tool_hold *);

/* The commands: `arguments` are what follows the command's words. */
typedef int tool_command(struct tool *, int count, char **arguments);
tool_command tool_account_add, tool_account_list, tool_account_password, tool_account_remove, tool_account_set;
tool_command tool_alias_add, tool_alias_list, tool_alias_remove;
tool_command tool_check_config, tool_run, tool_status;
tool_command tool_queue_list, tool_queue_show, tool_verify;
tool_command tool_backup, tool_restore, tool_repair, tool_compact;
tool_command tool_import, tool_export;

#endif
