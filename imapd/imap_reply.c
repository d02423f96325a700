/* What we say, and how strings are written. */
#include "imapd/imap_reply.h"

#include "imapd/imap_parse.h"

/* No text holds a byte from the client, so no client can make us say something.
 */
/* clang-format off */
static const struct {
	const char *status, *code, *text;
} replies[] = {
	[IMAP_REPLY_DONE]            = { "OK", NULL, "Done" },
	[IMAP_REPLY_SELECTED]        = { "OK", "READ-WRITE", "Selected" },
	[IMAP_REPLY_EXAMINED]        = { "OK", "READ-ONLY", "Selected" },
	[IMAP_REPLY_ISSUED]          = { "OK", "EXPUNGEISSUED", "Done, but some of the messages no longer exist" },
	[IMAP_REPLY_LOGOUT]          = { "OK", NULL, "Goodbye" },
	[IMAP_REPLY_SYNTAX]          = { "BAD", NULL, "Syntax error" },
	[IMAP_REPLY_BARE]            = { "BAD", NULL, "Lines must end in CRLF" },
	[IMAP_REPLY_UNKNOWN]         = { "BAD", NULL, "Unknown command" },
	[IMAP_REPLY_NO_TAG]          = { "BAD", NULL, "A command begins with a tag" },
	[IMAP_REPLY_NOT_NOW]         = { "BAD", NULL, "Not in this state" },
	[IMAP_REPLY_ENABLED_ALREADY] = { "BAD", NULL, "Already so" },
	[IMAP_REPLY_LONG]            = { "BAD", "TOOBIG", "The command is too long" },
	[IMAP_REPLY_LITERAL]         = { "BAD", "TOOBIG", "The literal is too long" },
	[IMAP_REPLY_TOO_MANY]        = { "BAD", "LIMIT", "Too many or too deeply nested items" },
	[IMAP_REPLY_NEEDS_QRESYNC]   = { "BAD", NULL, "ENABLE QRESYNC first" },
	[IMAP_REPLY_NUMBER]          = { "BAD", NULL, "There is no message with that number" },
	[IMAP_REPLY_LOGGED_IN]       = { "BAD", NULL, "Already logged in" },
	[IMAP_REPLY_READ_ONLY]       = { "NO", "READ-ONLY", "The mailbox was opened for reading only" },
	[IMAP_REPLY_NO_MAILBOX]      = { "NO", "NONEXISTENT", "No such mailbox" },
	[IMAP_REPLY_TRY_CREATE]      = { "NO", "TRYCREATE", "No such mailbox" },
	[IMAP_REPLY_MAILBOX_EXISTS]  = { "NO", "ALREADYEXISTS", "There is a mailbox of that name" },
	[IMAP_REPLY_NAME]            = { "NO", "CANNOT", "No mailbox can have that name" },
	[IMAP_REPLY_INBOX]           = { "NO", "CANNOT", "Not possible with this mailbox" },
	[IMAP_REPLY_CHARSET]         = { "NO", "BADCHARSET (US-ASCII UTF-8)", "Unknown charset" },
	[IMAP_REPLY_CHARSET_GIVEN]   = { "BAD", NULL, "With UTF8=ACCEPT it is UTF-8" },
	[IMAP_REPLY_NOT_SAVED]       = { "NO", "NOTSAVED", "There is too much to be saved" },
	[IMAP_REPLY_UNKNOWN_CTE]     = { "NO", "UNKNOWN-CTE", "That cannot be decoded" },
	[IMAP_REPLY_USE]             = { "NO", "USEATTR", "A mailbox of that name cannot have that use" },
	[IMAP_REPLY_TOO_BIG]         = { "NO", "TOOBIG", "The message is too large" },
	[IMAP_REPLY_EMPTY]           = { "NO", "CANNOT", "An empty message is none" },
	[IMAP_REPLY_NUL]             = { "NO", "CANNOT", "The message contains NUL" },
	[IMAP_REPLY_QUOTA]           = { "NO", "OVERQUOTA", "The account is full" },
	[IMAP_REPLY_FULL]            = { "NO", "UNAVAILABLE", "The server's disk is full" },
	[IMAP_REPLY_LIMIT]           = { "NO", "LIMIT", "That is more than this server takes" },
	[IMAP_REPLY_BUSY]            = { "NO", "UNAVAILABLE", "Try again later" },
	[IMAP_REPLY_BROKEN]          = { "NO", "SERVERBUG", "The server has a problem; its log says which" },
};
/* clang-format on */
static_assert(COUNT_OF(replies) == IMAP_REPLY_COUNT, "a reply lacks its text");

enum imap_reply
imap_reply_for(enum herr err)
{
	switch (err) {
	case H_OK: return IMAP_REPLY_DONE;
	case H_NOTFOUND: return IMAP_REPLY_NO_MAILBOX;
	case H_EXISTS: return IMAP_REPLY_MAILBOX_EXISTS;
	case H_INVALID: return IMAP_REPLY_NAME;
	case H_DENIED: return IMAP_REPLY_INBOX;
	case H_QUOTA: return IMAP_REPLY_QUOTA;
	case H_LIMIT: return IMAP_REPLY_LIMIT;
	case H_FULL: return IMAP_REPLY_FULL;
	case H_BUSY: return IMAP_REPLY_BUSY;
	case H_CORRUPT:
	case H_VERSION:
	case H_IO: return IMAP_REPLY_BROKEN;
	}
	return IMAP_REPLY_BROKEN;
}

bool
imap_reply_is_bad(enum imap_reply reply)
{
	return replies[reply].status[0] == 'B';
}

void
imap_put_reply(
    struct buf *out, struct span tag, enum imap_reply reply, struct span code)
{
	if (code.len == 0 && replies[reply].code != NULL)
		code = span_of(replies[reply].code);
	buf_add(out, tag);
	buf_byte(out, ' ');
	buf_text(out, replies[reply].status);
	buf_byte(out, ' ');
	if (code.len > 0) {
		buf_byte(out, '[');
		buf_add(out, code);
		buf_text(out, "] ");
	}
	buf_text(out, replies[reply].text);
	buf_text(out, "\r\n");
}

void
imap_put_quoted(struct buf *out, struct span s)
{
	size_t from = 0;

	buf_byte(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '"' && s.ptr[i] != '\\')
			continue;
		buf_add(out, (struct span){ s.ptr + from, i - from });
		buf_byte(out, '\\');
		from = i;
	}
	if (s.len > 0)
		buf_add(out, (struct span){ s.ptr + from, s.len - from });
	buf_byte(out, '"');
}

/* TEXT-CHAR: 7 bits, no NUL, CR, LF.  A quoted string of any length is legal;
 * long ones go as literals for the sake of readers with line limits. */
static bool
can_be_quoted(struct span s)
{
	enum { QUOTED_MAX = 4096 };

	if (s.len > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '\0' || c == '\r' || c == '\n' || c >= 0x80)
			return false;
	}
	return true;
}

void
imap_put_string(struct buf *out, struct span s)
{
	if (can_be_quoted(s)) {
		imap_put_quoted(out, s);
		return;
	}
	imap_put_literal_size(out, s.len);
	imap_put_bytes(out, s);
}

void
imap_put_nstring(struct buf *out, struct span s)
{
	if (s.ptr == NULL)
		buf_add(out, SPAN("NIL"));
	else
		imap_put_string(out, s);
}

void
imap_put_astring(struct buf *out, struct span s)
{
	if (imap_is_atom(s) && !span_is_nocase(s, "NIL"))
		buf_add(out, s);
	else
		imap_put_string(out, s);
}

void
imap_put_literal_size(struct buf *out, uint64_t size)
{
	buf_byte(out, '{');
	buf_number(out, size);
	buf_add(out, SPAN("}\r\n"));
}

void
imap_put_bytes(struct buf *out, struct span s)
{
	char *at = buf_want(out, s.len), *nul;
	size_t left = s.len;

	if (at == NULL || s.len == 0)
		return;
	memcpy(at, s.ptr, s.len);
	while ((nul = memchr(at, '\0', left)) != NULL) {
		*nul = (char)0x80;
		left -= (size_t)(nul - at);
		at = nul;
	}
	buf_grew(out, s.len);
}
