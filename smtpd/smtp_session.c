/*
 * From connect to close: the callbacks of front.h, and the one place where
 * input becomes commands.
 */
#include "common/clock.h"
#include "common/mem.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_command.h"

enum {
	LINE_MAX_BYTES =
	    2048, /* RFC 5321, 4.5.3.1.4, with room for parameters */
	AUTH_LINE_MAX = 12288 + 2, /* RFC 4954, 4 */
	ERRORS_SOFT =
	    10, /* from here on each error costs its sender a second */
	ERRORS_HARD = 20,
	PENALTY_MS = 1000,
	HANDSHAKE_MS = 10 * 1000,
	LOGIN_MS = 60 * 1000,
	IDLE_MS = 5 * 60 * 1000, /* RFC 5321, 4.5.3.2.7 */
};

static struct outlets *outlets; /* of this process */

struct outlets *
smtp_outlets(void)
{
	return outlets;
}

static void
ready(struct front *f)
{
	outlets = outlets_new(front_role(f));
}

/* ---- lines ---- */

static enum smtp_step
take_line(struct smtp_session *s, struct span line)
{
	s->line_since = clock_mono_ms();
	if (memchr(line.ptr, '\0', line.len) != NULL) {
		smtp_say(s, REPLY_BARE);
		return SMTP_CLOSE;
	}
	if (client_is_answering(s->client))
		return smtp_auth_line(s, line);
	return smtp_command_run(s, line);
}

/* False if there is no whole line yet. */
static bool
next_line(struct smtp_session *s, enum smtp_step *step)
{
	bool may_auth = smtp_is_submission(s) && s->account == 0;
	struct span line;

	switch (conn_line(client_conn(s->client),
	    may_auth ? AUTH_LINE_MAX : LINE_MAX_BYTES, &line)) {
	case CONN_LINE: *step = take_line(s, line); return true;
	case CONN_LINE_NONE: return false;
	case CONN_LINE_TOO_LONG:
		smtp_say(s, REPLY_LINE_TOO_LONG);
		*step = SMTP_CLOSE;
		return true;
	case CONN_LINE_BARE:
		/*
		 * What one reader takes for a line end another does not:
		 * nothing behind it can be trusted (RFC 5321, 2.3.8).
		 */
		smtp_say(s, REPLY_BARE);
		*step = SMTP_CLOSE;
		return true;
	}
	return false;
}

/* ---- steps ---- */

static void
penalty_over(void *arg)
{
	smtp_resume(arg, SMTP_DONE);
}

static void
punish(struct smtp_session *s)
{
	if (s->penalty == NULL)
		s->penalty = timer_new(
		    front_loop(client_front(s->client)), penalty_over, s);
	timer_set(s->penalty, PENALTY_MS);
	smtp_wait(s);
}

static enum smtp_step
count_error(struct smtp_session *s, enum smtp_step step)
{
	s->erred = false;
	s->errors++;
	if (step == SMTP_CLOSE)
		return step;
	if (s->errors >= ERRORS_HARD) {
		smtp_say(s, REPLY_TOO_MANY_ERRORS);
		return SMTP_CLOSE;
	}
	if (s->errors > ERRORS_SOFT)
		punish(s);
	return step;
}

/* False when the session is over. */
static bool
take_step(struct smtp_session *s, enum smtp_step step)
{
	if (step == SMTP_WAIT)
		return true;
	if (s->erred)
		step = count_error(s, step);
	if (step == SMTP_DONE)
		return true;
	client_close(s->client);
	return false;
}

/* Slow lines are no sign of life. */
static void
expect_line(struct smtp_session *s)
{
	int64_t left = IDLE_MS - (clock_mono_ms() - s->line_since);

	client_deadline(s->client, left > 0 ? left : 1);
}

/* There is input, or there may be. */
static void
input(struct client *c)
{
	struct smtp_session *s = client_state(c);
	struct conn *conn = client_conn(c);
	enum smtp_step step;

	while (!s->waiting && !client_is_busy(c) && !conn_full(conn)) {
		if (s->mode == SMTP_DATA) {
			if (conn_input(conn).len == 0)
				return;
			step = smtp_data_input(s);
		} else if (!next_line(s, &step)) {
			expect_line(s);
			return;
		}
		if (!take_step(s, step))
			return;
	}
}

void
smtp_resume(struct smtp_session *s, enum smtp_step step)
{
	if (step == SMTP_WAIT)
		return;
	s->waiting = false;
	s->line_since = clock_mono_ms();
	if (!take_step(s, step) || s->waiting)
		return;
	client_hold(s->client, false);
	/* What is pipelined goes on at once, so that replies leave together. */
	if (conn_input(client_conn(s->client)).len > 0)
		input(s->client);
}

/* ---- what the front says ---- */

static void
greet(struct client *c)
{
	struct smtp_session *s = client_state(c);
	const char *hostname = front_settings(client_front(c))->hostname;
	struct buf *out = conn_output(client_conn(c));

	s->client = c;
	s->line_since = clock_mono_ms();
	buf_text(out, "220 ");
	buf_text(out, hostname);
	buf_text(out, " ESMTP Hearth\r\n");
}

/* RFC 3207, 4.2: forget all that was said before. */
static void
tls_done(struct client *c)
{
	struct smtp_session *s = client_state(c);

	smtp_reset(s);
	mem_free(&s->helo);
	s->esmtp = false;
	s->waiting = false;
	s->line_since = clock_mono_ms();
}

static void
timeout(struct client *c)
{
	struct smtp_session *s = client_state(c);

	if (s->mode == SMTP_DATA)
		smtp_data_timeout(s);
	else
		smtp_say(s, REPLY_TIMEOUT);
}

static void
refuse(struct conn *conn, enum front_refusal why)
{
	static const enum smtp_reply replies[] = {
		[FRONT_TOO_MANY] = REPLY_TOO_MANY_CLIENTS,
		[FRONT_TOO_MANY_FROM_ADDRESS] = REPLY_TOO_MANY_FROM_YOU,
		[FRONT_TOO_OFTEN] = REPLY_TOO_OFTEN,
		[FRONT_GOING_DOWN] = REPLY_GOING_DOWN,
	};

	smtp_reply_put(conn_output(conn), replies[why], NULL);
}

static void
goodbye(struct client *c)
{
	smtp_say(client_state(c), REPLY_GOING_DOWN);
}

static void
gone(struct client *c)
{
	struct smtp_session *s = client_state(c);

	smtp_forget_question(s);
	smtp_mail_leave(&s->mail);
	outlet_free(&s->queue);
	timer_free(&s->penalty);
	mem_free(&s->helo);
}

#define SAME_FOR_BOTH                                                    \
	.daemon = "smtpd", .alpn = "smtp",                               \
	.client_size = sizeof(struct smtp_session),                      \
	.greeting_ms = HANDSHAKE_MS, .idle_ms = IDLE_MS, .ready = ready, \
	.greet = greet, .input = input, .tls_done = tls_done,            \
	.timeout = timeout, .refuse = refuse, .goodbye = goodbye,        \
	.gone = gone, .challenge = smtp_auth_challenge,                  \
	.logged_in = smtp_auth_logged_in, .refused = smtp_auth_refused

const struct front_protocol smtp_mx = { .role = ROLE_SMTP_MX, SAME_FOR_BOTH };
const struct front_protocol smtp_submission = { .role = ROLE_SMTP_SUBMISSION,
	.login_ms = LOGIN_MS,
	.on_demand = true,
	SAME_FOR_BOTH };
