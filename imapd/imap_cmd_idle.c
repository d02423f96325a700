/*
 * IDLE (RFC 2177): "+ idling" at once, then what changes, until DONE.  Other
 * commands may stand right behind DONE, or DONE right behind IDLE.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_sync.h"

static enum imap_step
idle(struct imap_session *s, struct imap_request *r)
{
	/* Again, if something came while the client was slow to read. */
	do {
		enum imap_step step = imap_sync(s, true);

		if (step != IMAP_DONE || s->over)
			return step;
	} while (imap_sync_needed(s));
	switch (imap_input_read(&s->input, s->conn, &imap_session_limits)) {
	case IMAP_GOT_NOTHING: return IMAP_WAIT_CHANGE;
	case IMAP_GOT_COMMAND:
		r->reply =
		    !s->input.wasted &&
			    span_is_nocase(buf_span(&s->input.text), "DONE")
			? IMAP_REPLY_DONE
			: IMAP_REPLY_SYNTAX;
		break;
	case IMAP_GOT_LITERAL:
	case IMAP_GOT_FLOOD:
		conn_text(s->conn, "* BYE That is not DONE\r\n");
		s->over = true;
		break;
	}
	imap_input_reset(&s->input, &imap_session_limits);
	conn_deadline(s->conn, IMAP_AUTOLOGOUT_MS);
	return IMAP_DONE;
}

enum imap_step
imap_cmd_idle(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "+ idling\r\n");
	conn_deadline(s->conn, IMAP_KEEPALIVE_MS);
	r->run = idle;
	return idle(s, r);
}
