/*
 * Everything the receivers ever say.  No text holds a byte from the client, so
 * no client can make us say something.
 */
#include "smtpd/smtp_reply.h"

/* clang-format off */
static const struct {
	short       code;
	const char *status; /* NULL where RFC 2034 has none */
	const char *text;
} replies[] = {
	[REPLY_GREETING]	  = { 220, NULL,    "" },
	[REPLY_HELLO]		  = { 250, NULL,    "" },
	[REPLY_HELP]		  = { 214, "2.0.0", "HELO EHLO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT STARTTLS AUTH" },
	[REPLY_BYE]		  = { 221, "2.0.0", "Goodbye" },
	[REPLY_OK]		  = { 250, "2.0.0", "OK" },
	[REPLY_VRFY]		  = { 252, "2.1.5", "Send some mail, I will try my best" },
	[REPLY_SENDER_OK]	  = { 250, "2.1.0", "Sender OK" },
	[REPLY_RCPT_OK]		  = { 250, "2.1.5", "Recipient OK" },
	[REPLY_GO_AHEAD]	  = { 354, NULL,    "Go ahead, end with <CRLF>.<CRLF>" },
	[REPLY_STORED]		  = { 250, "2.0.0", "Stored as " },
	[REPLY_TLS_READY]	  = { 220, "2.0.0", "Ready to start TLS" },
	[REPLY_CHALLENGE]	  = { 334, NULL,    "" },
	[REPLY_LOGGED_IN]	  = { 235, "2.7.0", "Logged in" },

	[REPLY_GOING_DOWN]	  = { 421, "4.3.2", "Server is going down" },
	[REPLY_INTERRUPTED]	  = { 421, "4.3.0", "Interrupted, please connect and send again" },
	[REPLY_TIMEOUT]		  = { 421, "4.4.2", "Timeout" },
	[REPLY_TOO_SLOW]	  = { 421, "4.4.2", "Message comes too slowly" },
	[REPLY_TOO_MANY_CLIENTS]  = { 421, "4.3.2", "Too many connections" },
	[REPLY_TOO_MANY_FROM_YOU] = { 421, "4.7.0", "Too many connections from your address" },
	[REPLY_TOO_OFTEN]	  = { 421, "4.7.0", "Too many connections in a minute from your address" },
	[REPLY_TOO_MANY_ERRORS]	  = { 421, "4.7.0", "Too many errors" },
	[REPLY_TOO_MUCH_JUNK]	  = { 421, "4.7.0", "Too many commands without mail" },
	[REPLY_NOT_SMTP]	  = { 421, "4.7.0", "This is an SMTP server" },

	[REPLY_TRY_LATER]	  = { 451, "4.3.0", "Try again later" },
	[REPLY_RCPT_FULL]	  = { 452, "4.2.2", "Mailbox full" },
	[REPLY_DISK_FULL]	  = { 452, "4.3.1", "No room for mail now" },
	[REPLY_TOO_MANY_RCPTS]	  = { 452, "4.5.3", "Too many recipients" },
	[REPLY_NO_TLS_NOW]	  = { 454, "4.7.0", "TLS not available" },
	[REPLY_AUTH_LATER]	  = { 454, "4.7.0", "Cannot check passwords now" },
	[REPLY_AUTH_THROTTLED]	  = { 454, "4.7.0", "Too many failed attempts, wait a while" },

	[REPLY_UNKNOWN]		  = { 500, "5.5.1", "Unknown command" },
	[REPLY_LINE_TOO_LONG]	  = { 500, "5.5.2", "Line too long" },
	[REPLY_BARE]		  = { 500, "5.5.2", "Lines end in CRLF and hold no CR, LF or NUL" },
	[REPLY_SYNTAX]		  = { 501, "5.5.2", "Syntax error" },
	[REPLY_NOT_HERE]	  = { 502, "5.5.1", "Not available here" },
	[REPLY_SEQUENCE]	  = { 503, "5.5.1", "Wrong order of commands" },
	[REPLY_HELLO_FIRST]	  = { 503, "5.5.1", "Say EHLO first" },
	[REPLY_BAD_HELO]	  = { 501, "5.5.4", "EHLO needs your host name" },
	[REPLY_BAD_SENDER]	  = { 501, "5.1.7", "Malformed sender address" },
	[REPLY_BAD_RCPT]	  = { 501, "5.1.3", "Malformed recipient address" },
	[REPLY_NEEDS_UTF8]	  = { 553, "5.6.7", "Address needs SMTPUTF8" },
	[REPLY_BAD_PARAMETER]	  = { 501, "5.5.4", "Malformed parameter" },
	[REPLY_UNKNOWN_PARAMETER] = { 555, "5.5.4", "Unknown parameter" },
	[REPLY_TOO_BIG]		  = { 552, "5.3.4", "Message too big" },
	[REPLY_HEADER_TOO_BIG]	  = { 552, "5.3.4", "Header too big" },
	[REPLY_NO_RCPT]		  = { 554, "5.5.1", "No valid recipients" },
	[REPLY_NO_USER]		  = { 550, "5.1.1", "No such user here" },
	[REPLY_NOT_ALLOWED]	  = { 550, "5.7.1", "Not for mail from you to there" },
	[REPLY_NOT_YOUR_ADDRESS]  = { 550, "5.7.1", "Sender address is not yours" },
	[REPLY_BAD_DATA]	  = { 554, "5.6.0", "Message holds a bare CR, a bare LF or a NUL" },
	[REPLY_LOOP]		  = { 554, "5.4.6", "Message goes round in circles" },
	[REPLY_AUTH_NEEDED]	  = { 530, "5.7.0", "Log in first" },
	[REPLY_AUTH_NEEDS_TLS]	  = { 538, "5.7.11", "Start TLS first" },
	[REPLY_AUTH_FAILED]	  = { 535, "5.7.8", "Wrong name or password" },
	[REPLY_AUTH_SYNTAX]	  = { 501, "5.5.2", "Malformed authentication data" },
	[REPLY_AUTH_CANCELLED]	  = { 501, "5.7.0", "Authentication cancelled" },
	[REPLY_AUTH_MECHANISM]	  = { 504, "5.5.4", "Unknown mechanism" },
};
/* clang-format on */
static_assert(COUNT_OF(replies) == REPLY_COUNT, "a reply lacks its text");

void
smtp_reply_put(struct buf *b, enum smtp_reply which, const char *more)
{
	buf_number(b, (uint64_t)replies[which].code);
	buf_byte(b, ' ');
	if (replies[which].status != NULL) {
		buf_text(b, replies[which].status);
		buf_byte(b, ' ');
	}
	buf_text(b, replies[which].text);
	if (more != NULL)
		buf_text(b, more);
	buf_text(b, "\r\n");
}

int
smtp_reply_code(enum smtp_reply which)
{
	return replies[which].code;
}

enum smtp_reply
smtp_reply_for(enum herr err)
{
	switch (err) {
	case H_OK:
	case H_EXISTS: /* the same delivery, stored before */
		return REPLY_STORED;
	case H_NOTFOUND: return REPLY_NO_USER;
	case H_DENIED: return REPLY_NOT_ALLOWED;
	case H_QUOTA: return REPLY_RCPT_FULL;
	case H_FULL: return REPLY_DISK_FULL;
	case H_INVALID: /* of what we sent: ours to mend */
	case H_LIMIT:
	case H_BUSY:
	case H_CORRUPT:
	case H_VERSION:
	case H_IO: return REPLY_TRY_LATER;
	}
	PANIC("unknown error");
}
