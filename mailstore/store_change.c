/*
 * The change log: a row for each transaction, a list of runs of UIDs.  It
 * answers what is new since a modseq, for about the last ten thousand.  Who
 * asks from before that compares modseqs of rows.
 */
#include "common/mem.h"
#include "mailstore/store_int.h"

enum {
	LOG_ROWS = 10000,
	LOG_BYTES = 8 * 1024 * 1024,
	LOG_SLACK = 256, /* rows that go at once, so that the old end of the
	                    tree is seldom touched */
	RUNS_MAX =
	    4096, /* of one transaction; beyond, the log begins anew after it */
	LOOK_BACK = 4, /* runs that a UID may continue: a move writes two
	                  mailboxes by turns */
};

void
run_list_free(struct run_list *l)
{
	mem_free(&l->runs);
	*l = (struct run_list){ 0 };
}

void
run_list_add(struct run_list *l, const struct log_run *run)
{
	if (l->n == l->room) {
		l->room = l->room == 0 ? 8 : l->room * 2;
		l->runs = mem_resize(l->runs, l->room, sizeof *l->runs);
	}
	l->runs[l->n++] = *run;
}

static bool
run_takes(struct log_run *r, uint32_t mailbox, uint8_t kind, uint32_t uid)
{
	if (r->mailbox != mailbox || r->kind != kind)
		return false;
	if (uid >= r->first && uid <= r->last)
		return true;
	if (uid == r->last + 1 && r->last != UINT32_MAX)
		r->last = uid;
	else if (uid + 1 == r->first)
		r->first = uid;
	else
		return false;
	return true;
}

void
change_note(struct store_txn *t, uint32_t mailbox, enum store_change_kind kind,
    uint32_t uid)
{
	struct run_list *l = &t->changes;

	t->changed = t->logged = true;
	for (size_t i = 1; i <= LOOK_BACK && i <= l->n; i++)
		if (run_takes(&l->runs[l->n - i], mailbox, (uint8_t)kind, uid))
			return;
	if (l->n == RUNS_MAX)
		t->log_too_long = true;
	else
		run_list_add(
		    l, &(struct log_run){ mailbox, (uint8_t)kind, uid, uid });
}

/* Deletes old rows, some at a time. */
static void
log_trim(struct store_txn *t)
{
	struct account_row *a = &t->account;
	bool too_many = a->modseq - a->log_floor > LOG_ROWS + LOG_SLACK;
	struct key key = key_log(0);
	struct db_cursor *c;
	uint64_t modseq;

	/* A log that begins anew leaves rows from before its floor: they go
	 * first. */
	if (!too_many && a->log_bytes <= LOG_BYTES && !t->log_too_long)
		return;
	c = db_cursor(t->db, TREE_LOG);
	for (unsigned i = 0; i < 2 * LOG_SLACK; i++) {
		if (!db_seek(c, key_span(&key)) ||
		    !key_is_log(db_key(c), &modseq))
			break;
		if (modseq > a->log_floor && a->modseq - modseq < LOG_ROWS &&
		    a->log_bytes <= LOG_BYTES)
			break;
		a->log_bytes -= db_value(c).len;
		if (modseq > a->log_floor)
			a->log_floor = modseq;
		key = key_log(modseq);
		db_delete(t->db, TREE_LOG, key_span(&key));
	}
	db_cursor_close(&c);
}

void
change_write(struct store_txn *t)
{
	struct account_row *a = &t->account;
	size_t n = t->log_too_long ? 0 : t->changes.n;
	unsigned char *row = mem_array(n + 1, LOG_RUN_LEN);
	struct span value = { (char *)row, n * LOG_RUN_LEN };
	struct key key = key_log(++a->modseq);

	for (size_t i = 0; i < n; i++)
		log_run_put(row + i * LOG_RUN_LEN, &t->changes.runs[i]);
	a->log_bytes += value.len;
	db_put_pieces(t->db, TREE_LOG, key_span(&key), &value, 1, true);
	if (t->log_too_long)
		a->log_floor = a->modseq;
	log_trim(t);
	mem_free(&row);
}

/* ---- reading ---- */

bool
store_log_covers(struct store_txn *t, uint64_t since)
{
	return since >= t->account.log_floor;
}

/* The row's runs; damaged ones are none. */
static size_t
row_runs(struct store_txn *t, const struct db_cursor *c)
{
	size_t len = db_value(c).len;

	if (len % LOG_RUN_LEN != 0 || len / LOG_RUN_LEN > RUNS_MAX) {
		db_corrupt(t->db, TREE_LOG, db_key(c), "list of changes");
		return 0;
	}
	return len / LOG_RUN_LEN;
}

bool
store_next_change(struct store_txn *t, struct store_change_cursor *at,
    struct store_change *change)
{
	struct db_cursor *c;
	struct log_run run;
	struct key key = key_log(at->modseq + (at->at == 0));
	bool found = false;
	uint64_t modseq;

	if (at->modseq >= t->account.modseq && at->at == 0)
		return false;
	c = db_cursor(t->db, TREE_LOG);
	for (bool more = db_seek(c, key_span(&key)); more && !found;
	     more = !found && db_next(c)) {
		if (!key_is_log(db_key(c), &modseq)) {
			db_corrupt(t->db, TREE_LOG, db_key(c), "key");
			break;
		}
		if (modseq != at->modseq)
			*at = (struct store_change_cursor){ modseq, 0 };
		if (at->at >= row_runs(t, c))
			continue;
		log_run_get(db_value(c).ptr + at->at * LOG_RUN_LEN, &run);
		at->at++;
		found = true;
	}
	db_cursor_close(&c);
	if (found)
		*change = (struct store_change){
			.modseq = at->modseq,
			.mailbox = run.mailbox,
			.kind = (enum store_change_kind)run.kind,
			.first = run.first,
			.last = run.last,
		};
	return found;
}
