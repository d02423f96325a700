/*
 * What commands need of their session: its state, its voice, its questions to
 * auth.  The session drives commands, so these stand below them both.
 */
#include "common/mem.h"
#include "smtpd/smtp.h"

struct smtp_question {
	struct smtp_session *session; /* NULL: the client is gone */
	enum smtp_step (*answer)(struct smtp_session *, struct span payload);
};

bool
smtp_is_submission(const struct smtp_session *s)
{
	return client_listener(s->client) != LISTEN_SMTP;
}

enum smtp_state
smtp_state(const struct smtp_session *s)
{
	if (s->helo == NULL)
		return SMTP_STRANGER;
	if (s->mail == NULL)
		return SMTP_GREETED;
	return s->mail->nrcpts == 0 ? SMTP_SENDER : SMTP_RECIPIENTS;
}

void
smtp_reset(struct smtp_session *s)
{
	smtp_mail_leave(&s->mail);
	s->mode = SMTP_COMMANDS;
}

void
smtp_say_more(struct smtp_session *s, enum smtp_reply reply, const char *more)
{
	/* What is refused for now is not the client's fault. */
	if (smtp_reply_code(reply) >= 500)
		s->erred = true;
	smtp_reply_put(conn_output(client_conn(s->client)), reply, more);
}

void
smtp_say(struct smtp_session *s, enum smtp_reply reply)
{
	smtp_say_more(s, reply, NULL);
}

void
smtp_wait(struct smtp_session *s)
{
	s->waiting = true;
	client_hold(s->client, true);
}

/* ---- questions to auth ---- */

static void
answered(void *arg, struct span payload)
{
	struct smtp_question *q = arg;
	struct smtp_session *s = q->session;

	if (s != NULL) {
		s->question = NULL;
		smtp_resume(s, q->answer(s, payload));
	}
	mem_free(&q);
}

enum smtp_step
smtp_ask(struct smtp_session *s, uint16_t type, struct span payload,
    enum smtp_step (*answer)(struct smtp_session *, struct span payload))
{
	struct front *front = client_front(s->client);
	struct smtp_question *q;
	struct span said;

	if (front_auth_said(front, type, payload, &said))
		return answer(s, said);
	q = mem_alloc(sizeof(*q));
	q->session = s;
	q->answer = answer;
	s->question = q;
	smtp_wait(s);
	front_ask_auth(front, type, payload, answered, q);
	return SMTP_WAIT;
}

void
smtp_forget_question(struct smtp_session *s)
{
	if (s->question != NULL)
		s->question->session = NULL;
	s->question = NULL;
}
