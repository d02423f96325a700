/*
 * DATA: the message itself, and the promise that ends it (RFC 5321, 4.1.1.4,
 * 6.1).
 */
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_header.h"

enum {
	BYTES_PER_MS =
	    2, /* each byte buys that much patience: 500 bytes a second */
	PATIENCE_MS = 60 * 1000, /* at the beginning */
	PATIENCE_MAX_MS =
	    180 * 1000, /* of who sends well: RFC 5321, 4.5.3.2.5 */
	RECEIVED_FIELD_MAX = 2048,
};

/* ---- how patient we are ---- */

static void
begin_patience(struct smtp_session *s)
{
	s->patience = PATIENCE_MS;
	s->patience_since = clock_mono_ms();
	client_deadline(s->client, s->patience);
}

/*
 * Under 500 bytes a second over a minute, it runs out; a good sender may stall
 * for three.
 */
static bool
lose_patience(struct smtp_session *s, size_t came)
{
	int64_t now = clock_mono_ms();

	s->patience += (int64_t)came * BYTES_PER_MS - (now - s->patience_since);
	s->patience_since = now;
	if (s->patience > PATIENCE_MAX_MS)
		s->patience = PATIENCE_MAX_MS;
	if (s->patience <= 0)
		return true;
	client_deadline(s->client, s->patience);
	return false;
}

/* ---- the beginning ---- */

static void
put_received(struct smtp_session *s, struct buf *field)
{
	struct smtp_mail *m = s->mail;

	smtp_header_received(field,
	    &(struct smtp_trace){
		.helo = span_of(s->helo),
		.address = m->peer,
		.hostname = front_settings(client_front(s->client))->hostname,
		.esmtp = s->esmtp,
		.tls = client_is_tls(s->client),
		.login = s->account != 0,
		.utf8 = m->utf8,
		.id = m->trace,
		.recipient =
		    m->commands == 1 ? span_of(m->rcpts[0].said) : NO_SPAN,
		.now = m->now,
	    });
}

enum smtp_step
smtp_cmd_data(struct smtp_session *s, struct span args)
{
	const struct settings *settings =
	    front_settings(client_front(s->client));
	struct buf received = BUF_INIT(RECEIVED_FIELD_MAX);
	struct smtp_mail *m = s->mail;

	if (args.len > 0 || m->nrcpts == 0) {
		smtp_say(s, args.len > 0 ? REPLY_SYNTAX : REPLY_NO_RCPT);
		return SMTP_DONE;
	}
	m->now = clock_wall();
	m->tls = client_is_tls(s->client);
	snprintf(m->peer, sizeof(m->peer), "%s", client_address(s->client));
	put_received(s, &received);
	m->body = smtp_body_new(
	    &(struct smtp_body_rules){
		.submission = smtp_is_submission(s),
		.size_limit = settings->message_size_limit,
		.hostname = settings->hostname,
		.trace = m->trace,
		.now = m->now,
		.is_loop = smtp_mail_is_loop,
		.arg = m,
	    },
	    buf_span(&received));
	buf_free(&received);
	s->mode = SMTP_DATA;
	smtp_say(s, REPLY_GO_AHEAD);
	begin_patience(s);
	return SMTP_DONE;
}

/* ---- the end ---- */

static void
log_received(const struct smtp_mail *m, enum smtp_reply reply, uint64_t queued)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "received");
	log_text(&l, "trace", m->trace);
	log_text(&l, "from", m->reverse_path);
	log_text(&l, "peer", m->peer);
	log_text(&l, "tls", m->tls ? "yes" : "no");
	log_number(&l, "size", (int64_t)smtp_body_size(m->body));
	log_number(&l, "rcpt", (int64_t)m->nrcpts);
	log_number(&l, "result", smtp_reply_code(reply));
	if (queued != 0)
		log_hex(&l, "queue", queued);
	log_end(&l);
}

static enum smtp_step
refuse_message(struct smtp_session *s, enum smtp_reply why)
{
	log_received(s->mail, why, 0);
	smtp_reset(s);
	smtp_say(s, why);
	return SMTP_DONE;
}

/*
 * The promise.  Said below the H_OK of the process that has the message in a
 * committed, synced transaction, or found it there (H_EXISTS is the same);
 * nothing else comes out as 250.
 */
static void
answer(struct smtp_session *s, enum smtp_reply reply, const char *trace)
{
	smtp_say_more(s, reply, reply == REPLY_STORED ? trace : NULL);
	/* Somebody waits for this line, nobody for what is left to do. */
	conn_flush(client_conn(s->client));
	if (reply == REPLY_STORED)
		s->junk = s->errors = 0;
}

/* Deliver role or queue has answered. */
static void
stored(void *arg, enum herr err, uint64_t queued)
{
	struct smtp_mail *m = arg;
	struct smtp_session *s = m->session;
	enum smtp_reply reply = smtp_reply_for(err);

	if (s != NULL)
		answer(s, reply, m->trace);
	log_received(m, reply, queued);
	if (s == NULL) {
		/* Nobody is left to hear it. */
		smtp_mail_leave(&m);
		return;
	}
	smtp_reset(s);
	smtp_resume(s, SMTP_DONE);
}

static enum smtp_step
end_of_data(struct smtp_session *s)
{
	struct smtp_mail *m = s->mail;
	enum smtp_reply verdict = smtp_body_end(m->body, smtp_mail_envelope(m));

	s->mode = SMTP_COMMANDS;
	if (verdict != REPLY_STORED)
		return refuse_message(s, verdict);
	if (!smtp_mail_is_direct(m) && s->queue != NULL &&
	    outlet_is_lost(s->queue)) {
		/*
		 * The queue was restarted: only a new login brings a new
		 * channel, and 421 is what makes a client log in again.
		 */
		log_received(m, REPLY_INTERRUPTED, 0);
		smtp_say(s, REPLY_INTERRUPTED);
		return SMTP_CLOSE;
	}
	smtp_wait(s);
	smtp_mail_store(m, smtp_outlets(), s->queue, stored);
	return SMTP_WAIT;
}

/* ---- in between ---- */

static void
got_file(void *arg, enum herr err, int fd)
{
	struct smtp_mail *m = arg;

	m->wants_file = false;
	smtp_body_file(m->body, err, fd);
	if (m->session == NULL)
		smtp_mail_leave(&m);
	else
		smtp_resume(m->session, SMTP_DONE);
}

static enum smtp_step
ask_for_file(struct smtp_session *s)
{
	s->mail->wants_file = true;
	smtp_wait(s);
	role_want_spool(front_role(client_front(s->client)), got_file, s->mail);
	return SMTP_WAIT;
}

enum smtp_step
smtp_data_input(struct smtp_session *s)
{
	struct conn *conn = client_conn(s->client);
	struct smtp_body *body = s->mail->body;
	size_t taken;

	if (smtp_body_wants_file(body))
		return ask_for_file(s);
	taken = smtp_body_feed(body, conn_input(conn));
	conn_consume(conn, taken);
	if (smtp_body_done(body))
		return end_of_data(s);
	if (lose_patience(s, taken)) {
		smtp_data_timeout(s);
		return SMTP_CLOSE;
	}
	return SMTP_DONE;
}

void
smtp_data_timeout(struct smtp_session *s)
{
	log_received(s->mail, REPLY_TOO_SLOW, 0);
	smtp_say(s, REPLY_TOO_SLOW);
}
