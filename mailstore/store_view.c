/*
 * Views: what a mailbox held at one moment, as sorted pages of bits with prefix
 * counts.  Pages are shared between views of one mailbox, so that an arrival
 * costs one page, whatever the mailbox's size; a view is shared by all who look
 * at the same state, however many sessions there are.
 */
#include "common/mem.h"
#include "mailstore/store_int.h"

struct view_page {
	unsigned refs;
	uint32_t number, count;
	uint64_t modseq;
	uint64_t bits[PAGE_WORDS];
};

struct store_view {
	unsigned refs;
	struct store_view *next; /* in the store's list */
	uint32_t mailbox, uidnext, count;
	uint64_t set_modseq;
	size_t n, room;
	struct view_page **pages; /* none is empty */
	uint32_t *before;         /* UIDs in pages before this one */
};

/* ---- building ---- */

static void
view_add(struct store_view *v, struct view_page *p)
{
	if (v->n == v->room) {
		v->room = v->room == 0 ? 4 : v->room * 2;
		v->pages = mem_resize(v->pages, v->room, sizeof(void *));
		v->before = mem_resize(v->before, v->room, sizeof *v->before);
	}
	p->refs++;
	v->before[v->n] = v->count;
	v->pages[v->n++] = p;
	v->count += p->count;
}

/* The first page with a number >= `number`. */
static size_t
page_at(const struct store_view *v, uint32_t number)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v->pages[middle]->number >= number)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct view_page *
page_take(const struct store_view *older, uint32_t number,
    const struct page_row *row, uint64_t uncommitted)
{
	struct view_page *p;

	if (older != NULL && row->modseq != uncommitted) {
		size_t i = page_at(older, number);

		if (i < older->n && older->pages[i]->number == number &&
		    older->pages[i]->modseq == row->modseq)
			return older->pages[i];
	}
	p = mem_alloc(sizeof *p);
	p->number = number;
	p->count = row->count[SET_EXISTS];
	p->modseq = row->modseq;
	memcpy(p->bits, row->bits[SET_EXISTS], sizeof p->bits);
	return p;
}

static struct store_view *
view_build(
    struct store_txn *t, const struct box *b, const struct store_view *older)
{
	struct store_view *v = mem_alloc(sizeof *v);
	uint64_t uncommitted = t->write ? store_modseq(t) : 0;
	uint32_t mailbox = b->id, messages = b->row.messages;
	struct db_cursor *c;
	struct page_row row;

	v->refs = 1;
	v->mailbox = mailbox;
	v->uidnext = b->row.uidnext;
	v->set_modseq = b->row.set_modseq;
	if (t->write)
		txn_write_back(t);
	c = db_cursor(t->db, TREE_MAILBOX);
	for (uint32_t number = 0; pages_next(t, c, mailbox, &number, &row);
	     number++)
		view_add(v, page_take(older, number, &row, uncommitted));
	db_cursor_close(&c);
	if (v->count != messages)
		txn_corrupt(t, TREE_MAILBOX, key_box(mailbox, BOX_STATE, 0),
		    "number of messages");
	if (store_error(t) != H_OK)
		store_view_unref(&v);
	return v;
}

struct store_view *
store_view_get(struct store_txn *t, uint32_t mailbox)
{
	struct store_view **at = &t->store->views, *older, *v;
	const struct box *b = txn_box(t, mailbox);
	bool own;

	if (b == NULL)
		return NULL;
	while (*at != NULL && (*at)->mailbox != mailbox)
		at = &(*at)->next;
	older = *at;
	own = t->write && b->row.set_modseq == store_modseq(t);
	if (older != NULL && !own && older->set_modseq == b->row.set_modseq)
		return store_view_ref(older);
	v = view_build(t, b, older);
	/* What a transaction sees of its own changes may never come to be. */
	if (v == NULL || own)
		return v;
	if (older != NULL) {
		*at = older->next;
		older->next = NULL;
		store_view_unref(&older);
	}
	v->next = t->store->views;
	t->store->views = store_view_ref(v);
	return v;
}

struct store_view *
store_view_ref(struct store_view *v)
{
	v->refs++;
	return v;
}

void
store_view_unref(struct store_view **vp)
{
	struct store_view *v = *vp;

	*vp = NULL;
	if (v == NULL || --v->refs > 0)
		return;
	for (size_t i = 0; i < v->n; i++)
		if (--v->pages[i]->refs == 0)
			mem_free(&v->pages[i]);
	mem_free(&v->pages);
	mem_free(&v->before);
	mem_free(&v);
}

/* Those that nobody else holds, or all. */
void
views_forget(struct store *st, bool all)
{
	struct store_view **at = &st->views, *v;

	while ((v = *at) != NULL) {
		if (!all && v->refs > 1) {
			at = &v->next;
			continue;
		}
		*at = v->next;
		v->next = NULL;
		store_view_unref(&v);
	}
}

/* ---- asking ---- */

static unsigned
lowest_bit(uint64_t word)
{
	return (unsigned)__builtin_ctzll(word);
}

static unsigned
highest_bit(uint64_t word)
{
	return 63u - (unsigned)__builtin_clzll(word);
}

static unsigned
ones(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

/* Bits 0..n of a word. */
static uint64_t
up_to(uint32_t n)
{
	return ~UINT64_C(0) >> (63 - n);
}

uint32_t
store_view_count(const struct store_view *v)
{
	return v->count;
}

uint32_t
store_view_uidnext(const struct store_view *v)
{
	return v->uidnext;
}

uint32_t
store_view_uid(const struct store_view *v, uint32_t seq)
{
	size_t low = 0, high = v->n;
	const struct view_page *p;
	uint32_t left;

	if (seq == 0 || seq > v->count)
		return 0;
	/* The last page with fewer UIDs before it than `seq`. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (v->before[middle] < seq)
			low = middle;
		else
			high = middle;
	}
	p = v->pages[low];
	left = seq - v->before[low];
	for (uint32_t w = 0; w < PAGE_WORDS; w++) {
		uint64_t word = p->bits[w];

		if (left > ones(word)) {
			left -= ones(word);
			continue;
		}
		while (--left > 0)
			word &= word - 1;
		return p->number * PAGE_UIDS + w * 64 + lowest_bit(word);
	}
	return 0;
}

uint32_t
store_view_rank(const struct store_view *v, uint32_t uid)
{
	size_t i = page_at(v, page_of(uid));
	uint32_t n, last = uid % PAGE_UIDS;

	if (i == v->n)
		return v->count;
	n = v->before[i];
	if (v->pages[i]->number != page_of(uid))
		return n;
	for (uint32_t w = 0; w < last / 64; w++)
		n += ones(v->pages[i]->bits[w]);
	return n + ones(v->pages[i]->bits[last / 64] & up_to(last % 64));
}

static bool
page_has(const struct view_page *p, uint32_t n)
{
	return p->bits[n / 64] >> (n % 64) & 1;
}

uint32_t
store_view_seq(const struct store_view *v, uint32_t uid)
{
	size_t i = page_at(v, page_of(uid));

	if (i == v->n || v->pages[i]->number != page_of(uid) ||
	    !page_has(v->pages[i], uid % PAGE_UIDS))
		return 0;
	return store_view_rank(v, uid);
}

uint32_t
store_view_next(const struct store_view *v, uint32_t uid)
{
	for (size_t i = page_at(v, page_of(uid)); i < v->n; i++) {
		const struct view_page *p = v->pages[i];
		uint32_t from = p->number == page_of(uid) ? uid % PAGE_UIDS : 0;

		for (uint32_t w = from / 64; w < PAGE_WORDS; w++) {
			uint64_t word = p->bits[w];

			if (w == from / 64)
				word &= ~UINT64_C(0) << (from % 64);
			if (word != 0)
				return p->number * PAGE_UIDS + w * 64 +
				       lowest_bit(word);
		}
	}
	return 0;
}

/* The largest n < `below` that is in p and not in q (NULL: empty); PAGE_UIDS:
 * none. */
static uint32_t
page_gone(const struct view_page *p, const struct view_page *q, uint32_t below)
{
	if (p == q || below == 0)
		return PAGE_UIDS;
	for (uint32_t w = (below - 1) / 64 + 1; w-- > 0;) {
		uint64_t word = p->bits[w] & ~(q == NULL ? 0 : q->bits[w]);

		if (w == (below - 1) / 64)
			word &= up_to((below - 1) % 64);
		if (word != 0)
			return w * 64 + highest_bit(word);
	}
	return PAGE_UIDS;
}

uint32_t
store_view_gone(const struct store_view *older, const struct store_view *newer,
    uint32_t below)
{
	for (size_t i = page_at(older, page_of(below)) + 1; i-- > 0;) {
		const struct view_page *p, *q = NULL;
		uint32_t n;
		size_t j;

		if (i >= older->n)
			continue;
		p = older->pages[i];
		if (p->number > page_of(below))
			continue;
		j = page_at(newer, p->number);
		if (j < newer->n && newer->pages[j]->number == p->number)
			q = newer->pages[j];
		n = page_gone(p, q,
		    p->number == page_of(below) ? below % PAGE_UIDS
						: PAGE_UIDS);
		if (n < PAGE_UIDS)
			return p->number * PAGE_UIDS + n;
	}
	return 0;
}
