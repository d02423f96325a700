/* CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE. */
#include "imapd/imap_capability.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_id.h"

enum imap_step
imap_cmd_capability(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* CAPABILITY " IMAP_CAPABILITY_CORE "\r\n");
	return imap_done(r, IMAP_REPLY_DONE);
}

/* What there is to tell is told at the end of every command. */
enum imap_step
imap_cmd_noop(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);

	(void)s;
	return imap_done(r, imap_end(&a) ? IMAP_REPLY_DONE : IMAP_REPLY_SYNTAX);
}

enum imap_step
imap_cmd_logout(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* BYE Logging out\r\n");
	return imap_done(r, IMAP_REPLY_LOGOUT);
}

/* LOGIN, AUTHENTICATE and STARTTLS belong to the front; here they come too
 * late. */
enum imap_step
imap_cmd_again(struct imap_session *s, struct imap_request *r)
{
	(void)s;
	return imap_done(r, IMAP_REPLY_LOGGED_IN);
}

enum imap_step
imap_cmd_id(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);

	if (!imap_id(&a, s->id, &s->named, conn_output(s->conn)))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	return imap_done(r, IMAP_REPLY_DONE);
}

/* RFC 5161: what is unknown is passed over; the answer names what is newly on.
 */
enum imap_step
imap_cmd_enable(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);
	bool condstore = false, qresync = false;

	do {
		struct span name;

		imap_sp(&a);
		name = imap_atom(&a);
		if (span_is_nocase(name, "CONDSTORE"))
			condstore = true;
		else if (span_is_nocase(name, "QRESYNC"))
			qresync = true;
	} while (scan_peek(&a.scan) == ' ');
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* ENABLED");
	if ((condstore || qresync) && !s->condstore)
		conn_text(s->conn, " CONDSTORE");
	if (qresync && !s->qresync)
		conn_text(s->conn, " QRESYNC");
	conn_text(s->conn, "\r\n");
	if (condstore || qresync)
		imap_condstore_on(s);
	s->qresync |= qresync;
	return imap_done(r, IMAP_REPLY_DONE);
}

enum imap_step
imap_cmd_namespace(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return imap_done(r, IMAP_REPLY_DONE);
}
