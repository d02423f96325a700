/* Before login (RFC 3501, 6.1, 6.2). */
#include "imapd/imap_front.h"

#include "common/mem.h"
#include "imapd/imap_capability.h"
#include "imapd/imap_id.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_parse.h"

enum {
	GREETING_MS = 10 * 1000,
	IDLE_MS = 60 * 1000,
	LOGIN_MS = 3 * 60 * 1000,
	BAD_MAX = 3,
};

struct imap_client {
	struct imap_input input;
	char *tag;  /* of the command that waits for auth */
	bool named; /* its name is in the log */
	unsigned char bad;
};

/* What a command leads to. */
enum step {
	NEXT, /* the next one */
	WAIT, /* nothing more from this client, now or ever */
};

/* clang-format off */
enum reply {
	OK_DONE, OK_TLS, BAD_SYNTAX, BAD_UNKNOWN, BAD_FIRST, BAD_TLS_ON,
	BAD_CANCELLED, BAD_BASE64, BAD_LITERAL, NO_TLS, NO_PRIVACY, NO_WRONG,
	NO_MECHANISM, NO_THROTTLED, NO_SESSIONS, NO_BUSY, REPLIES
};
static const char *const replies[] = {
	[OK_DONE]       = "OK Done",
	[OK_TLS]        = "OK Begin TLS now",
	[BAD_SYNTAX]    = "BAD Syntax error",
	[BAD_UNKNOWN]   = "BAD Unknown command",
	[BAD_FIRST]     = "BAD Log in first",
	[BAD_TLS_ON]    = "BAD TLS is on already",
	[BAD_CANCELLED] = "BAD Cancelled",
	[BAD_BASE64]    = "BAD That is no base64",
	[BAD_LITERAL]   = "BAD [TOOBIG] The literal is too long",
	[NO_TLS]        = "NO [UNAVAILABLE] There is no TLS here",
	[NO_PRIVACY]    = "NO [PRIVACYREQUIRED] Passwords are taken over TLS only",
	[NO_WRONG]      = "NO [AUTHENTICATIONFAILED] Wrong name or password",
	[NO_MECHANISM]  = "NO [CANNOT] No such mechanism",
	[NO_THROTTLED]  = "NO [UNAVAILABLE] Too many wrong passwords from your address; try again later",
	[NO_SESSIONS]   = "NO [LIMIT] Too many sessions of this account",
	[NO_BUSY]       = "NO [UNAVAILABLE] Try again later",
};
/* clang-format on */
static_assert(COUNT_OF(replies) == REPLIES, "a reply lacks its text");

static void
say(struct client *c, struct span tag, enum reply reply)
{
	struct buf *out = conn_output(client_conn(c));

	buf_add(out, tag);
	buf_byte(out, ' ');
	buf_text(out, replies[reply]);
	buf_text(out, "\r\n");
}

static enum step
close_with(struct client *c, const char *line)
{
	conn_text(client_conn(c), line);
	client_close(c);
	return WAIT;
}

static enum step
bad(struct client *c, struct span tag, enum reply reply)
{
	struct imap_client *i = client_state(c);

	say(c, tag, reply);
	if (++i->bad >= BAD_MAX)
		return close_with(c, "* BYE Too many bad commands\r\n");
	return NEXT;
}

/* What was said may have been a password. */
static void
forget(struct imap_client *i)
{
	if (i->input.text.ptr != NULL)
		mem_wipe(i->input.text.ptr, i->input.text.room);
	imap_input_reset(&i->input, &imap_front_limits);
}

/* The command waits for auth; its answer will bear this tag. */
static void
remember(struct client *c, struct span tag)
{
	struct imap_client *i = client_state(c);

	mem_free(&i->tag);
	i->tag = mem_string(tag);
}

static uint64_t
message_size_limit(struct client *c)
{
	return front_settings(client_front(c))->message_size_limit;
}

static void
put_capability(struct client *c)
{
	struct conn *conn = client_conn(c);

	imap_put_capability(conn_output(conn), message_size_limit(c), 0);
	if (front_has_tls(client_front(c)) && !client_is_tls(c))
		conn_text(conn, IMAP_CAPABILITY_STARTTLS);
	if (!client_may_login(c))
		conn_text(conn, IMAP_CAPABILITY_NO_AUTH);
	client_sasl_names(c, " AUTH=", conn_output(conn));
}

/* ---- commands ---- */

static enum step
cmd_capability(struct client *c, struct span tag, struct imap_args *a)
{
	if (!imap_end(a))
		return bad(c, tag, BAD_SYNTAX);
	conn_text(client_conn(c), "* ");
	put_capability(c);
	conn_text(client_conn(c), "\r\n");
	say(c, tag, OK_DONE);
	return NEXT;
}

static enum step
cmd_noop(struct client *c, struct span tag, struct imap_args *a)
{
	if (!imap_end(a))
		return bad(c, tag, BAD_SYNTAX);
	say(c, tag, OK_DONE);
	return NEXT;
}

static enum step
cmd_logout(struct client *c, struct span tag, struct imap_args *a)
{
	if (!imap_end(a))
		return bad(c, tag, BAD_SYNTAX);
	conn_text(client_conn(c), "* BYE Logging out\r\n");
	say(c, tag, OK_DONE);
	client_close(c);
	return WAIT;
}

static enum step
cmd_id(struct client *c, struct span tag, struct imap_args *a)
{
	struct imap_client *i = client_state(c);

	if (!imap_id(a, client_id(c), &i->named, conn_output(client_conn(c))))
		return bad(c, tag, BAD_SYNTAX);
	say(c, tag, OK_DONE);
	return NEXT;
}

static enum step
cmd_starttls(struct client *c, struct span tag, struct imap_args *a)
{
	if (!imap_end(a))
		return bad(c, tag, BAD_SYNTAX);
	if (client_is_tls(c))
		return bad(c, tag, BAD_TLS_ON);
	if (!front_has_tls(client_front(c))) {
		say(c, tag, NO_TLS);
		return NEXT;
	}
	say(c, tag, OK_TLS);
	client_start_tls(c);
	return WAIT;
}

static enum step
cmd_login(struct client *c, struct span tag, struct imap_args *a)
{
	struct span user, password;

	imap_sp(a);
	user = imap_astring(a);
	imap_sp(a);
	password = imap_astring(a);
	if (!imap_end(a))
		return bad(c, tag, BAD_SYNTAX);
	if (!client_may_login(c)) {
		say(c, tag, NO_PRIVACY);
		return NEXT;
	}
	remember(c, tag);
	client_auth_password(c, user, password);
	return WAIT;
}

/* Where a line of an exchange leads. */
static enum step
go_on(struct client *c, enum client_sasl what)
{
	struct imap_client *i = client_state(c);

	switch (what) {
	case CLIENT_SASL_ASKED: break;
	case CLIENT_SASL_CANCELLED:
		say(c, span_of(i->tag), BAD_CANCELLED);
		return NEXT;
	case CLIENT_SASL_NOT_BASE64: return bad(c, span_of(i->tag), BAD_BASE64);
	case CLIENT_SASL_NO_MECHANISM:
		say(c, span_of(i->tag), NO_MECHANISM);
		return NEXT;
	}
	return WAIT;
}

/* AUTHENTICATE SP mechanism [SP (base64 / "=")], RFC 4959 */
static enum step
cmd_authenticate(struct client *c, struct span tag, struct imap_args *a)
{
	struct span mechanism, initial = NO_SPAN;

	imap_sp(a);
	mechanism = imap_atom(a);
	if (scan_try(&a->scan, ' '))
		initial = scan_until(&a->scan, " ", CLIENT_SASL_LINE_MAX);
	if (!imap_end(a))
		return bad(c, tag, BAD_SYNTAX);
	if (!client_may_login(c)) {
		say(c, tag, NO_PRIVACY);
		return NEXT;
	}
	remember(c, tag);
	return go_on(c, client_sasl_begin(c, mechanism, initial));
}

/* clang-format off */
static const struct {
	const char *name;
	enum step (*run)(struct client *, struct span tag, struct imap_args *);
} commands[] = {
	{ "CAPABILITY",   cmd_capability },   /* RFC 3501, 6.1.1 */
	{ "NOOP",         cmd_noop },         /* 6.1.2 */
	{ "LOGOUT",       cmd_logout },       /* 6.1.3 */
	{ "STARTTLS",     cmd_starttls },     /* 6.2.1 */
	{ "AUTHENTICATE", cmd_authenticate }, /* 6.2.2 */
	{ "LOGIN",        cmd_login },        /* 6.2.3 */
	{ "ID",           cmd_id },           /* RFC 2971 */
};

/* Commands that make sense after login only, named so that the answer helps. */
static const char *const later[] = {
	"SELECT", "EXAMINE", "LIST", "LSUB", "STATUS", "APPEND", "NAMESPACE",
	"ENABLE", "IDLE", "CREATE", "DELETE", "FETCH", "UID",
};

/* Whoever speaks another protocol was led here by somebody else. */
static const char *const strangers[] = {
	"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "EHLO", "HELO",
	"USER", "QUIT",
};
/* clang-format on */

static bool
is_one_of(struct span word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_is_nocase(word, list[i]))
			return true;
	return false;
}

static enum step
run_command(struct client *c)
{
	struct imap_client *i = client_state(c);
	struct imap_args a = imap_args_over(&i->input.text);
	struct span tag, name;

	if (i->input.wasted)
		return close_with(c, "* BYE [TOOBIG] The line is too long\r\n");
	if (i->input.text.len == 0)
		return NEXT;
	tag = imap_tag(&a);
	if (is_one_of(tag, strangers, COUNT_OF(strangers)))
		return close_with(c, "* BYE This is IMAP\r\n");
	imap_sp(&a);
	name = imap_atom(&a);
	if (a.scan.bad || i->input.bare)
		return bad(c, a.scan.bad ? SPAN("*") : tag, BAD_SYNTAX);
	for (size_t n = 0; n < COUNT_OF(commands); n++)
		if (span_is_nocase(name, commands[n].name))
			return commands[n].run(c, tag, &a);
	return bad(c, tag,
	    is_one_of(name, later, COUNT_OF(later)) ? BAD_FIRST : BAD_UNKNOWN);
}

static enum step
take_literal(struct client *c)
{
	struct imap_client *i = client_state(c);
	struct imap_args a = imap_args_over(&i->input.text);
	struct span tag;

	if (imap_input_take(&i->input, &imap_front_limits)) {
		if (i->input.sync)
			conn_text(client_conn(c), "+ OK\r\n");
		return NEXT;
	}
	if (!imap_input_waste(&i->input))
		return close_with(
		    c, "* BYE [TOOBIG] The literal is too long\r\n");
	tag = imap_tag(&a);
	if (a.scan.bad)
		tag = SPAN("*");
	if (bad(c, tag, BAD_LITERAL) == WAIT)
		return WAIT;
	forget(i);
	return NEXT;
}

static enum step
answer_challenge(struct client *c)
{
	struct span line;

	switch (conn_line(client_conn(c), CLIENT_SASL_LINE_MAX, &line)) {
	case CONN_LINE: break;
	case CONN_LINE_NONE: return WAIT;
	case CONN_LINE_TOO_LONG:
	case CONN_LINE_BARE:
		client_auth_cancel(c);
		return close_with(c, "* BYE That is no answer\r\n");
	}
	return go_on(c, client_sasl_answer(c, line));
}

/* ---- what the front calls ---- */

static void
greet(struct client *c)
{
	struct imap_client *i = client_state(c);

	imap_input_reset(&i->input, &imap_front_limits);
	conn_text(client_conn(c), "* OK [");
	put_capability(c);
	conn_text(client_conn(c), "] Hearth is ready\r\n");
}

static void
input(struct client *c)
{
	struct imap_client *i = client_state(c);
	enum step step = NEXT;

	while (step == NEXT && !client_is_busy(c)) {
		if (client_is_answering(c)) {
			step = answer_challenge(c);
			continue;
		}
		switch (imap_input_read(
		    &i->input, client_conn(c), &imap_front_limits)) {
		case IMAP_GOT_NOTHING: return;
		case IMAP_GOT_FLOOD:
			step = close_with(
			    c, "* BYE [TOOBIG] The literal is too long\r\n");
			break;
		case IMAP_GOT_LITERAL: step = take_literal(c); break;
		case IMAP_GOT_COMMAND:
			step = run_command(c);
			forget(i);
			break;
		}
	}
}

static void
tls_done(struct client *c)
{
	struct imap_client *i = client_state(c);

	forget(i);
	i->bad = 0;
}

static void
challenge(struct client *c, struct span data)
{
	client_sasl_challenge(c, "+ ", data);
}

static void
gone(struct client *c)
{
	struct imap_client *i = client_state(c);

	forget(i);
	mem_free(&i->tag);
}

static void
logged_in(struct client *c, struct span address, uint64_t account, int queue)
{
	struct imap_client *i = client_state(c);
	struct buf *out = conn_output(client_conn(c));

	(void)address;
	(void)account;
	(void)queue;
	buf_text(out, i->tag);
	buf_text(out, " OK [");
	imap_put_capability(out, message_size_limit(c), client_without(c));
	buf_text(out, "] Logged in\r\n");
	gone(c); /* nothing of this is needed any more */
}

static enum reply
reply_for(enum herr err, enum auth_failure why)
{
	if (err == H_LIMIT)
		return NO_SESSIONS;
	if (err != H_DENIED)
		return NO_BUSY;
	switch (why) {
	case AUTH_WRONG: return NO_WRONG;
	case AUTH_MALFORMED: return BAD_SYNTAX;
	case AUTH_NO_MECHANISM: return NO_MECHANISM;
	case AUTH_THROTTLED: return NO_THROTTLED;
	case AUTH_BUSY: return NO_BUSY;
	}
	return NO_BUSY;
}

static void
refused(struct client *c, enum herr err, enum auth_failure why)
{
	struct imap_client *i = client_state(c);

	say(c, span_of(i->tag), reply_for(err, why));
}

static void
timeout(struct client *c)
{
	conn_text(client_conn(c),
	    "* BYE [UNAVAILABLE] Nobody logged in for too long\r\n");
}

static void
refuse(struct conn *conn, enum front_refusal why)
{
	switch (why) {
	case FRONT_TOO_MANY:
		conn_text(conn, "* BYE [UNAVAILABLE] Too many connections\r\n");
		break;
	case FRONT_TOO_MANY_FROM_ADDRESS:
		conn_text(conn, "* BYE [UNAVAILABLE] Too many connections from "
				"your address\r\n");
		break;
	case FRONT_TOO_OFTEN:
		conn_text(conn, "* BYE [UNAVAILABLE] Too many connections in a "
				"minute from your address\r\n");
		break;
	case FRONT_GOING_DOWN:
		conn_text(
		    conn, "* BYE [UNAVAILABLE] The server is going down\r\n");
		break;
	}
}

static void
goodbye(struct client *c)
{
	conn_text(
	    client_conn(c), "* BYE [UNAVAILABLE] The server is going down\r\n");
}

const struct front_protocol imap_front = {
	.daemon = "imapd",
	.role = ROLE_IMAP_FRONT,
	.alpn = "imap",
	.client_size = sizeof(struct imap_client),
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
