/* CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE. */
#include "imapd/imap_capability.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_condstore.h"
#include "imapd/imap_id.h"

enum imap_step
imap_cmd_capability(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* ");
	imap_put_capability(conn_output(s->conn),
	    s->account->message_size_limit, s->account->without);
	conn_text(s->conn, "\r\n");
	return imap_done(r, IMAP_REPLY_DONE);
}

/* What there is to tell is told at the end of every command. */
enum imap_step
imap_cmd_noop(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);

	return imap_done(r, imap_end(&a) ? IMAP_REPLY_DONE : IMAP_REPLY_SYNTAX);
}

enum imap_step
imap_cmd_logout(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);

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
	struct imap_args a = imap_request_args(s, r);

	if (!imap_id(&a, s->id, &s->named, conn_output(s->conn)))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	return imap_done(r, IMAP_REPLY_DONE);
}

/* ---- ENABLE (RFC 5161) ---- */

enum {
	CONDSTORE = 1 << 0,
	QRESYNC = 1 << 1,
	UTF8_ACCEPT = 1 << 2,
	IMAP4REV2 = 1 << 3,
};

/* clang-format off */
static const struct {
	const char *name;
	unsigned bit, brings; /* itself, and what comes with it */
} extensions[] = {
	{ "CONDSTORE",   CONDSTORE,   CONDSTORE },           /* RFC 7162, 3.1 */
	{ "QRESYNC",     QRESYNC,     QRESYNC | CONDSTORE }, /* RFC 7162, 3.2.3 */
	{ "UTF8=ACCEPT", UTF8_ACCEPT, UTF8_ACCEPT },         /* RFC 6855, 3 */
	{ "IMAP4rev2",   IMAP4REV2,   IMAP4REV2 },           /* RFC 9051, 6.3.1 */
};
/* clang-format on */

static unsigned
enabled(const struct imap_session *s)
{
	return (s->condstore ? CONDSTORE : 0) | (s->qresync ? QRESYNC : 0) |
	       (s->utf8 ? UTF8_ACCEPT : 0) | (s->rev2 ? IMAP4REV2 : 0);
}

/* What is unknown is passed over; the answer names what is newly on. */
enum imap_step
imap_cmd_enable(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);
	unsigned on = 0, before = enabled(s);

	do {
		struct span name;

		imap_sp(&a);
		name = imap_atom(&a);
		for (size_t i = 0; i < COUNT_OF(extensions); i++)
			if (span_is_nocase(name, extensions[i].name))
				on |= extensions[i].brings;
	} while (scan_peek(&a.scan) == ' ');
	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* ENABLED");
	for (size_t i = 0; i < COUNT_OF(extensions); i++)
		if (extensions[i].bit & on & ~before) {
			conn_text(s->conn, " ");
			conn_text(s->conn, extensions[i].name);
		}
	conn_text(s->conn, "\r\n");
	if (on & CONDSTORE)
		imap_condstore_on(s);
	s->qresync |= (on & QRESYNC) != 0;
	s->utf8 |= (on & UTF8_ACCEPT) != 0;
	s->rev2 |= (on & IMAP4REV2) != 0;
	return imap_done(r, IMAP_REPLY_DONE);
}

enum imap_step
imap_cmd_namespace(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);

	if (!imap_end(&a))
		return imap_done(r, IMAP_REPLY_SYNTAX);
	conn_text(s->conn, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return imap_done(r, IMAP_REPLY_DONE);
}
