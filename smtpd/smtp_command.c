#include "smtpd/smtp_command.h"

#include "common/log.h"
#include "common/scan.h"
#include "smtpd/smtp_parse.h"

enum {
	ANY = SMTP_STRANGER | SMTP_GREETED | SMTP_SENDER | SMTP_RECIPIENTS,
	IN_MAIL = SMTP_SENDER | SMTP_RECIPIENTS,
	JUNK_MAX = 100, /* commands that bring no mail, since the last mail */
};

enum smtp_trait {
	SUBMISSION_ONLY = 1 << 0,
	NEEDS_LOGIN = 1 << 1, /* on submission ports (RFC 6409, 4.3) */
	JUNK = 1 << 2,        /* moves no mail */
	BRINGS_DATA = 1 << 3, /* what follows in the same breath is no command,
	                         even if this one is refused (RFC 2920, 3.1) */
	NOT_SMTP = 1 << 4, /* a browser, or somebody who makes one talk to us */
};

/* clang-format off */
static const struct smtp_command {
	const char	     *name;
	unsigned	      states;
	unsigned	      traits;
	smtp_command_handler *handler;
} commands[] = {
	/* RFC 5321 */
	{ "HELO",     ANY,	    JUNK,			smtp_cmd_helo },     /* 4.1.1.1 */
	{ "EHLO",     ANY,	    JUNK,			smtp_cmd_ehlo },     /* 4.1.1.1 */
	{ "MAIL",     SMTP_GREETED, NEEDS_LOGIN,		smtp_cmd_mail },     /* 4.1.1.2 */
	{ "RCPT",     IN_MAIL,	    NEEDS_LOGIN,		smtp_cmd_rcpt },     /* 4.1.1.3 */
	{ "DATA",     IN_MAIL,	    NEEDS_LOGIN | BRINGS_DATA,	smtp_cmd_data },     /* 4.1.1.4 */
	{ "RSET",     ANY,	    JUNK,			smtp_cmd_rset },     /* 4.1.1.5 */
	{ "VRFY",     ANY,	    JUNK,			smtp_cmd_vrfy },     /* 4.1.1.6 */
	{ "HELP",     ANY,	    JUNK,			smtp_cmd_help },     /* 4.1.1.8 */
	{ "NOOP",     ANY,	    JUNK,			smtp_cmd_noop },     /* 4.1.1.9 */
	{ "QUIT",     ANY,	    0,				smtp_cmd_quit },     /* 4.1.1.10 */
	/* RFC 3207 */
	{ "STARTTLS", SMTP_GREETED, JUNK,			smtp_cmd_starttls },
	/* RFC 4954 */
	{ "AUTH",     SMTP_GREETED, JUNK | SUBMISSION_ONLY,	smtp_cmd_auth },
	/* what web servers hear */
	{ "GET",      ANY,	    NOT_SMTP,			NULL },
	{ "HEAD",     ANY,	    NOT_SMTP,			NULL },
	{ "POST",     ANY,	    NOT_SMTP,			NULL },
	{ "PUT",      ANY,	    NOT_SMTP,			NULL },
	{ "OPTIONS",  ANY,	    NOT_SMTP,			NULL },
	{ "CONNECT",  ANY,	    NOT_SMTP,			NULL },
	{ "PROXY",    ANY,	    NOT_SMTP,			NULL },
};
/* clang-format on */

static const struct smtp_command *
command_named(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (span_is_nocase(name, commands[i].name))
			return &commands[i];
	return NULL;
}

/* The refusal of a command that may not run now; REPLY_OK if it may. */
static enum smtp_reply
may_run(const struct smtp_session *s, const struct smtp_command *c)
{
	if (c == NULL)
		return REPLY_UNKNOWN;
	if (c->traits & NOT_SMTP)
		return REPLY_NOT_SMTP;
	if ((c->traits & SUBMISSION_ONLY) && !smtp_is_submission(s))
		return REPLY_NOT_HERE;
	if (!(c->states & smtp_state(s)))
		return smtp_state(s) == SMTP_STRANGER ? REPLY_HELLO_FIRST
		                                      : REPLY_SEQUENCE;
	if ((c->traits & NEEDS_LOGIN) && smtp_is_submission(s) &&
	    s->account == 0)
		return REPLY_AUTH_NEEDED;
	return REPLY_OK;
}

enum smtp_step
smtp_command_run(struct smtp_session *s, struct span line)
{
	const struct smtp_command *c;
	struct span verb, args;
	enum smtp_reply reply;
	enum smtp_step step;

	smtp_parse_line(line, &verb, &args);
	c = command_named(verb);
	reply = may_run(s, c);
	if (reply == REPLY_OK && (c->traits & JUNK) && ++s->junk > JUNK_MAX)
		reply = REPLY_TOO_MUCH_JUNK;
	if (reply == REPLY_OK) {
		step = c->handler(s, args);
	} else {
		smtp_say(s, reply);
		step = smtp_reply_code(reply) == 421 ? SMTP_CLOSE : SMTP_DONE;
	}
	/*
	 * DATA was refused, and the message comes all the same: its lines must
	 * not be taken for commands.
	 */
	if (c != NULL && (c->traits & BRINGS_DATA) && s->mode != SMTP_DATA &&
	    conn_input(client_conn(s->client)).len > 0)
		step = SMTP_CLOSE;
	return step;
}
