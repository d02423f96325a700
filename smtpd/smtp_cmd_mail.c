/*
 * MAIL and RCPT: who sends, to whom, and may they (RFC 5321, 4.1.1.2,
 * 4.1.1.3).
 */
#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "smtpd/smtp.h"
#include "smtpd/smtp_parse.h"

enum {
	TARGET_MAX = 320,
	CANONICAL_MAX = 1024,
	REFUSALS_MAX = 1000, /* RCPTs of one message; then the session ends */
};

static void
log_refused(const struct smtp_session *s, const char *event,
    enum smtp_reply why, struct span address)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, event);
	log_hex(&l, "session", client_id(s->client));
	log_text(&l, "peer", client_address(s->client));
	log_span(&l, "address", address);
	log_number(&l, "reply", smtp_reply_code(why));
	log_end(&l);
}

/* ---- MAIL ---- */

/*
 * People say who they are by logging in; the reverse-path must agree.
 * Whatever delivers to an account may be used by it.
 */
static enum smtp_step
sender_is(struct smtp_session *s, struct span payload)
{
	struct wire w = wire_over(payload);
	uint8_t err = wire_u8(&w);
	enum smtp_reply reply = REPLY_TRY_LATER;

	if (wire_end(&w) && err == H_OK)
		reply = REPLY_SENDER_OK;
	else if (wire_end(&w) && (err == H_DENIED || err == H_NOTFOUND))
		reply = REPLY_NOT_YOUR_ADDRESS;
	if (reply != REPLY_SENDER_OK) {
		log_refused(
		    s, "sender-refused", reply, span_of(s->mail->reverse_path));
		smtp_reset(s);
	}
	smtp_say(s, reply);
	return SMTP_DONE;
}

static enum smtp_step
ask_sender(struct smtp_session *s, const struct addr *from)
{
	struct buf question = BUF_INIT(CANONICAL_MAX + 16),
		   canonical = BUF_INIT(CANONICAL_MAX);
	enum smtp_step step;

	addr_canonical(&canonical, from);
	wire_put_u64(&question, s->account);
	wire_put_bytes(&question, buf_span(&canonical));
	step = smtp_ask(s, IPC_LOOKUP_SENDER, buf_span(&question), sender_is);
	buf_free(&question);
	buf_free(&canonical);
	return step;
}

enum smtp_step
smtp_cmd_mail(struct smtp_session *s, struct span args)
{
	unsigned flags =
	    smtp_is_submission(s) ? PARSE_BLANK | PARSE_UTF8 | PARSE_AUTH : 0;
	struct smtp_mail_args mail;
	enum smtp_reply reply = smtp_parse_mail(args, flags, &mail);

	if (reply == REPLY_SENDER_OK &&
	    mail.size >
		front_settings(client_front(s->client))->message_size_limit)
		reply = REPLY_TOO_BIG;
	if (reply != REPLY_SENDER_OK) {
		log_refused(s, "sender-refused", reply, args);
		smtp_say(s, reply);
		return SMTP_DONE;
	}
	s->mail = smtp_mail_new(s, mail.path);
	s->mail->utf8 = mail.utf8;
	s->mail->said_size = mail.size;
	if (smtp_is_submission(s) && mail.path.len > 0)
		return ask_sender(s, &mail.from);
	smtp_say(s, REPLY_SENDER_OK);
	return SMTP_DONE;
}

/* ---- RCPT ---- */

static enum smtp_step check_room(struct smtp_session *);

/* Refusals for now are no errors, but there is an end to them too. */
static enum smtp_step
say_refusal(struct smtp_session *s, enum smtp_reply why, struct span address)
{
	if (++s->mail->refusals > REFUSALS_MAX) {
		smtp_say(s, REPLY_TOO_MUCH_JUNK);
		return SMTP_CLOSE;
	}
	log_refused(s, "rcpt-refused", why, address);
	smtp_say(s, why);
	return SMTP_DONE;
}

static enum smtp_step
refuse_rcpt(struct smtp_session *s, enum smtp_reply why)
{
	struct smtp_mail *m = s->mail;
	enum smtp_step step = say_refusal(s, why, span_of(m->asked));

	smtp_mail_cut_rcpts(m, m->before);
	mem_free(&m->asked);
	return step;
}

/* Of an answer that is no success, whatever it says. */
static enum smtp_reply
refusal_for(enum herr err)
{
	enum smtp_reply reply = smtp_reply_for(err);

	return smtp_reply_code(reply) < 400 ? REPLY_TRY_LATER : reply;
}

static enum smtp_step
accept_rcpt(struct smtp_session *s)
{
	s->mail->commands++;
	mem_free(&s->mail->asked);
	smtp_say(s, REPLY_RCPT_OK);
	return SMTP_DONE;
}

static void
room_is(void *arg, enum herr err, uint64_t room)
{
	struct smtp_mail *m = arg;
	struct smtp_session *s = m->session;

	(void)room;
	if (err != H_OK) {
		smtp_resume(s, refuse_rcpt(s, refusal_for(err)));
		return;
	}
	m->checked++;
	smtp_resume(s, check_room(s));
}

/*
 * Each new local target must have room: better refused here than bounced later
 * to somebody who never sent it.
 */
static enum smtp_step
check_room(struct smtp_session *s)
{
	struct smtp_mail *m = s->mail;

	for (; m->checked < m->nrcpts; m->checked++) {
		uint64_t account = m->rcpts[m->checked].account;
		struct outlet *o;

		if (account == 0 ||
		    outlet_has_plenty(
			o = outlet_deliver(smtp_outlets(), account)))
			continue;
		m->parcel = (struct parcel){
			.kind = PARCEL_ROOM,
			.done = room_is,
			.arg = m,
			.wanted = m->said_size > 0 ? m->said_size : 1,
		};
		smtp_wait(s);
		parcel_send(o, &m->parcel);
		return SMTP_WAIT;
	}
	return accept_rcpt(s);
}

/* The answer's targets, added behind those of earlier RCPTs. */
static enum smtp_reply
add_targets(struct smtp_session *s, struct wire *w)
{
	struct smtp_mail *m = s->mail;
	unsigned count = wire_u16(w);

	for (unsigned i = 0; i < count && !w->bad; i++) {
		uint64_t account = wire_u64(w);
		struct span address = wire_bytes(w, TARGET_MAX);

		/*
		 * Only who logged in may send to the outside, whatever alias
		 * leads there.
		 */
		if (account == 0 && s->account == 0)
			return REPLY_NOT_ALLOWED;
		if (!w->bad &&
		    !smtp_mail_add_rcpt(m, account, address, span_of(m->asked)))
			return REPLY_TOO_MANY_RCPTS;
	}
	return wire_end(w) && count > 0 ? REPLY_RCPT_OK : REPLY_TRY_LATER;
}

/*
 * Forms that once meant "pass it on".  Whatever a part of it may match, nobody
 * here is called so.
 */
static bool
looks_like_relaying(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL && strcspn(address, "%!@") < (size_t)(at - address);
}

static enum smtp_reply
judge_rcpt(struct smtp_session *s, uint8_t err, struct wire *w)
{
	struct smtp_mail *m = s->mail;
	struct span asked = span_of(m->asked);

	if (w->bad || err > H_IO)
		return REPLY_TRY_LATER;
	if ((err == H_OK || err == H_NOTFOUND) && looks_like_relaying(m->asked))
		return REPLY_NOT_ALLOWED;
	if (err == H_OK)
		return add_targets(s, w);
	/* Not local: whoever logged in may send there. */
	if (err == H_DENIED && s->account != 0)
		return smtp_mail_add_rcpt(m, 0, asked, asked)
		           ? REPLY_RCPT_OK
		           : REPLY_TOO_MANY_RCPTS;
	return refusal_for((enum herr)err);
}

static enum smtp_step
rcpt_is(struct smtp_session *s, struct span payload)
{
	struct wire w = wire_over(payload);
	uint8_t err = wire_u8(&w);
	enum smtp_reply reply;

	s->mail->before = s->mail->checked = s->mail->nrcpts;
	reply = judge_rcpt(s, err, &w);
	return reply == REPLY_RCPT_OK ? check_room(s) : refuse_rcpt(s, reply);
}

static enum smtp_step
ask_rcpt(struct smtp_session *s, const struct smtp_rcpt_args *rcpt)
{
	struct buf question = BUF_INIT(CANONICAL_MAX + 16),
		   canonical = BUF_INIT(CANONICAL_MAX),
		   said = BUF_INIT(CANONICAL_MAX);
	const struct settings *settings =
	    front_settings(client_front(s->client));
	struct addr to = rcpt->to;
	enum smtp_step step;

	/* RFC 5321, 4.5.1: <postmaster> is that of the server's own domain. */
	buf_add(&said, rcpt->path);
	if (to.domain.len == 0) {
		to.domain =
		    span_of(settings->ndomains > 0 ? settings->domains[0]
						   : settings->hostname);
		buf_byte(&said, '@');
		buf_add(&said, to.domain);
	}
	s->mail->asked = mem_string(buf_span(&said));
	addr_canonical(&canonical, &to);
	wire_put_bytes(&question, buf_span(&canonical));
	step = smtp_ask(s, IPC_LOOKUP_RCPT, buf_span(&question), rcpt_is);
	buf_free(&said);
	buf_free(&question);
	buf_free(&canonical);
	return step;
}

enum smtp_step
smtp_cmd_rcpt(struct smtp_session *s, struct span args)
{
	unsigned flags = smtp_is_submission(s) ? PARSE_BLANK | PARSE_UTF8 : 0;
	struct smtp_rcpt_args rcpt;
	enum smtp_reply reply;

	if (s->mail->utf8)
		flags |= PARSE_UTF8;
	reply = smtp_parse_rcpt(args, flags, &rcpt);
	if (reply == REPLY_RCPT_OK &&
	    s->mail->commands >=
		front_settings(client_front(s->client))->max_recipients)
		reply = REPLY_TOO_MANY_RCPTS;
	if (reply != REPLY_RCPT_OK)
		return say_refusal(s, reply, args);
	return ask_rcpt(s, &rcpt);
}
