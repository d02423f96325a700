/* What the tool is told of the queue; the form stands in common/ipc.h. */
#include <inttypes.h>

#include "common/ipc.h"
#include "mailstore/spool_int.h"

enum { MORE_MAX = 32 }; /* a line "more" */

/* One field: what would end it, or confuse a terminal, is shown as "?". */
static void
put_field(struct buf *out, const char *text)
{
	buf_byte(out, '\t');
	for (; *text != '\0'; text++)
		buf_byte(out,
		    (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static const char *
state_name(enum spool_state s)
{
	switch (s) {
	case SPOOL_WAITING: return "waiting";
	case SPOOL_DONE: return "done";
	case SPOOL_FAILED: return "failed";
	case SPOOL_HELD: return "held";
	}
	return "unknown";
}

static void
put_entry(struct buf *out, const struct spool_entry *e)
{
	buf_format(out,
	    "entry\t%016" PRIx64 "\t%" PRId64 "\t%" PRIu64 "\t%" PRIu64, e->id,
	    e->arrived, e->size, e->login);
	put_field(out, e->trace);
	put_field(out, e->reverse_path);
	buf_byte(out, '\n');
}

static void
put_recipient(struct buf *out, const struct spool_recipient *r)
{
	buf_format(out, "rcpt\t%s\t%" PRIu32 "\t%" PRId64 "\t%" PRIu64,
	    state_name(r->state), r->tries, r->next_try, r->account);
	put_field(out, r->address);
	put_field(out, r->answer);
	buf_byte(out, '\n');
}

/* The whole entry: true.  Else nothing of it, or (`cut`) as many recipients as
 * there is room for. */
static bool
put_whole(struct buf *out, const struct spool_entry *e, bool cut)
{
	size_t left = out->limit - out->len, good = 0, n = 0;
	struct buf part =
	    BUF_INIT(cut && left > MORE_MAX ? left - MORE_MAX : left);
	bool whole;

	put_entry(&part, e);
	while (!part.bad && n < e->nrecipients) {
		good = part.len;
		put_recipient(&part, &e->recipients[n++]);
	}
	whole = !part.bad;
	if (whole)
		buf_add(out, buf_span(&part));
	else if (cut && n > 0) {
		buf_add(out, (struct span){ part.ptr, good });
		buf_format(out, "more\t%zu\n", e->nrecipients - n + 1);
	}
	buf_free(&part);
	return whole;
}

/* It ends the transaction, and so the answer; the question for what follows
 * goes on behind it. */
static void
put_damaged(struct buf *out, uint64_t id)
{
	buf_format(out, "entry\t%016" PRIx64 "\t0\t0\t0\tdamaged\t\n", id);
}

void
spool_report(struct spool_txn *t, uint8_t verb, uint64_t id, struct buf *out)
{
	bool first = true, room = true;

	if (verb == QUEUE_SHOW && id > 0)
		id--;
	else if (verb != QUEUE_LIST)
		return;
	for (uint64_t wanted = id + 1; room && spool_next(t, &id);) {
		struct spool_entry e;

		if (verb == QUEUE_SHOW && id != wanted)
			return;
		if (spool_get(t, id, &e) != H_OK) {
			put_damaged(out, id);
			return;
		}
		room = put_whole(out, &e, first) && verb == QUEUE_LIST;
		first = false;
		spool_entry_release(&e);
	}
}
