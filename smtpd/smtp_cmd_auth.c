/*
 * STARTTLS and AUTH (RFC 3207, 4954).  Names and passwords go to auth, nowhere
 * else; what auth says comes back through front.h.
 */
#include "common/base64.h"
#include "common/mem.h"
#include "common/scan.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_parse.h"

enum { RESPONSE_MAX = 12288 };

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

/* "=" stands for an empty response (RFC 4954, 4). */
static bool
decode(struct span text, struct buf *out)
{
	return span_is(text, "=") || base64_decode(out, text);
}

static void
release(struct buf *secret)
{
	if (secret->ptr != NULL)
		mem_wipe(secret->ptr, secret->room);
	buf_free(secret);
}

static enum smtp_step
prompt(struct smtp_session *s, enum smtp_mode mode, const char *base64)
{
	s->mode = mode;
	smtp_say_more(s, REPLY_CHALLENGE, base64);
	return SMTP_DONE;
}

static enum smtp_step
ask_password(struct smtp_session *s, struct span name)
{
	if (name.len == 0 || memchr(name.ptr, '\0', name.len) != NULL) {
		s->mode = SMTP_COMMANDS;
		smtp_say(s, REPLY_AUTH_SYNTAX);
		return SMTP_DONE;
	}
	s->auth_name = mem_string(name);
	return prompt(s, SMTP_AUTH_PASSWORD, "UGFzc3dvcmQ6");
}

/*
 * AUTH LOGIN was never standardised: what counts is what Outlook sends, which
 * may bring the name at once.
 */
static enum smtp_step
begin_login(struct smtp_session *s, bool has_name, struct span name)
{
	if (!has_name)
		return prompt(s, SMTP_AUTH_NAME, "VXNlcm5hbWU6");
	return ask_password(s, name);
}

static enum smtp_step
begin_plain(struct smtp_session *s, bool has_initial, struct span initial)
{
	client_auth(s->client, SPAN("PLAIN"), has_initial ? initial : NO_SPAN);
	return SMTP_WAIT;
}

/* clang-format off */
static const struct {
	const char	 *name;
	enum smtp_step	(*begin)(struct smtp_session *, bool has_initial, struct span initial);
} mechanisms[] = {
	{ "PLAIN", begin_plain },
	{ "LOGIN", begin_login },
};
/* clang-format on */

enum smtp_step
smtp_cmd_auth(struct smtp_session *s, struct span args)
{
	struct buf initial = BUF_INIT(RESPONSE_MAX);
	struct smtp_auth_args auth;
	enum smtp_step step = SMTP_DONE;
	size_t i = 0;

	if (s->account != 0) {
		smtp_say(s, REPLY_SEQUENCE);
		return SMTP_DONE;
	}
	if (!client_may_login(s->client)) {
		smtp_say(s, REPLY_AUTH_NEEDS_TLS);
		return SMTP_DONE;
	}
	if (!smtp_parse_auth(args, &auth) ||
	    (auth.has_initial && !decode(auth.initial, &initial))) {
		smtp_say(s, REPLY_AUTH_SYNTAX);
		release(&initial);
		return SMTP_DONE;
	}
	while (i < COUNT_OF(mechanisms) &&
	       !span_is_nocase(auth.mechanism, mechanisms[i].name))
		i++;
	if (i == COUNT_OF(mechanisms))
		smtp_say(s, REPLY_AUTH_MECHANISM);
	else
		step = mechanisms[i].begin(s, auth.has_initial,
		    initial.len > 0 ? buf_span(&initial) : SPAN(""));
	release(&initial);
	return step;
}

static void
forget_name(struct smtp_session *s)
{
	mem_free(&s->auth_name);
	s->mode = SMTP_COMMANDS;
}

enum smtp_step
smtp_auth_line(struct smtp_session *s, struct span line)
{
	struct buf response = BUF_INIT(RESPONSE_MAX);
	enum smtp_mode mode = s->mode;
	enum smtp_step step = SMTP_WAIT;

	/* RFC 4954, 4: the client changed its mind; that is no failure. */
	if (span_is(line, "*") || !base64_decode(&response, line)) {
		if (mode == SMTP_AUTH_RESPONSE)
			client_auth_cancel(s->client);
		smtp_say(s, span_is(line, "*") ? REPLY_AUTH_CANCELLED
					       : REPLY_AUTH_SYNTAX);
		forget_name(s);
		release(&response);
		return SMTP_DONE;
	}
	if (mode == SMTP_AUTH_NAME) {
		step = ask_password(s, buf_span(&response));
	} else if (mode == SMTP_AUTH_PASSWORD) {
		client_auth_password(
		    s->client, span_of(s->auth_name), buf_span(&response));
		forget_name(s);
	} else {
		s->mode = SMTP_COMMANDS;
		client_auth_step(s->client, buf_span(&response));
	}
	release(&response);
	return step;
}

/* ---- what auth says ---- */

void
smtp_auth_challenge(struct client *c, struct span data)
{
	struct smtp_session *s = client_state(c);
	struct buf text = BUF_INIT(RESPONSE_MAX);

	base64_encode(&text, data);
	buf_byte(&text, '\0');
	prompt(s, SMTP_AUTH_RESPONSE, text.ptr);
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
