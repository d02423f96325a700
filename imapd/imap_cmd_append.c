/*
 * APPEND (RFC 9051, 6.3.12; RFC 3502, 3516, 4315, 6855).  A message goes into
 * the store's blob and through the MIME scanner as it arrives; all messages of
 * one command are published in one transaction, or none is.
 *
 * What can be refused before a synchronizing literal is sent is refused then.
 */
#include "common/clock.h"
#include "common/date.h"
#include "common/mem.h"
#include "common/mime.h"
#include "common/record.h"
#include "imapd/imap_batch.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_name.h"
#include "imapd/imap_turn.h"

enum {
	STAGED_MAX = 4 * 1024 * 1024
}; /* of messages that wait for one commit together */

struct message {
	struct store_blob *blob;
	struct buf record;
	struct imap_flags flags;
	int64_t date;
	uint64_t size;
	uint32_t uid;
	bool binary;  /* a literal8 (RFC 3516) */
	bool wrapped; /* in UTF8 (...) (RFC 6855, 4) */
};

struct append {
	struct buf mailbox; /* UTF-8 */
	struct message *message;
	size_t len;
	uint64_t total, left;
	struct mime *mime; /* of the message that is arriving */
	enum imap_reply refusal;
	struct imap_account *account;
	uint32_t target, uidvalidity;
};

static imap_run begin_literal, read_bytes, read_line, read_waste, answer;

static void
release(void *state)
{
	struct append *ap = state;

	for (size_t i = 0; i < ap->len; i++) {
		store_blob_free(&ap->message[i].blob);
		buf_free(&ap->message[i].record);
		imap_flags_free(&ap->message[i].flags);
	}
	ap->account->staged -= ap->total;
	mem_free(&ap->message);
	mime_free(&ap->mime);
	buf_free(&ap->mailbox);
}

/* ---- arguments ---- */

static void
parse_date(struct imap_args *a, int64_t *date)
{
	if (!date_get_imap(imap_string(a), date))
		scan_fail(&a->scan);
	imap_sp(a);
}

/*
 * SP [flags SP] [date-time SP] literal, where that is ["~"] "{" number ["+"]
 * "}" CRLF or "UTF8" SP "(" literal8 ")"
 */
static bool
parse_message(struct imap_args *a, struct message *m)
{
	m->date = clock_wall();
	imap_sp(a);
	if (scan_peek(&a->scan) == '(') {
		imap_flags_parse(a, &m->flags);
		imap_sp(a);
	}
	if (scan_peek(&a->scan) == '"')
		parse_date(a, &m->date);
	m->wrapped = scan_try_word(&a->scan, "UTF8 (");
	m->binary = scan_try(&a->scan, '~');
	if (m->wrapped && !m->binary)
		scan_fail(&a->scan);
	scan_need(&a->scan, '{');
	m->size = scan_number(&a->scan, INT64_MAX);
	(void)scan_try(&a->scan, '+');
	scan_word(&a->scan, "}\r\n");
	return scan_done(&a->scan);
}

static struct message *
add_message(struct append *ap)
{
	struct message *m;

	ap->message =
	    mem_resize(ap->message, ap->len + 1, sizeof(ap->message[0]));
	m = &ap->message[ap->len++];
	*m = (struct message){ .record = BUF_INIT(RECORD_MAX) };
	return m;
}

/* ---- refusals ---- */

/* The rest of the command is not wanted. */
static enum imap_step
refuse(struct imap_session *s, struct imap_request *r, enum imap_reply reply)
{
	struct append *ap = r->state;

	ap->refusal = reply;
	if (imap_input_waste(&s->input)) {
		imap_input_reset(&s->input, &imap_session_limits);
		return imap_done(r, reply);
	}
	r->run = read_waste;
	return read_waste(s, r);
}

/* In the middle of a literal. */
static enum imap_step
refuse_bytes(
    struct imap_session *s, struct imap_request *r, enum imap_reply reply)
{
	struct append *ap = r->state;

	s->input.literal = ap->left;
	s->input.sync = false; /* it was asked for */
	return refuse(s, r, reply);
}

static enum imap_step
read_waste(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;

	switch (imap_input_read(&s->input, s->conn, &imap_session_limits)) {
	case IMAP_GOT_NOTHING: return IMAP_WAIT_INPUT;
	case IMAP_GOT_COMMAND:
	case IMAP_GOT_LITERAL: break;
	case IMAP_GOT_FLOOD:
		conn_text(
		    s->conn, "* BYE [TOOBIG] The literal is too long\r\n");
		s->over = true;
		return IMAP_DONE;
	}
	imap_input_reset(&s->input, &imap_session_limits);
	return imap_done(r, ap->refusal);
}

/* What can be said against a message before it comes. */
static enum imap_reply
judge(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;
	struct store_txn *txn = imap_read(s->account);
	uint64_t size = ap->message[ap->len - 1].size;
	struct store_mailbox mb;
	struct store_usage usage;

	if (size == 0)
		return IMAP_REPLY_EMPTY;
	if (size > s->account->message_size_limit)
		return IMAP_REPLY_TOO_BIG;
	if (ap->len > IMAP_APPEND_MESSAGES_MAX ||
	    (ap->len > 1 && ap->total + size > IMAP_APPEND_BYTES_MAX))
		return IMAP_REPLY_LIMIT;
	if (s->queue != r) /* a command before it may change the rest */
		return IMAP_REPLY_DONE;
	if (store_find_mailbox(txn, buf_span(&ap->mailbox), &mb) != H_OK ||
	    !mb.exists)
		return store_error(txn) == H_OK
		           ? IMAP_REPLY_TRY_CREATE
		           : imap_reply_for(store_error(txn));
	store_usage(txn, &usage);
	if (usage.quota != 0 &&
	    (usage.bytes >= usage.quota || size > usage.quota - usage.bytes))
		return IMAP_REPLY_QUOTA;
	return IMAP_REPLY_DONE;
}

/* ---- arrival ---- */

/* A message was announced. */
static enum imap_step
begin_literal(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;
	struct message *m = &ap->message[ap->len - 1];
	enum imap_reply reply;

	/* "+" must not overtake an answer; nor may more gather than one commit
	 * should hold. */
	if (s->queue != r &&
	    (s->input.sync || s->account->staged > STAGED_MAX)) {
		r->run = begin_literal;
		return IMAP_WAIT_HEAD;
	}
	if ((reply = judge(s, r)) != IMAP_REPLY_DONE)
		return refuse(s, r, reply);
	if (s->input.sync)
		conn_text(s->conn, "+ OK\r\n");
	m->blob = store_blob_new(s->account->store);
	mime_free(&ap->mime);
	ap->mime = mime_new();
	ap->left = m->size;
	ap->total += m->size;
	s->account->staged += m->size;
	r->run = read_bytes;
	return read_bytes(s, r);
}

static enum imap_step
end_message(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;
	struct message *m = &ap->message[ap->len - 1];

	mime_end(ap->mime, &m->record);
	ap->total += m->record.len;
	s->account->staged += m->record.len;
	imap_input_resume(&s->input);
	/* NUL cannot be in a literal (RFC 9051, 4.3).  In a literal8 it can,
	 * but not in what BODY would have to tell of it (RFC 3516, 6). */
	if (mime_summary(ap->mime)->nul && ap->refusal == IMAP_REPLY_DONE)
		ap->refusal =
		    m->binary ? IMAP_REPLY_UNKNOWN_CTE : IMAP_REPLY_NUL;
	mime_free(&ap->mime);
	r->run = read_line;
	return read_line(s, r);
}

static enum imap_step
read_bytes(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;
	struct message *m = &ap->message[ap->len - 1];

	imap_read_end(s->account); /* a blob may commit a piece of itself */
	while (ap->left > 0) {
		struct span got = conn_input(s->conn);
		enum herr err;

		if (got.len == 0)
			return IMAP_WAIT_INPUT;
		if (got.len > ap->left)
			got.len = (size_t)ap->left;
		if ((err = store_blob_write(m->blob, got)) != H_OK)
			return refuse_bytes(s, r, imap_reply_for(err));
		mime_feed(ap->mime, got);
		ap->left -= got.len;
		conn_consume(s->conn, got.len);
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	return end_message(s, r);
}

/* Behind a message: the end of the command, or another message. */
static enum imap_step
read_line(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;
	const struct message *m = &ap->message[ap->len - 1];
	struct imap_args a;
	bool end;

	switch (imap_input_read(&s->input, s->conn, &imap_session_limits)) {
	case IMAP_GOT_NOTHING: return IMAP_WAIT_INPUT;
	case IMAP_GOT_FLOOD:
		conn_text(
		    s->conn, "* BYE [TOOBIG] The literal is too long\r\n");
		s->over = true;
		return IMAP_DONE;
	case IMAP_GOT_COMMAND:
		a = imap_args_over(&s->input.text);
		if (m->wrapped)
			scan_need(&a.scan, ')');
		end = imap_end(&a) && !s->input.wasted && !s->input.bare;
		imap_input_reset(&s->input, &imap_session_limits);
		if (!end)
			return imap_done(r, IMAP_REPLY_SYNTAX);
		if (ap->refusal != IMAP_REPLY_DONE)
			return imap_done(r, ap->refusal);
		r->run = answer;
		return IMAP_WAIT_WRITE;
	case IMAP_GOT_LITERAL: break;
	}
	if (ap->refusal != IMAP_REPLY_DONE)
		return refuse(s, r, ap->refusal);
	a = imap_args_over(&s->input.text);
	if (m->wrapped)
		scan_need(&a.scan, ')');
	if (!parse_message(&a, add_message(ap)))
		return refuse(s, r, IMAP_REPLY_SYNTAX);
	buf_free(&s->input.text);
	return begin_literal(s, r);
}

/* ---- publication ---- */

static enum herr
publish(struct append *ap, struct store_txn *txn, struct message *m)
{
	struct store_append how = { .mailbox = ap->target,
		.internaldate = m->date,
		.record = buf_span(&m->record) };
	enum herr err = imap_flags_resolve(txn, &m->flags, true, &how.flags);

	if (err != H_OK)
		return err;
	return store_append(txn, m->blob, &how, &m->uid);
}

static enum herr
apply(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct append *ap = r->state;
	struct store_mailbox mb;

	(void)s;
	if (store_find_mailbox(txn, buf_span(&ap->mailbox), &mb) != H_OK ||
	    !mb.exists)
		return store_error(txn) != H_OK
		           ? store_error(txn)
		           : imap_refuse(r, IMAP_REPLY_TRY_CREATE);
	ap->target = mb.id;
	ap->uidvalidity = mb.uidvalidity;
	imap_batch_touch(r, mb.id);
	for (size_t i = 0; i < ap->len; i++) {
		enum herr err = publish(ap, txn, &ap->message[i]);

		if (err != H_OK)
			return err;
	}
	return H_OK;
}

/* After a commit that failed: are the messages there? */
static bool
check(struct imap_session *s, struct imap_request *r, struct store_txn *txn)
{
	struct append *ap = r->state;

	(void)s;
	for (size_t i = 0; i < ap->len; i++) {
		const struct message *m = &ap->message[i];
		struct store_row row;

		if (store_get_row(txn, ap->target, m->uid, &row) != H_OK ||
		    row.size != m->size || row.internaldate != m->date)
			return false;
	}
	return true;
}

static enum imap_step
answer(struct imap_session *s, struct imap_request *r)
{
	struct append *ap = r->state;
	struct imap_set uids = { 0 };

	(void)s;
	for (size_t i = 0; i < ap->len; i++)
		imap_set_add(&uids, ap->message[i].uid, ap->message[i].uid);
	buf_text(&r->code, "APPENDUID ");
	buf_number(&r->code, ap->uidvalidity);
	buf_byte(&r->code, ' ');
	imap_set_put(&r->code, &uids);
	imap_set_free(&uids);
	return imap_done(r, IMAP_REPLY_DONE);
}

/* ---- the command ---- */

enum imap_step
imap_cmd_append(struct imap_session *s, struct imap_request *r)
{
	struct imap_args a = imap_request_args(s, r);
	struct append *ap = mem_alloc(sizeof(*ap));
	bool announced, good;

	r->state = ap;
	r->release = release;
	r->apply = apply;
	r->check = check;
	ap->account = s->account;
	ap->mailbox = BUF_INIT(STORE_NAME_MAX);
	/* Without an announced literal the command came whole, and is none. */
	announced = r->text.len > 0 && r->text.ptr[r->text.len - 1] == '\n';
	imap_sp(&a);
	good = imap_name_get(&a, &ap->mailbox);
	if (!parse_message(&a, add_message(ap)))
		return announced ? refuse(s, r, IMAP_REPLY_SYNTAX)
		                 : imap_done(r, IMAP_REPLY_SYNTAX);
	if (!good)
		return refuse(s, r, IMAP_REPLY_NAME);
	return begin_literal(s, r);
}
