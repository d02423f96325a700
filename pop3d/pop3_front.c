#include "pop3d/pop3_front.h"

#include "common/mem.h"
#include "common/scan.h"
#include "pop3d/pop3_reply.h"

enum {
	GREETING_MS = 10 * 1000,
	IDLE_MS = 60 * 1000,
	LOGIN_MS = 3 * 60 * 1000,
};

/* What a client has said so far. */
struct pop3_client {
	struct buf user; /* from USER, until PASS */
	unsigned bad;
};

/* What a line leads to. */
enum step {
	NEXT, /* the next line */
	WAIT, /* nothing more from this client, now or ever */
};

static void
say(struct client *c, enum pop3_reply reply)
{
	pop3_say(client_conn(c), reply);
}

static enum step
close_with(struct client *c, enum pop3_reply reply)
{
	say(c, reply);
	client_close(c);
	return WAIT;
}

static enum step
bad_line(struct client *c, enum pop3_reply reply)
{
	struct pop3_client *p = client_state(c);

	if (++p->bad >= POP3_BAD_MAX)
		return close_with(c, reply);
	say(c, reply);
	return NEXT;
}

static void
forget_user(struct pop3_client *p)
{
	buf_free(&p->user);
	p->user = BUF_INIT(POP3_LINE_MAX);
}

/* ---- commands ---- */

static enum step
cmd_capa(struct client *c, const struct pop3_line *l)
{
	struct buf names = BUF_INIT(POP3_LINE_MAX);
	unsigned what = 0;

	(void)l;
	client_sasl_names(c, " ", &names);
	if (front_has_tls(client_front(c)) && !client_is_tls(c))
		what |= POP3_CAPA_STLS;
	pop3_capa(client_conn(c), what, buf_span(&names), 0);
	buf_free(&names);
	return NEXT;
}

static enum step
cmd_stls(struct client *c, const struct pop3_line *l)
{
	(void)l;
	if (client_is_tls(c)) {
		say(c, POP3_TLS_ALREADY);
		return NEXT;
	}
	if (!front_has_tls(client_front(c))) {
		say(c, POP3_NO_TLS);
		return NEXT;
	}
	say(c, POP3_BEGIN_TLS);
	client_start_tls(c);
	return WAIT;
}

static enum step
cmd_user(struct client *c, const struct pop3_line *l)
{
	struct pop3_client *p = client_state(c);
	struct span name = span_trim(l->rest);

	if (!client_may_login(c)) {
		say(c, POP3_TLS_FIRST);
		return NEXT;
	}
	if (name.len == 0)
		return bad_line(c, POP3_SYNTAX);
	forget_user(p);
	buf_add(&p->user, name);
	say(c,
	    POP3_NAME_TAKEN); /* whoever it is: names are not told apart here */
	return NEXT;
}

/* The password is all that follows one space: it may have spaces of its own
 * (RFC 1939, 7). */
static enum step
cmd_pass(struct client *c, const struct pop3_line *l)
{
	struct pop3_client *p = client_state(c);

	if (!client_may_login(c)) {
		say(c, POP3_TLS_FIRST);
		return NEXT;
	}
	if (p->user.len == 0) {
		say(c, POP3_NAME_FIRST);
		return NEXT;
	}
	if (l->rest.len == 0)
		return bad_line(c, POP3_SYNTAX);
	client_auth_password(c, buf_span(&p->user), l->rest);
	forget_user(p);
	return WAIT;
}

/* Where a line of an exchange leads. */
static enum step
go_on(struct client *c, enum client_sasl what)
{
	switch (what) {
	case CLIENT_SASL_ASKED: break;
	case CLIENT_SASL_CANCELLED: say(c, POP3_CANCELLED); return NEXT;
	case CLIENT_SASL_NOT_BASE64: return bad_line(c, POP3_NOT_BASE64);
	case CLIENT_SASL_NO_MECHANISM: say(c, POP3_NO_MECHANISM); return NEXT;
	}
	return WAIT;
}

/* Outlook asks with a bare AUTH which mechanisms there are. */
static enum step
list_mechanisms(struct client *c)
{
	conn_text(client_conn(c), "+OK");
	client_sasl_names(c, "\r\n", conn_output(client_conn(c)));
	conn_text(client_conn(c), "\r\n.\r\n");
	return NEXT;
}

/* RFC 5034, 4 */
static enum step
cmd_auth(struct client *c, const struct pop3_line *l)
{
	struct pop3_line m = pop3_line(span_trim(l->rest));

	if (m.word.len == 0)
		return list_mechanisms(c);
	if (!client_may_login(c)) {
		say(c, POP3_TLS_FIRST);
		return NEXT;
	}
	return go_on(c, client_sasl_begin(c, m.word,
			    m.has_rest ? span_trim(m.rest) : NO_SPAN));
}

static enum step
cmd_noop(struct client *c, const struct pop3_line *l)
{
	(void)l;
	say(c, POP3_OK);
	return NEXT;
}

static enum step
cmd_quit(struct client *c, const struct pop3_line *l)
{
	(void)l;
	return close_with(c, POP3_BYE);
}

/* Whoever speaks another protocol was led here by somebody else. */
static enum step
cmd_other(struct client *c, const struct pop3_line *l)
{
	(void)l;
	return close_with(c, POP3_WRONG_PROTOCOL);
}

/* clang-format off */
static const struct command {
	const char *word;
	bool alone; /* nothing may follow */
	enum step (*run)(struct client *, const struct pop3_line *);
} commands[] = {
	{ "CAPA",    true,  cmd_capa },	/* RFC 2449, 5 */
	{ "STLS",    true,  cmd_stls },	/* RFC 2595, 4 */
	{ "USER",    false, cmd_user },	/* RFC 1939, 7 */
	{ "PASS",    false, cmd_pass },
	{ "AUTH",    false, cmd_auth },	/* RFC 5034 */
	{ "NOOP",    true,  cmd_noop },
	{ "QUIT",    true,  cmd_quit },	/* RFC 1939, 4 */

	{ "GET",     false, cmd_other },
	{ "POST",    false, cmd_other },
	{ "PUT",     false, cmd_other },
	{ "HEAD",    false, cmd_other },
	{ "OPTIONS", false, cmd_other },
	{ "CONNECT", false, cmd_other },
	{ "EHLO",    false, cmd_other },
	{ "HELO",    false, cmd_other },
};
/* clang-format on */

static enum step
run_line(struct client *c, struct span line)
{
	struct pop3_line l = pop3_line(line);

	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *cmd = &commands[i];

		if (!span_is_nocase(l.word, cmd->word))
			continue;
		if (cmd->alone && span_trim(l.rest).len > 0)
			return bad_line(c, POP3_SYNTAX);
		return cmd->run(c, &l);
	}
	return bad_line(c, POP3_UNKNOWN);
}

/* ---- what the front calls ---- */

static void
greet(struct client *c)
{
	forget_user(client_state(c));
	say(c, POP3_GREETING);
}

/* An initial response may need more than the 255 bytes of other lines. */
static size_t
longest_line(struct client *c)
{
	return client_is_answering(c) ||
	               span_starts_nocase(conn_input(client_conn(c)), "AUTH ")
	           ? CLIENT_SASL_LINE_MAX
	           : POP3_LINE_MAX;
}

static void
input(struct client *c)
{
	enum step step = NEXT;
	struct span line;

	while (step == NEXT) {
		switch (conn_line(client_conn(c), longest_line(c), &line)) {
		case CONN_LINE:
			step = client_is_answering(c)
			           ? go_on(c, client_sasl_answer(c, line))
			           : run_line(c, line);
			break;
		case CONN_LINE_NONE: return;
		case CONN_LINE_TOO_LONG:
			step = close_with(c, POP3_TOO_LONG);
			break;
		case CONN_LINE_BARE: step = close_with(c, POP3_BARE); break;
		}
	}
}

static void
tls_done(struct client *c)
{
	struct pop3_client *p = client_state(c);

	forget_user(p);
	p->bad = 0;
}

static void
challenge(struct client *c, struct span data)
{
	client_sasl_challenge(c, "+ ", data);
}

static void
logged_in(struct client *c, struct span address, uint64_t account, int queue)
{
	(void)address;
	(void)account;
	(void)queue;
	say(c, POP3_LOGGED_IN);
}

static enum pop3_reply
reply_for(enum auth_failure why)
{
	switch (why) {
	case AUTH_WRONG: return POP3_WRONG_LOGIN;
	case AUTH_MALFORMED: return POP3_SYNTAX;
	case AUTH_NO_MECHANISM: return POP3_NO_MECHANISM;
	case AUTH_THROTTLED: return POP3_THROTTLED;
	case AUTH_BUSY: return POP3_TROUBLE;
	}
	return POP3_TROUBLE;
}

static void
refused(struct client *c, enum herr err, enum auth_failure why)
{
	say(c, err == H_DENIED ? reply_for(why) : pop3_reply_for(err));
}

static void
timeout(struct client *c)
{
	say(c, POP3_IDLE_TOO_LONG);
}

static void
refuse(struct conn *conn, enum front_refusal why)
{
	switch (why) {
	case FRONT_TOO_MANY: pop3_say(conn, POP3_TOO_MANY); break;
	case FRONT_TOO_MANY_FROM_ADDRESS:
		pop3_say(conn, POP3_TOO_MANY_FROM_YOU);
		break;
	case FRONT_TOO_OFTEN: pop3_say(conn, POP3_TOO_OFTEN); break;
	case FRONT_GOING_DOWN: pop3_say(conn, POP3_GOING_DOWN); break;
	}
}

static void
goodbye(struct client *c)
{
	say(c, POP3_GOING_DOWN);
}

static void
gone(struct client *c)
{
	struct pop3_client *p = client_state(c);

	buf_free(&p->user);
}

const struct front_protocol pop3_front = {
	.daemon = "pop3d",
	.role = ROLE_POP3_FRONT,
	.alpn = "pop3",
	.client_size = sizeof(struct pop3_client),
	.greeting_ms = GREETING_MS,
	.idle_ms = IDLE_MS,
	.login_ms = LOGIN_MS,
	.greet = greet,
	.input = input,
	.tls_done = tls_done,
	.timeout = timeout,
	.refuse = refuse,
	.goodbye = goodbye,
	.gone = gone,
	.challenge = challenge,
	.logged_in = logged_in,
	.refused = refused,
};
