/*
 * Verification, first pass: what is written twice must agree.
 *
 * One read transaction walks index rows, sets, counts, copies, the dead,
 * uploads, names and the log, and compares each with what follows from the
 * others.  It reads no bytes of messages; the second pass (store_reread.c)
 * does.
 */
#include "mailstore/store_verify.h"

#include <stdarg.h>

#include "common/mem.h"
#include "common/wire.h"

enum { FAULT_MAX = 512 };

struct pair {
	uint64_t key, value;
};
struct pairs {
	struct pair *list;
	size_t n, room;
};

struct walk {
	struct verify *v;
	struct store_txn *txn;
	/* Gathered on the way. */
	struct pairs rows;    /* message, size: of each index row */
	struct pairs uidls;   /* uidl, 0 */
	struct pairs copies;  /* message, count beyond the first */
	struct pairs dead;    /* message, 0 */
	struct pairs gone;    /* message, 0: its delivery id alone is kept */
	struct pairs uploads; /* message, 0 */
	struct pairs whole;   /* message, 0 */
	struct pairs boxes;   /* mailbox, 0 */
	struct pairs validities;
	struct pairs names; /* mailbox, 0: those that exist */
	uint64_t bytes;
	/* The mailbox that is walked through. */
	uint32_t mailbox;
	uint32_t messages, unseen, deleted, last_uid;
	uint64_t box_bytes, modseq;
	struct page *pages;        /* as its rows say */
	size_t npages, room, page; /* the next to be compared */
};

void
verify_fault(struct verify *v, const char *format, ...)
{
	char text[FAULT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	v->faults++;
	if (v->found != NULL)
		v->found(v->arg, text);
}

void
verify_end(struct verify *v, struct store_txn **t)
{
	enum herr err = store_error(*t);

	store_abort(t);
	if (err == H_CORRUPT)
		verify_fault(v, "a row is damaged: the log has its key");
	else if (err != H_OK)
		v->err = err;
}

/* ---- lists ---- */

static void
pairs_add(struct pairs *p, uint64_t key, uint64_t value)
{
	if (p->n == p->room) {
		p->room = p->room == 0 ? 64 : p->room * 2;
		p->list = mem_resize(p->list, p->room, sizeof *p->list);
	}
	p->list[p->n++] = (struct pair){ key, value };
}

static int
by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static void
pairs_sort(struct pairs *p)
{
	if (p->n > 1)
		qsort(p->list, p->n, sizeof *p->list, by_key);
}

static const struct pair *
pairs_find(const struct pairs *p, uint64_t key)
{
	if (p->n == 0)
		return NULL;
	return bsearch(
	    &(struct pair){ key, 0 }, p->list, p->n, sizeof *p->list, by_key);
}

static void
no_repeats(struct walk *w, struct pairs *p, const char *what)
{
	pairs_sort(p);
	for (size_t i = 1; i < p->n; i++)
		if (p->list[i].key == p->list[i - 1].key)
			verify_fault(w->v, "%s %llu is there twice", what,
			    (unsigned long long)p->list[i].key);
}

/* ---- mailboxes ---- */

/* The sets of all pages up to this one were seen, or are missing. */
static void
pages_up_to(struct walk *w, uint32_t number)
{
	for (; w->page < w->npages && w->pages[w->page].number < number;
	     w->page++)
		verify_fault(w->v, "mailbox %u: UIDs of page %u have no set",
		    w->mailbox, w->pages[w->page].number);
}

static void
box_close(struct walk *w)
{
	if (w->mailbox != 0)
		verify_fault(
		    w->v, "mailbox %u: rows without a state", w->mailbox);
	w->mailbox = 0;
}

static void
box_open(struct walk *w, uint32_t mailbox)
{
	box_close(w);
	w->mailbox = mailbox;
	w->messages = w->unseen = w->deleted = w->last_uid = 0;
	w->box_bytes = w->modseq = 0;
	w->npages = w->page = 0;
}

static struct page_row *
page_for(struct walk *w, uint32_t uid)
{
	struct page *p = w->npages == 0 ? NULL : &w->pages[w->npages - 1];

	if (p == NULL || p->number != page_of(uid)) {
		if (w->npages == w->room) {
			w->room = w->room == 0 ? 4 : w->room * 2;
			w->pages =
			    mem_resize(w->pages, w->room, sizeof *w->pages);
		}
		p = &w->pages[w->npages++];
		*p = (struct page){ .number = page_of(uid) };
	}
	return &p->row;
}

static void
bit_on(struct page_row *p, enum page_set set, uint32_t uid)
{
	uint32_t n = uid % PAGE_UIDS;

	p->bits[set][n / 64] |= UINT64_C(1) << (n % 64);
	p->count[set]++;
}

static bool
keywords_are_named(const struct account_row *a, const uint64_t keyword[2])
{
	unsigned n = a->keywords;
	uint64_t low = n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
	uint64_t high = n >= 128  ? ~UINT64_C(0)
	                : n <= 64 ? 0
	                          : (UINT64_C(1) << (n - 64)) - 1;

	return (keyword[0] & ~low) == 0 && (keyword[1] & ~high) == 0;
}

static void
see_row(struct walk *w, const struct index_row *row)
{
	const struct account_row *a = &w->txn->account;
	struct page_row *page = page_for(w, row->uid);

	bit_on(page, SET_EXISTS, row->uid);
	if (row->system & STORE_SEEN)
		bit_on(page, SET_SEEN, row->uid);
	if (row->system & STORE_DELETED)
		bit_on(page, SET_DELETED, row->uid);
	w->messages++;
	w->unseen += !(row->system & STORE_SEEN);
	w->deleted += (row->system & STORE_DELETED) != 0;
	w->box_bytes += row->size;
	w->last_uid = row->uid;
	if (row->modseq > w->modseq)
		w->modseq = row->modseq;
	pairs_add(&w->rows, row->message, row->size);
	pairs_add(&w->uidls, row->uidl, 0);
	if (row->message == 0 || row->message >= a->next_message)
		verify_fault(w->v, "mailbox %u, UID %u: message number",
		    w->mailbox, row->uid);
	if (row->uidl == 0 || row->uidl >= a->next_uidl)
		verify_fault(
		    w->v, "mailbox %u, UID %u: UIDL", w->mailbox, row->uid);
	if (row->system & ~STORE_SYSTEM_FLAGS ||
	    !keywords_are_named(a, row->keyword))
		verify_fault(
		    w->v, "mailbox %u, UID %u: flags", w->mailbox, row->uid);
}

static void
see_block(struct walk *w, uint32_t number, struct span value)
{
	struct index_row row;

	if (!index_block_is_good(value, number)) {
		verify_fault(w->v, "mailbox %u: rows from UID %u", w->mailbox,
		    number * BLOCK_UIDS);
		return;
	}
	for (size_t at = 0; at < value.len; at += INDEX_ROW_LEN) {
		index_get(value.ptr + at, &row);
		see_row(w, &row);
	}
}

static void
see_page(struct walk *w, uint32_t number, struct span value)
{
	const struct page *want;
	struct page_row row;

	pages_up_to(w, number);
	if (w->page == w->npages || w->pages[w->page].number != number) {
		verify_fault(w->v, "mailbox %u: set of page %u without UIDs",
		    w->mailbox, number);
		return;
	}
	want = &w->pages[w->page++];
	if (!page_get(value, &row) ||
	    memcmp(row.bits, want->row.bits, sizeof row.bits) != 0 ||
	    memcmp(row.count, want->row.count, sizeof row.count) != 0)
		verify_fault(w->v, "mailbox %u: set of page %u differs",
		    w->mailbox, number);
	else if (row.modseq > w->txn->account.modseq)
		verify_fault(
		    w->v, "mailbox %u: modseq of page %u", w->mailbox, number);
}

static void
see_state(struct walk *w, struct span value)
{
	const struct account_row *a = &w->txn->account;
	uint32_t mailbox = w->mailbox;
	struct box_row row;

	pages_up_to(w, UINT32_MAX);
	w->mailbox = 0;
	pairs_add(&w->boxes, mailbox, 0);
	if (!box_get(value, &row)) {
		verify_fault(w->v, "mailbox %u: state", mailbox);
		return;
	}
	pairs_add(&w->validities, row.uidvalidity, 0);
	if (row.messages != w->messages || row.unseen != w->unseen ||
	    row.deleted != w->deleted || row.bytes != w->box_bytes)
		verify_fault(w->v,
		    "mailbox %u: counts %u %u %u %llu, should be %u %u %u %llu",
		    mailbox, row.messages, row.unseen, row.deleted,
		    (unsigned long long)row.bytes, w->messages, w->unseen,
		    w->deleted, (unsigned long long)w->box_bytes);
	if (row.uidnext <= w->last_uid || row.uidnext == 0)
		verify_fault(w->v, "mailbox %u: UIDNEXT", mailbox);
	if (row.highestmodseq < w->modseq ||
	    row.highestmodseq < row.set_modseq || row.highestmodseq > a->modseq)
		verify_fault(w->v, "mailbox %u: HIGHESTMODSEQ", mailbox);
	if (row.uidvalidity == 0 || row.uidvalidity > a->uidvalidity)
		verify_fault(w->v, "mailbox %u: UIDVALIDITY", mailbox);
	w->bytes += w->box_bytes;
}

/* ---- the account's own rows ---- */

static void
see_own(struct walk *w, struct span key, struct span value)
{
	struct account_row *a = &w->txn->account;
	char clean[STORE_NAME_MAX + 1];
	uint64_t number;
	int64_t time;
	size_t len;

	if (key_is_timed(key, OWN_DEAD, &time, &number) && value.len == 0)
		pairs_add(&w->dead, number, 0);
	else if (key_is_timed(key, OWN_DELIVERED, &time, &number) &&
		 value.len == DELIVERY_ID)
		pairs_add(&w->gone, number, 0);
	else if (key_is_own(key, OWN_REFS, &number) && value.len == 4)
		pairs_add(&w->copies, number, le32(value.ptr));
	else if (key_is_own(key, OWN_UPLOAD, &number) && value.len == 8)
		pairs_add(&w->uploads, number, 0);
	else if (key_is_own(key, OWN_KEYWORD, &number) && value.len > 0) {
		if (number >= a->keywords)
			verify_fault(w->v, "keyword %llu beyond their number",
			    (unsigned long long)number);
	} else if (key_is_own(key, OWN_NAME, &number) &&
		   value.len > NAME_HEAD_LEN) {
		struct span text = { value.ptr + NAME_HEAD_LEN,
			value.len - NAME_HEAD_LEN };

		if (value.ptr[0] & NAME_EXISTS)
			pairs_add(&w->names, number, 0);
		if (number == 0 || number >= a->next_mailbox ||
		    names_clean(text, clean, &len) != H_OK)
			verify_fault(w->v, "name of mailbox %llu",
			    (unsigned long long)number);
	} else
		verify_fault(w->v, "a row of unknown kind");
}

static void
see_mailbox_tree(struct walk *w)
{
	struct db_cursor *c = db_cursor(w->txn->db, TREE_MAILBOX);
	enum box_kind kind;
	uint32_t number;

	for (bool more = db_seek(c, SPAN("\0")); more; more = db_next(c)) {
		struct span key = db_key(c), value = db_value(c);
		uint32_t mailbox = key.len < 4 ? 0 : be32(key.ptr);

		if (mailbox == 0) {
			see_own(w, key, value);
			continue;
		}
		if (!key_is_box(key, mailbox, &kind, &number)) {
			verify_fault(
			    w->v, "mailbox %u: a row of unknown kind", mailbox);
			continue;
		}
		if (mailbox != w->mailbox)
			box_open(w, mailbox);
		if (kind == BOX_INDEX)
			see_block(w, number, value);
		else if (kind == BOX_PAGE)
			see_page(w, number, value);
		else
			see_state(w, value);
	}
	box_close(w);
	db_cursor_close(&c);
}

/* ---- messages ---- */

static void
see_message(
    struct walk *w, uint64_t id, const struct message_row *m, size_t *row)
{
	const struct pair *copies = pairs_find(&w->copies, id);
	const struct pair *dead = pairs_find(&w->dead, id);
	uint64_t held = 0, counted = copies == NULL ? 0 : copies->value;
	unsigned long long name = id;

	for (; *row < w->rows.n && w->rows.list[*row].key <= id; ++*row) {
		if (w->rows.list[*row].key < id) {
			verify_fault(w->v,
			    "message %llu is named and not there",
			    (unsigned long long)w->rows.list[*row].key);
			continue;
		}
		held++;
		if (w->rows.list[*row].value != m->size)
			verify_fault(w->v, "message %llu: size differs", name);
	}
	pairs_add(&w->whole, id, 0);
	if (held > 0 && (dead != NULL || held != counted + 1))
		verify_fault(w->v, "message %llu: %llu copies, counted %llu%s",
		    name, (unsigned long long)held,
		    (unsigned long long)counted + 1,
		    dead != NULL ? ", and dead" : "");
	if (held == 0 && (counted != 0 || dead == NULL))
		verify_fault(w->v, "message %llu is held by nothing", name);
	if (id >= w->txn->account.next_message)
		verify_fault(w->v, "message %llu: number", name);
}

/* Messages of a list are there, or are not. */
static void
compare(struct walk *w, const struct pairs *list, bool there, const char *fault)
{
	for (size_t i = 0; i < list->n; i++)
		if ((pairs_find(&w->whole, list->list[i].key) != NULL) != there)
			verify_fault(w->v, "%s %llu", fault,
			    (unsigned long long)list->list[i].key);
}

static void
see_message_tree(struct walk *w)
{
	struct db_cursor *c = db_cursor(w->txn->db, TREE_MESSAGE);
	struct message_row m;
	size_t row = 0;

	pairs_sort(&w->rows);
	no_repeats(w, &w->dead, "dead message");
	for (bool more = db_seek(c, SPAN("\0")); more; more = db_next(c))
		if (db_key(c).len == 8 && message_get(db_value(c), &m))
			see_message(w, be64(db_key(c).ptr), &m, &row);
		else
			verify_fault(w->v, "a row of messages is none");
	for (; row < w->rows.n; row++)
		verify_fault(w->v, "message %llu is named and not there",
		    (unsigned long long)w->rows.list[row].key);
	compare(w, &w->copies, true, "copies of no message");
	compare(w, &w->dead, true, "death of no message");
	compare(w, &w->gone, false, "gone and there is message");
	db_cursor_close(&c);
}

/* Bytes of nothing; one step for each message. */
static void
see_body_tree(struct walk *w)
{
	struct db_cursor *c = db_cursor(w->txn->db, TREE_BODY);
	struct key key = key_message(0);

	while (db_seek(c, key_span(&key))) {
		uint64_t id = be64(db_key(c).ptr);

		if (pairs_find(&w->whole, id) == NULL &&
		    pairs_find(&w->uploads, id) == NULL)
			verify_fault(w->v, "bytes of no message %llu",
			    (unsigned long long)id);
		if (id == UINT64_MAX)
			break;
		key = key_message(id + 1);
	}
	db_cursor_close(&c);
}

/* ---- imports ---- */

static void
see_imports(struct walk *w)
{
	struct db_cursor *c = db_cursor(w->txn->db, TREE_IMPORT);
	struct pairs numbers = { 0 };
	uint32_t counted = 0;

	for (bool more = db_seek(c, SPAN("\0")); more; more = db_next(c)) {
		struct span key = db_key(c), row = db_value(c);

		if (key.len == 1 && row.len == 4)
			counted = le32(row.ptr);
		else if (key.len == STORE_IMPORT_ID_LEN && row.len == 8 &&
			 le32(row.ptr + 4) > 0)
			pairs_add(&numbers, le32(row.ptr), 0);
		else
			verify_fault(w->v, "a row of imports is none");
	}
	db_cursor_close(&c);
	no_repeats(w, &numbers, "number of an import");
	if (numbers.n != counted ||
	    (counted > 0 && numbers.list[counted - 1].key != counted - 1))
		verify_fault(
		    w->v, "%zu imports, counted %u", numbers.n, counted);
	mem_free(&numbers.list);
}

/* ---- log ---- */

static void
see_log(struct walk *w)
{
	struct db_cursor *c = db_cursor(w->txn->db, TREE_LOG);
	const struct account_row *a = &w->txn->account;
	uint64_t modseq, bytes = 0, next = a->log_floor + 1;
	struct log_run run;

	for (bool more = db_seek(c, SPAN("\0")); more; more = db_next(c)) {
		struct span row = db_value(c);

		if (!key_is_log(db_key(c), &modseq) ||
		    row.len % LOG_RUN_LEN != 0) {
			verify_fault(w->v, "a row of the log is none");
			continue;
		}
		bytes += row.len;
		if (modseq > a->log_floor && modseq != next++)
			verify_fault(w->v, "the log lacks %llu",
			    (unsigned long long)next - 1);
		for (size_t i = 0; i < row.len; i += LOG_RUN_LEN) {
			log_run_get(row.ptr + i, &run);
			if (run.kind < STORE_ADDED ||
			    run.kind > STORE_MAILBOXES || run.first > run.last)
				verify_fault(w->v, "log of %llu",
				    (unsigned long long)modseq);
		}
	}
	if (store_error(w->txn) == H_OK &&
	    (next != a->modseq + 1 || bytes != a->log_bytes))
		verify_fault(w->v, "the log's end or length");
	db_cursor_close(&c);
}

/* ---- all of it ---- */

static void
see_account(struct walk *w)
{
	const struct account_row *a = &w->txn->account;

	if (a->bytes != w->bytes || a->messages != w->rows.n)
		verify_fault(w->v,
		    "usage %llu bytes %llu messages, should be %llu %llu",
		    (unsigned long long)a->bytes,
		    (unsigned long long)a->messages,
		    (unsigned long long)w->bytes,
		    (unsigned long long)w->rows.n);
	no_repeats(w, &w->uidls, "UIDL");
	no_repeats(w, &w->validities, "UIDVALIDITY");
	if (w->names.n != w->boxes.n || a->mailboxes != w->boxes.n)
		verify_fault(w->v, "%zu names, %zu mailboxes, counted %u",
		    w->names.n, w->boxes.n, a->mailboxes);
	for (size_t i = 0; i < w->names.n; i++)
		if (pairs_find(&w->boxes, w->names.list[i].key) == NULL)
			verify_fault(w->v, "mailbox %llu has a name alone",
			    (unsigned long long)w->names.list[i].key);
}

static void
verify_rows(struct verify *v)
{
	struct walk w = { .v = v, .txn = store_begin(v->store, STORE_READ) };
	struct pairs *all[] = { &w.rows, &w.uidls, &w.copies, &w.dead, &w.gone,
		&w.uploads, &w.whole, &w.boxes, &w.validities, &w.names };

	/* A walk that damage cut short would make faults of all that was not
	 * seen. */
	see_mailbox_tree(&w);
	if (store_error(w.txn) == H_OK)
		see_account(&w);
	if (store_error(w.txn) == H_OK)
		see_message_tree(&w);
	if (store_error(w.txn) == H_OK)
		see_body_tree(&w);
	if (store_error(w.txn) == H_OK)
		see_log(&w);
	if (store_error(w.txn) == H_OK)
		see_imports(&w);
	for (size_t i = 0; i < COUNT_OF(all); i++)
		mem_free(&all[i]->list);
	mem_free(&w.pages);
	verify_end(v, &w.txn);
}

uint64_t
store_verify(struct store *st, void (*found)(void *arg, const char *fault),
    void *arg, enum herr *err)
{
	struct verify v = { .store = st, .found = found, .arg = arg };

	verify_rows(&v);
	if (v.err == H_OK)
		verify_reread(&v);
	*err = v.err;
	return v.faults;
}
