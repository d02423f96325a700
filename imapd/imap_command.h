/* The commands: their names, where they make sense, what is special about them. */
#ifndef IMAPD_IMAP_COMMAND_H
#define IMAPD_IMAP_COMMAND_H

#include "imapd/imap.h"

/* What the text of a request begins with: sets its tag, command and arguments.  IMAP_REPLY_DONE, or why it is no command. */
enum imap_reply imap_command_find(struct imap_request *);
/* The only place that decides whether a command may run. */
enum imap_step imap_command_run(struct imap_session *, struct imap_request *);

#endif
