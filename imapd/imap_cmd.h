/*
 * The handlers of the commands.  Each parses its arguments and does what it can
 * at once; see imap.h for what it may return.
 */
#ifndef IMAPD_IMAP_CMD_H
#define IMAPD_IMAP_CMD_H

#include "imapd/imap.h"

/* imap_cmd_misc.c */
imap_run imap_cmd_capability, imap_cmd_noop, imap_cmd_logout, imap_cmd_id,
    imap_cmd_enable, imap_cmd_namespace, imap_cmd_again;
/* imap_cmd_select.c */
imap_run imap_cmd_select, imap_cmd_examine, imap_cmd_unselect;
/* imap_cmd_mailbox.c */
imap_run imap_cmd_create, imap_cmd_delete, imap_cmd_rename, imap_cmd_subscribe,
    imap_cmd_unsubscribe;
/* imap_cmd_list.c */
imap_run imap_cmd_list, imap_cmd_lsub, imap_cmd_xlist;
/* imap_cmd_status.c */
imap_run imap_cmd_status;
/* imap_cmd_append.c */
imap_run imap_cmd_append;
/* imap_cmd_fetch.c */
imap_run imap_cmd_fetch;
/* imap_cmd_store.c */
imap_run imap_cmd_store;
/* imap_cmd_search.c */
imap_run imap_cmd_search;
/* imap_cmd_copy.c */
imap_run imap_cmd_copy, imap_cmd_move;
/* imap_cmd_expunge.c */
imap_run imap_cmd_expunge, imap_cmd_close;
/* imap_cmd_idle.c */
imap_run imap_cmd_idle;

#endif
