#include "smtpd/smtp_parse.h"

#include "common/scan.h"

enum {
	VERB_MAX = 32,
	HELO_MAX = 255,
	KEYWORD_MAX = 32,
	VALUE_MAX = 512,
	MECHANISM_MAX = 20
};

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

void
smtp_parse_line(struct span line, struct span *verb, struct span *args)
{
	size_t n = 0;

	while (n < line.len && n < VERB_MAX && is_alnum(line.ptr[n]))
		n++;
	*verb = (struct span){ line.ptr, n };
	*args = span_trim((struct span){ line.ptr + n, line.len - n });
	if (n < line.len && line.ptr[n] != ' ')
		*verb = NO_SPAN;
}

bool
smtp_parse_helo(struct span args, struct span *name)
{
	if (args.len == 0 || args.len > HELO_MAX)
		return false;
	/* It goes into Received as it is: nothing there may end its token. */
	for (size_t i = 0; i < args.len; i++)
		if (!is_alnum(args.ptr[i]) &&
		    !is_one_of(args.ptr[i], "-._:[]%"))
			return false;
	*name = args;
	return true;
}

/* "<" anything ">", where a quoted string may hold a ">". */
static struct span
scan_path(struct scan *s)
{
	struct span path = NO_SPAN;

	scan_need(s, '<');
	path.ptr = s->pos;
	while (scan_more(s) && scan_peek(s) != '>') {
		if (!scan_try(s, '"')) {
			scan_take(s, 1);
			continue;
		}
		while (scan_more(s) && !scan_try(s, '"')) {
			scan_try(s, '\\');
			scan_take(s, 1);
		}
	}
	path.len = (size_t)(s->pos - path.ptr);
	if (path.len > ADDR_PATH_MAX)
		scan_fail(s);
	scan_need(s, '>');
	return path;
}

static bool
is_ascii(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] >= 0x80)
			return false;
	return true;
}

struct parameter {
	struct span keyword, value;
	bool has_value;
};

/*
 * The next "SP keyword [= value]" (RFC 5321, 4.1.2); false at the end or when
 * the cursor went bad.
 */
static bool
next_parameter(struct scan *s, struct parameter *p)
{
	if (!scan_more(s))
		return false;
	scan_need(s, ' ');
	scan_spaces(s);
	p->keyword = scan_until(s, "= ", KEYWORD_MAX);
	p->has_value = scan_try(s, '=');
	p->value = p->has_value ? scan_until(s, " ", VALUE_MAX) : NO_SPAN;
	if (p->keyword.len == 0 || (p->has_value && p->value.len == 0))
		scan_fail(s);
	for (size_t i = 0; i < p->keyword.len; i++)
		if (!is_alnum(p->keyword.ptr[i]) && p->keyword.ptr[i] != '-')
			scan_fail(s);
	return !s->bad;
}

/* RFC 1870, 4: up to 20 digits. */
static bool
read_size(const struct parameter *p, uint64_t *size)
{
	struct scan s = scan_over(p->value);

	if (!p->has_value || *size != 0)
		return false;
	*size = scan_number(&s, UINT64_MAX);
	return scan_done(&s);
}

static enum smtp_reply
read_mail_parameter(
    const struct parameter *p, unsigned flags, struct smtp_mail_args *mail)
{
	bool good;

	if (span_is_nocase(p->keyword, "SIZE")) {
		good = read_size(p, &mail->size);
	} else if (span_is_nocase(p->keyword, "BODY")) {
		good = span_is_nocase(p->value, "7BIT") ||
		       span_is_nocase(p->value, "8BITMIME");
	} else if (span_is_nocase(p->keyword, "SMTPUTF8")) {
		good = !p->has_value;
		mail->utf8 = true;
	} else if (span_is_nocase(p->keyword, "AUTH") && (flags & PARSE_AUTH)) {
		good = p->has_value;
	} else {
		return REPLY_UNKNOWN_PARAMETER;
	}
	return good ? REPLY_SENDER_OK : REPLY_BAD_PARAMETER;
}

static struct span
scan_command(struct scan *s, const char *word, unsigned flags)
{
	scan_word(s, word);
	if (flags & PARSE_BLANK)
		scan_spaces(s);
	return scan_path(s);
}

enum smtp_reply
smtp_parse_mail(struct span args, unsigned flags, struct smtp_mail_args *mail)
{
	struct scan s = scan_over(args);
	struct parameter p;
	enum smtp_reply reply = REPLY_SENDER_OK;

	*mail =
	    (struct smtp_mail_args){ .path = scan_command(&s, "FROM:", flags) };
	if (s.bad)
		return REPLY_BAD_SENDER;
	while (reply == REPLY_SENDER_OK && next_parameter(&s, &p))
		reply = read_mail_parameter(&p, flags, mail);
	if (reply != REPLY_SENDER_OK)
		return reply;
	if (!scan_done(&s))
		return REPLY_BAD_PARAMETER;
	/*
	 * The parameters come first: SMTPUTF8 says what the address may hold.
	 */
	if (mail->path.len == 0)
		return REPLY_SENDER_OK;
	if (!mail->utf8 && !(flags & PARSE_UTF8) && !is_ascii(mail->path))
		return REPLY_NEEDS_UTF8;
	if (!addr_parse(mail->path, true, &mail->from) ||
	    mail->from.domain.len == 0)
		return REPLY_BAD_SENDER;
	return REPLY_SENDER_OK;
}

enum smtp_reply
smtp_parse_rcpt(struct span args, unsigned flags, struct smtp_rcpt_args *rcpt)
{
	struct scan s = scan_over(args);

	*rcpt =
	    (struct smtp_rcpt_args){ .path = scan_command(&s, "TO:", flags) };
	if (s.bad)
		return REPLY_BAD_RCPT;
	/* No parameter of RCPT is offered. */
	if (scan_peek(&s) == ' ')
		return REPLY_UNKNOWN_PARAMETER;
	if (!scan_done(&s))
		return REPLY_BAD_RCPT;
	if (!(flags & PARSE_UTF8) && !is_ascii(rcpt->path))
		return REPLY_NEEDS_UTF8;
	/* Without a domain: <postmaster> (RFC 5321, 4.5.1), but never <>. */
	if (rcpt->path.len == 0 || !addr_parse(rcpt->path, true, &rcpt->to))
		return REPLY_BAD_RCPT;
	return REPLY_RCPT_OK;
}

bool
smtp_parse_auth(struct span args, struct smtp_auth_args *auth)
{
	struct scan s = scan_over(args);

	*auth = (struct smtp_auth_args){ .mechanism = scan_until(
					     &s, " ", MECHANISM_MAX) };
	if (scan_try(&s, ' ')) {
		scan_spaces(&s);
		auth->has_initial = true;
		auth->initial = scan_rest(&s);
	}
	for (size_t i = 0; i < auth->mechanism.len; i++)
		if (!is_alnum(auth->mechanism.ptr[i]) &&
		    !is_one_of(auth->mechanism.ptr[i], "-_"))
			scan_fail(&s);
	return scan_done(&s) && auth->mechanism.len > 0;
}
