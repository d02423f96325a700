/*
 * STARTTLS and AUTH (RFC 3207, 4954).  Names and passwords go to auth, nowhere
 * else; what auth says comes back through front.h.
 */
#include "common/base64.h"
#include "common/scan.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_parse.h"

enum smtp_step
smtp_cmd_starttls(struct smtp_session *s, struct span args)
{
	if (args.len > 0) {
		smtp_say(s, REPLY_SYNTAX);
	} else if (client_is_tls(s->client) || s->account != 0) {
		/*
		 * TLS forgets everything (RFC 3207, 4.2); a login is too much
		 * to forget.
		 */
		smtp_say(s, REPLY_SEQUENCE);
	} else if (!front_has_tls(client_front(s->client))) {
		smtp_say(s, REPLY_NO_TLS_NOW);
	} else {
		smtp_say(s, REPLY_TLS_READY);
		s->waiting =
		    true; /* until smtp_session.c hears that TLS is there */
		client_start_tls(s->client);
		return SMTP_WAIT;
	}
	return SMTP_DONE;
}

/* Where a line of an exchange leads. */
static enum smtp_step
go_on(struct smtp_session *s, enum client_sasl what)
{
	switch (what) {
	case CLIENT_SASL_ASKED: return SMTP_WAIT;
	/* RFC 4954, 4: the client changed its mind; that is no failure. */
	case CLIENT_SASL_CANCELLED: smtp_say(s, REPLY_AUTH_CANCELLED); break;
	case CLIENT_SASL_NOT_BASE64: smtp_say(s, REPLY_AUTH_SYNTAX); break;
	case CLIENT_SASL_NO_MECHANISM: smtp_say(s, REPLY_AUTH_MECHANISM); break;
	}
	return SMTP_DONE;
}

enum smtp_step
smtp_cmd_auth(struct smtp_session *s, struct span args)
{
	struct smtp_auth_args auth;

	if (s->account != 0) {
		smtp_say(s, REPLY_SEQUENCE);
	} else if (!client_may_login(s->client)) {
		smtp_say(s, REPLY_AUTH_NEEDS_TLS);
	} else if (!smtp_parse_auth(args, &auth)) {
		smtp_say(s, REPLY_AUTH_SYNTAX);
	} else {
		return go_on(s, client_sasl_begin(s->client, auth.mechanism,
				    auth.has_initial ? auth.initial : NO_SPAN));
	}
	return SMTP_DONE;
}

enum smtp_step
smtp_auth_line(struct smtp_session *s, struct span line)
{
	return go_on(s, client_sasl_answer(s->client, line));
}

/* ---- what auth says ---- */

void
smtp_auth_challenge(struct client *c, struct span data)
{
	struct buf text = BUF_INIT(2 * CLIENT_SASL_LINE_MAX);

	base64_encode(&text, data);
	buf_byte(&text, '\0');
	smtp_say_more(client_state(c), REPLY_CHALLENGE, text.ptr);
	buf_free(&text);
}

void
smtp_auth_logged_in(
    struct client *c, struct span address, uint64_t account, int queue)
{
	struct smtp_session *s = client_state(c);

	(void)address;
	s->account = account;
	s->queue = outlet_login(smtp_outlets(), queue);
	smtp_say(s, REPLY_LOGGED_IN);
}

static enum smtp_reply
reply_for(enum herr err, enum auth_failure why)
{
	if (err != H_DENIED)
		return REPLY_AUTH_LATER;
	switch (why) {
	case AUTH_WRONG: return REPLY_AUTH_FAILED;
	case AUTH_MALFORMED: return REPLY_AUTH_SYNTAX;
	case AUTH_NO_MECHANISM: return REPLY_AUTH_MECHANISM;
	case AUTH_THROTTLED: return REPLY_AUTH_THROTTLED;
	case AUTH_BUSY: return REPLY_AUTH_LATER;
	}
	return REPLY_AUTH_LATER;
}

/* (front.h closes the connection after the third failure) */
void
smtp_auth_refused(struct client *c, enum herr err, enum auth_failure why)
{
	smtp_say(client_state(c), reply_for(err, why));
}
