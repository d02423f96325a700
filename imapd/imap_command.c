/* The commands. */
#include "imapd/imap_command.h"

#include "imapd/imap_cmd.h"

/* clang-format off */
static const struct imap_command commands[] = {
	/* RFC 3501, 6.1 and 6.2 */
	{ "CAPABILITY",   IMAP_ANY,      0,                                               imap_cmd_capability },
	{ "NOOP",         IMAP_ANY,      0,                                               imap_cmd_noop },
	{ "LOGOUT",       IMAP_ANY,      IMAP_LEAVES,                                     imap_cmd_logout },
	{ "LOGIN",        IMAP_ANY,      0,                                               imap_cmd_again },
	{ "AUTHENTICATE", IMAP_ANY,      0,                                               imap_cmd_again },
	{ "STARTTLS",     IMAP_ANY,      0,                                               imap_cmd_again },
	{ "ID",           IMAP_ANY,      0,                                               imap_cmd_id },          /* RFC 2971 */
	{ "ENABLE",       IMAP_ANY,      0,                                               imap_cmd_enable },      /* RFC 5161 */
	/* 6.3 */
	{ "SELECT",       IMAP_ANY,      IMAP_LEAVES,                                     imap_cmd_select },
	{ "EXAMINE",      IMAP_ANY,      IMAP_LEAVES,                                     imap_cmd_examine },
	{ "CREATE",       IMAP_ANY,      IMAP_WRITES,                                     imap_cmd_create },
	{ "DELETE",       IMAP_ANY,      IMAP_WRITES | IMAP_LEAVES,                       imap_cmd_delete },
	{ "RENAME",       IMAP_ANY,      IMAP_WRITES,                                     imap_cmd_rename },
	{ "SUBSCRIBE",    IMAP_ANY,      IMAP_WRITES,                                     imap_cmd_subscribe },
	{ "UNSUBSCRIBE",  IMAP_ANY,      IMAP_WRITES,                                     imap_cmd_unsubscribe },
	{ "LIST",         IMAP_ANY,      0,                                               imap_cmd_list },
	{ "LSUB",         IMAP_ANY,      0,                                               imap_cmd_lsub },
	{ "XLIST",        IMAP_ANY,      0,                                               imap_cmd_xlist },
	{ "STATUS",       IMAP_ANY,      0,                                               imap_cmd_status },
	{ "APPEND",       IMAP_ANY,      IMAP_WRITES | IMAP_STREAMS,                      imap_cmd_append },
	{ "NAMESPACE",    IMAP_ANY,      0,                                               imap_cmd_namespace },   /* RFC 2342 */
	{ "IDLE",         IMAP_ANY,      0,                                               imap_cmd_idle },        /* RFC 2177 */
	/* 6.4 */
	{ "CHECK",        IMAP_SELECTED, 0,                                               imap_cmd_noop },
	{ "CLOSE",        IMAP_SELECTED, IMAP_WRITES | IMAP_LEAVES,                       imap_cmd_close },
	{ "UNSELECT",     IMAP_SELECTED, IMAP_LEAVES,                                     imap_cmd_unselect },    /* RFC 3691 */
	{ "EXPUNGE",      IMAP_SELECTED, IMAP_WRITES | IMAP_CHANGES | IMAP_BREAKS_SEQ,    imap_cmd_expunge },
	{ "UID EXPUNGE",  IMAP_SELECTED, IMAP_WRITES | IMAP_CHANGES | IMAP_BREAKS_SEQ | IMAP_BY_UID, imap_cmd_expunge }, /* RFC 4315 */
	{ "SEARCH",       IMAP_SELECTED, IMAP_HOLDS_SEQ | IMAP_USES_SEQ,                  imap_cmd_search },
	{ "UID SEARCH",   IMAP_SELECTED, IMAP_BY_UID,                                     imap_cmd_search },
	{ "FETCH",        IMAP_SELECTED, IMAP_HOLDS_SEQ | IMAP_USES_SEQ,                  imap_cmd_fetch },
	{ "UID FETCH",    IMAP_SELECTED, IMAP_BY_UID,                                     imap_cmd_fetch },
	{ "STORE",        IMAP_SELECTED, IMAP_WRITES | IMAP_CHANGES | IMAP_TELLS | IMAP_HOLDS_SEQ | IMAP_USES_SEQ, imap_cmd_store },
	{ "UID STORE",    IMAP_SELECTED, IMAP_WRITES | IMAP_CHANGES | IMAP_TELLS | IMAP_BY_UID, imap_cmd_store },
	{ "COPY",         IMAP_SELECTED, IMAP_WRITES | IMAP_USES_SEQ,                     imap_cmd_copy },
	{ "UID COPY",     IMAP_SELECTED, IMAP_WRITES | IMAP_BY_UID,                       imap_cmd_copy },
	{ "MOVE",         IMAP_SELECTED, IMAP_WRITES | IMAP_CHANGES | IMAP_USES_SEQ | IMAP_BREAKS_SEQ, imap_cmd_move }, /* RFC 6851 */
	{ "UID MOVE",     IMAP_SELECTED, IMAP_WRITES | IMAP_CHANGES | IMAP_BREAKS_SEQ | IMAP_BY_UID, imap_cmd_move },
};
/* clang-format on */

static const struct imap_command *
named(struct span name, bool by_uid)
{
	static const char uid[] = "UID ";

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct imap_command *c = &commands[i];
		bool uids = (c->traits & IMAP_BY_UID) != 0;

		if (uids == by_uid &&
		    span_is_nocase(
			name, c->name + (uids ? sizeof(uid) - 1 : 0)))
			return c;
	}
	return NULL;
}

enum imap_reply
imap_command_find(struct imap_request *r)
{
	struct imap_args a = imap_args_over(&r->text);
	struct span name;
	bool by_uid;

	r->tag = imap_tag(&a);
	imap_sp(&a);
	if (a.scan.bad) {
		r->tag = SPAN("*");
		return IMAP_REPLY_NO_TAG;
	}
	name = imap_atom(&a);
	by_uid = span_is_nocase(name, "UID");
	if (by_uid) {
		imap_sp(&a);
		name = imap_atom(&a);
	}
	if (a.scan.bad || (r->command = named(name, by_uid)) == NULL)
		return IMAP_REPLY_UNKNOWN;
	r->args = imap_args_pos(&a);
	r->holds_seq = (r->command->traits & IMAP_HOLDS_SEQ) != 0;
	return IMAP_REPLY_DONE;
}

enum imap_step
imap_command_run(struct imap_session *s, struct imap_request *r)
{
	const struct imap_command *c = r->command;
	enum imap_state state = s->mailbox != 0 ? IMAP_SELECTED : IMAP_KNOWN;

	if (!(c->states & state))
		return imap_done(r, IMAP_REPLY_NOT_NOW);
	if ((c->traits & IMAP_CHANGES) && s->read_only)
		return imap_done(r, IMAP_REPLY_READ_ONLY);
	return c->handler(s, r);
}
