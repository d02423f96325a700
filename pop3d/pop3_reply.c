/*
 * RFC 1939, 2449, 2595, 3206 (response codes), 5034.
 */
#include "pop3d/pop3_reply.h"

#include "common/capability.h"

#include "common/scan.h"

/* clang-format off */
static const char *const replies[] = {
	[POP3_OK]                = "+OK",
	[POP3_GREETING]          = "+OK POP3 server ready",
	[POP3_BEGIN_TLS]         = "+OK Begin TLS",
	[POP3_NAME_TAKEN]        = "+OK Send the password",
	[POP3_LOGGED_IN]         = "+OK Logged in",
	[POP3_MARKED]            = "+OK Will be deleted at QUIT",
	[POP3_RESET]             = "+OK Nothing will be deleted",
	[POP3_BYE]               = "+OK Goodbye",

	[POP3_UNKNOWN]           = "-ERR Unknown command",
	[POP3_SYNTAX]            = "-ERR Syntax error",
	[POP3_TOO_LONG]          = "-ERR Line too long",
	[POP3_BARE]              = "-ERR Lines end in CR LF",
	[POP3_WRONG_PROTOCOL]    = "-ERR This is a POP3 server",
	[POP3_NO_TLS]            = "-ERR TLS is not available",
	[POP3_TLS_ALREADY]       = "-ERR TLS is active already",
	[POP3_TLS_FIRST]         = "-ERR Passwords are taken over TLS only",
	[POP3_NAME_FIRST]        = "-ERR USER comes first",
	[POP3_CANCELLED]         = "-ERR Cancelled",
	[POP3_NOT_BASE64]        = "-ERR That is not base64",
	[POP3_NO_MECHANISM]      = "-ERR No such mechanism",
	[POP3_WRONG_LOGIN]       = "-ERR [AUTH] Wrong name or password",
	[POP3_THROTTLED]         = "-ERR [SYS/TEMP] Too many failures, try again later",
	[POP3_IN_USE]            = "-ERR [IN-USE] Another POP3 session has this mailbox open",
	[POP3_SESSIONS]          = "-ERR [SYS/TEMP] Too many sessions of this account",
	[POP3_TROUBLE]           = "-ERR [SYS/TEMP] Not possible now, try again later",
	[POP3_DAMAGED]           = "-ERR [SYS/PERM] Cannot be read, please tell the administrator",
	[POP3_NO_MESSAGE]        = "-ERR No such message",
	[POP3_MESSAGE_GONE]      = "-ERR This message was removed by another program",
	[POP3_NOT_DELETED]       = "-ERR [SYS/TEMP] The messages were not deleted",
	[POP3_TOO_MANY]          = "-ERR [SYS/TEMP] Too many connections, try again later",
	[POP3_TOO_MANY_FROM_YOU] = "-ERR [SYS/TEMP] Too many connections from your address",
	[POP3_TOO_OFTEN]         = "-ERR [SYS/TEMP] Too many connections in a minute from your address",
	[POP3_GOING_DOWN]        = "-ERR [SYS/TEMP] The server is shutting down",
	[POP3_IDLE_TOO_LONG]     = "-ERR Idle for too long",
};
/* clang-format on */
static_assert(COUNT_OF(replies) == POP3_REPLY_COUNT, "a reply lacks its text");

void
pop3_put(struct buf *out, enum pop3_reply reply)
{
	buf_text(out, replies[reply]);
	buf_text(out, "\r\n");
}

void
pop3_say(struct conn *c, enum pop3_reply reply)
{
	pop3_put(conn_output(c), reply);
}

enum pop3_reply
pop3_reply_for(enum herr err)
{
	switch (err) {
	case H_OK: return POP3_OK;
	case H_EXISTS: return POP3_IN_USE; /* a session: see pop3_account.c */
	case H_LIMIT: return POP3_SESSIONS;
	case H_CORRUPT:
	case H_VERSION: return POP3_DAMAGED;
	case H_NOTFOUND:
	case H_BUSY:
	case H_INVALID:
	case H_DENIED:
	case H_QUOTA:
	case H_FULL:
	case H_IO: return POP3_TROUBLE;
	}
	return POP3_TROUBLE;
}

/* RFC 2449, 6: STLS before login alone; IMPLEMENTATION, which helps those who
 * look for a hole, after it alone. */
void
pop3_capa(struct conn *c, unsigned what, struct span sasl, uint64_t without)
{
	conn_text(c, "+OK\r\n");
	capability_put(conn_output(c),
	    SPAN("TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
		 "PIPELINING\r\nEXPIRE NEVER\r\n"),
	    "\r\n", without);
	if (sasl.len > 0) {
		conn_text(c, "USER\r\nSASL");
		conn_write(c, sasl);
		conn_text(c, "\r\n");
	}
	if (what & POP3_CAPA_STLS)
		conn_text(c, "STLS\r\n");
	if (what & POP3_CAPA_SESSION)
		conn_text(c, "IMPLEMENTATION Hearth\r\n");
	conn_text(c, ".\r\n");
}

struct pop3_line
pop3_line(struct span line)
{
	struct scan s = scan_over(line);
	struct pop3_line l;

	l.word = scan_until(&s, " ", line.len);
	l.has_rest = scan_try(&s, ' ');
	l.rest = scan_rest(&s);
	return l;
}

bool
pop3_numbers(struct span rest, uint32_t *number, unsigned most, unsigned *count)
{
	struct scan s = scan_over(rest);

	*count = 0;
	scan_spaces(&s);
	while (scan_more(&s)) {
		if (*count == most)
			return false;
		number[(*count)++] = (uint32_t)scan_number(&s, UINT32_MAX);
		if (scan_more(&s))
			scan_need(&s, ' ');
		scan_spaces(&s);
	}
	return scan_done(&s);
}
