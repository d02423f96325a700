/* Imported messages: see intake.h. */
#include "mailstore/intake.h"

#include "common/mem.h"
#include "common/mime.h"
#include "common/record.h"
#include "mailstore/crlf.h"
#include "mailstore/digest.h"

enum {
	BATCH_MESSAGES = 256,
	BATCH_BYTES = 1024 * 1024,
	SMALL = 1024 * 1024, /* held in memory until it is known to be new */
};

struct staged {
	struct store_blob *blob;
	struct buf record;
	struct store_append how;
	uint64_t size;
	uint8_t id[STORE_IMPORT_ID_LEN];
};

struct intake {
	struct store *store;
	struct digest *digest;
	struct buf piece, text; /* of the source, with our line ends */
	struct buf held;
	struct staged staged[BATCH_MESSAGES];
	size_t nstaged;
	uint64_t bytes; /* staged */
	/* How many with the import of that number this run has met. */
	uint32_t *met;
	size_t nmet;
	struct intake_stand stand;
};

struct intake *
intake_new(struct store *st)
{
	struct intake *in = mem_alloc(sizeof(*in));

	in->store = st;
	in->digest = digest_new();
	in->piece = in->text = BUF_INIT(SIZE_MAX);
	in->held = BUF_INIT(SMALL);
	return in;
}

static void
forget_staged(struct intake *in)
{
	for (size_t i = 0; i < in->nstaged; i++) {
		store_blob_free(&in->staged[i].blob);
		buf_free(&in->staged[i].record);
	}
	in->nstaged = 0;
	in->bytes = 0;
}

void
intake_free(struct intake **inp)
{
	struct intake *in = *inp;

	if (in == NULL)
		return;
	forget_staged(in);
	digest_free(&in->digest);
	buf_free(&in->piece);
	buf_free(&in->text);
	buf_free(&in->held);
	mem_free(&in->met);
	mem_free(inp);
}

const struct intake_stand *
intake_stand(const struct intake *in)
{
	return &in->stand;
}

/* ---- what was met ---- */

static uint32_t *
met(struct intake *in, uint32_t number)
{
	if (number >= in->nmet) {
		size_t room = in->nmet * 2 + 1024;

		if (room <= number)
			room = (size_t)number + 1;
		in->met = mem_resize(in->met, room, sizeof(*in->met));
		memset(in->met + in->nmet, 0,
		    (room - in->nmet) * sizeof(*in->met));
		in->nmet = room;
	}
	return &in->met[number];
}

/* An import before this one took it. */
static enum herr
look_up(struct intake *in, const uint8_t id[STORE_IMPORT_ID_LEN], bool *known)
{
	struct store_txn *t = store_begin(in->store, STORE_READ);
	struct store_import got;
	enum herr err;

	*known = store_imported(t, id, &got);
	err = store_error(t);
	store_abort(&t);
	if (err != H_OK || !*known)
		return err;
	/* (What is staged was met more often than it was taken.) */
	*known = *met(in, got.number) < got.times;
	if (*known)
		++*met(in, got.number);
	return H_OK;
}

/* ---- publishing ---- */

static enum herr
publish(struct store_txn *t, struct staged *s, struct store_import *now)
{
	uint32_t uid;
	enum herr err;

	s->how.record = buf_span(&s->record);
	if ((err = store_append(t, s->blob, &s->how, &uid)) == H_OK)
		err = store_note_import(t, s->id, now);
	return err;
}

enum herr
intake_flush(struct intake *in)
{
	struct store_import now[BATCH_MESSAGES];
	struct store_txn *t;
	enum herr why = H_OK, err;
	size_t n = 0;

	if (in->nstaged == 0)
		return H_OK;
	t = store_begin(in->store, STORE_WRITE);
	while (n < in->nstaged && why == H_OK)
		if ((why = publish(t, &in->staged[n], &now[n])) == H_OK)
			n++;
	/* Those before one that has no room any more come in. */
	err = store_commit(&t);
	for (size_t i = 0; err == H_OK && i < n; i++) {
		++*met(in, now[i].number);
		in->stand.added++;
		in->stand.bytes += in->staged[i].size;
	}
	forget_staged(in);
	return why != H_OK ? why : err;
}

/* ---- a message ---- */

/* The next piece, in in->text. */
static bool
next_piece(struct intake *in, struct intake_message *m, struct crlf_in *ends)
{
	buf_clear(&in->piece);
	if (!m->source->piece(m->source->arg, &in->piece))
		return false;
	buf_clear(&in->text);
	if (m->raw)
		buf_add(&in->text, buf_span(&in->piece));
	else
		crlf_in(ends, buf_span(&in->piece), &in->text);
	return true;
}

static void
begin_id(struct intake *in, const struct intake_message *m)
{
	digest_begin(in->digest);
	digest_add(in->digest, m->origin);
	digest_add(in->digest, SPAN("\0"));
}

static void
end_id(struct intake *in, uint8_t id[STORE_IMPORT_ID_LEN])
{
	uint8_t whole[DIGEST_LEN];

	digest_end(in->digest, whole);
	memcpy(id, whole, STORE_IMPORT_ID_LEN);
}

/* Once through it: its id and size; the bytes are held if they are few. */
static void
measure(struct intake *in, struct intake_message *m, struct staged *s)
{
	struct crlf_in ends = { 0 };

	buf_clear(&in->held);
	begin_id(in, m);
	while (next_piece(in, m, &ends)) {
		digest_add(in->digest, buf_span(&in->text));
		s->size += in->text.len;
		buf_add(&in->held, buf_span(&in->text));
	}
	end_id(in, s->id);
}

static enum herr
feed(struct staged *s, struct mime *mime, struct span bytes)
{
	mime_feed(mime, bytes);
	return store_blob_write(s->blob, bytes);
}

/* A large one is read once more. */
static enum herr
read_again(struct intake *in, struct intake_message *m, struct staged *s,
    struct mime *mime, const char **why)
{
	struct crlf_in ends = { 0 };
	uint8_t id[STORE_IMPORT_ID_LEN];
	enum herr err = H_OK;

	m->source->again(m->source->arg);
	begin_id(in, m);
	while (err == H_OK && next_piece(in, m, &ends)) {
		digest_add(in->digest, buf_span(&in->text));
		err = feed(s, mime, buf_span(&in->text));
	}
	end_id(in, id);
	if (err == H_OK && memcmp(id, s->id, sizeof(id)) != 0) {
		*why = "was changed while it was read";
		err = H_INVALID;
	}
	return err;
}

/* Everything of a new message is made ready for its transaction. */
static enum herr
stage(struct intake *in, struct intake_message *m, struct staged *s,
    const char **why)
{
	struct mime *mime = mime_new();
	enum herr err;

	s->blob = store_blob_new(in->store);
	s->record = BUF_INIT(RECORD_MAX);
	s->how = (struct store_append){ .mailbox = m->mailbox,
		.flags = m->flags,
		.internaldate = m->date };
	if (!in->held.bad)
		err = feed(s, mime, buf_span(&in->held));
	else
		err = read_again(in, m, s, mime, why);
	mime_end(mime, &s->record);
	mime_free(&mime);
	if (err == H_OK && !record_check(buf_span(&s->record), s->size)) {
		*why = "cannot be described";
		err = H_INVALID;
	}
	return err;
}

enum herr
intake_add(struct intake *in, struct intake_message *m, const char **why)
{
	struct staged s = { 0 };
	bool known;
	enum herr err;

	measure(in, m, &s);
	if (m->source->failed)
		*why = "cannot be read";
	else if (s.size == 0)
		*why = "is empty";
	else
		*why = NULL;
	if (*why != NULL)
		return H_INVALID;
	/* In the order of the source, and of large ones one at a time. */
	if (in->nstaged == BATCH_MESSAGES || in->bytes + s.size > BATCH_BYTES)
		if ((err = intake_flush(in)) != H_OK)
			return err;
	if ((err = look_up(in, s.id, &known)) != H_OK)
		return err;
	if (known) {
		in->stand.known++;
		return H_OK;
	}
	if (m->mailbox == 0)
		err = m->open(m->arg, &m->mailbox);
	if (err == H_OK)
		err = stage(in, m, &s, why);
	if (err != H_OK) {
		store_blob_free(&s.blob);
		buf_free(&s.record);
		return err;
	}
	in->staged[in->nstaged++] = s;
	in->bytes += s.size;
	return H_OK;
}
