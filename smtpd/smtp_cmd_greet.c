/* HELO EHLO NOOP RSET HELP VRFY QUIT: the commands that move no mail. */
#include "common/mem.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_parse.h"

/* RFC 5321, 4.1.4: a second greeting begins anew. */
static bool
greet(struct smtp_session *s, struct span args, bool esmtp)
{
	struct span name;

	if (!smtp_parse_helo(args, &name)) {
		smtp_say(s, REPLY_BAD_HELO);
		return false;
	}
	mem_free(&s->helo);
	s->helo = mem_string(name);
	s->esmtp = esmtp;
	smtp_reset(s);
	return true;
}

static const char *
hostname(const struct smtp_session *s)
{
	return front_settings(client_front(s->client))->hostname;
}

enum smtp_step
smtp_cmd_helo(struct smtp_session *s, struct span args)
{
	if (greet(s, args, false))
		smtp_say_more(s, REPLY_HELLO, hostname(s));
	return SMTP_DONE;
}

static bool
offers_tls(const struct smtp_session *s)
{
	return front_has_tls(client_front(s->client)) &&
	       !client_is_tls(s->client);
}

static bool
offers_auth(const struct smtp_session *s)
{
	return smtp_is_submission(s) && s->account == 0 &&
	       client_may_login(s->client);
}

enum smtp_step
smtp_cmd_ehlo(struct smtp_session *s, struct span args)
{
	struct buf *out;

	if (!greet(s, args, true))
		return SMTP_DONE;
	out = conn_output(client_conn(s->client));
	buf_text(out, "250-");
	buf_text(out, hostname(s));
	/* CHUNKING, ETRN and EXPN are left out on purpose. */
	buf_text(out, "\r\n250-PIPELINING\r\n250-SIZE ");
	buf_number(
	    out, front_settings(client_front(s->client))->message_size_limit);
	buf_text(out, "\r\n250-8BITMIME\r\n");
	if (offers_tls(s))
		buf_text(out, "250-STARTTLS\r\n");
	if (offers_auth(s)) {
		buf_text(out, "250-AUTH");
		client_sasl_names(s->client, " ", out);
		buf_text(out, "\r\n");
	}
	buf_text(out, "250-ENHANCEDSTATUSCODES\r\n");
	smtp_say_more(s, REPLY_HELLO, "SMTPUTF8");
	return SMTP_DONE;
}

enum smtp_step
smtp_cmd_noop(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_say(s, REPLY_OK);
	return SMTP_DONE;
}

enum smtp_step
smtp_cmd_rset(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_reset(s);
	smtp_say(s, REPLY_OK);
	return SMTP_DONE;
}

/*
 * RFC 5321, 3.5.3: neither yes nor no, so that nobody finds addresses this
 * way.
 */
enum smtp_step
smtp_cmd_vrfy(struct smtp_session *s, struct span args)
{
	smtp_say(s, args.len == 0 ? REPLY_SYNTAX : REPLY_VRFY);
	return SMTP_DONE;
}

enum smtp_step
smtp_cmd_help(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_say(s, REPLY_HELP);
	return SMTP_DONE;
}

enum smtp_step
smtp_cmd_quit(struct smtp_session *s, struct span args)
{
	(void)args;
	smtp_say(s, REPLY_BYE);
	return SMTP_CLOSE;
}
