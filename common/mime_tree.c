/*
 * The stack of open parts.  A line that may be a boundary is compared with
 * those of all levels, by a hash first, so that its cost does not depend on how
 * long and how alike they are.
 */
#include "common/mime_tree.h"

#include "common/mem.h"
#include "common/mime_header.h"
#include "common/scan.h"

enum { FIRST_LEVELS = 4 };

static const uint32_t hash_start = 2166136261U;

struct mime_level {
	size_t entry; /* where it stands in the record */
	unsigned index;
	enum record_kind kind;
	bool has_envelope, digest;
	uint64_t header_start, header_len;
	uint64_t lines; /* LF before its body */
	/* Of a multipart whose last part has not been seen; key 0: none. */
	uint32_t boundary_key;
	size_t boundary_at, boundary_len;
};

void
mime_tree_init(struct mime_tree *t)
{
	*t = (struct mime_tree){
		.boundaries =
		    BUF_INIT((RECORD_DEPTH_MAX + 1) * MIME_BOUNDARY_MAX),
		.record = BUF_INIT(RECORD_MAX - RECORD_HEAD),
	};
}

void
mime_tree_release(struct mime_tree *t)
{
	buf_free(&t->boundaries);
	buf_free(&t->record);
	mem_free(&t->levels);
}

static const struct mime_level *
innermost(const struct mime_tree *t)
{
	return t->depth > 0 ? &t->levels[t->depth - 1] : NULL;
}

bool
mime_tree_at_message(const struct mime_tree *t)
{
	const struct mime_level *l = innermost(t);

	return l == NULL || l->kind == RECORD_MESSAGE;
}

uint64_t
mime_tree_body(const struct mime_tree *t)
{
	const struct mime_level *l = innermost(t);

	return l == NULL ? 0 : l->header_start + l->header_len;
}

/* ---- parts ---- */

static uint32_t
hash_more(uint32_t hash, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 16777619U;
	return hash;
}

/* Never 0. */
static uint32_t
hash_key(uint32_t hash)
{
	return hash | 1U << 31;
}

static void
push(struct mime_tree *t, const struct mime_level *l)
{
	if (t->depth == t->room) {
		t->room = t->room == 0 ? FIRST_LEVELS : t->room * 2;
		t->levels = mem_resize(t->levels, t->room, sizeof(*t->levels));
	}
	t->levels[t->depth++] = *l;
}

/* What the header asks for, as far as the limits allow. */
static void
take_header(
    struct mime_tree *t, struct mime_level *l, const struct mime_header *h)
{
	struct span boundary = { h->boundary, h->boundary_len };

	t->cut = t->cut || h->cut;
	l->kind = h->kind;
	if (h->kind != RECORD_LEAF &&
	    (t->depth == RECORD_DEPTH_MAX || t->parts == RECORD_PARTS_MAX)) {
		l->kind = RECORD_LEAF;
		t->cut = true;
	}
	if (l->kind == RECORD_MULTIPART) {
		l->digest = h->digest;
		l->boundary_len = boundary.len;
		l->boundary_key = hash_key(hash_more(hash_start, boundary));
		buf_add(&t->boundaries, boundary);
		t->open++;
	}
}

bool
mime_tree_may_add(struct mime_tree *t)
{
	if (!t->full && t->parts < RECORD_PARTS_MAX)
		return true;
	t->cut = true;
	return false;
}

bool
mime_tree_add(struct mime_tree *t, const struct mime_start *start)
{
	const struct mime_level *parent = innermost(t);
	bool in_digest = parent != NULL && parent->digest;
	struct mime_level l = {
		.entry = record_entry_begin(&t->record),
		.index = t->parts,
		.header_start = start->header_start,
		.header_len = start->header_len,
		.lines = start->lines,
		.boundary_at = t->boundaries.len,
		.has_envelope = mime_tree_at_message(t),
	};
	struct mime_header h;

	/* Then it is no message either. */
	if (start->headless)
		in_digest = false;
	mime_header_put(
	    &t->record, start->fields, l.has_envelope, in_digest, &h);
	record_entry_end(&t->record, l.entry);
	if (t->record.bad) {
		t->record.len = l.entry;
		t->record.bad = false;
		t->full = t->cut = true;
		return false;
	}
	t->parts++;
	take_header(t, &l, &h);
	push(t, &l);
	return true;
}

static void
fill_in(struct mime_tree *t, const struct mime_level *l, uint64_t end,
    uint64_t lines)
{
	struct record_part part = {
		.depth = (unsigned)(l - t->levels),
		.kind = l->kind,
		.descendants = t->parts - l->index - 1,
		.header_start = l->header_start,
		.header_len = l->header_len,
		.body_len = end - l->header_start - l->header_len,
		.has_envelope = l->has_envelope,
	};

	lines -= l->lines;
	part.body_lines = lines < UINT32_MAX ? (uint32_t)lines : UINT32_MAX;
	/* A multipart whose boundary never came has nothing to list. */
	if (part.descendants == 0)
		part.kind = RECORD_LEAF;
	record_entry_numbers(&t->record, l->entry, &part);
}

void
mime_tree_leave(
    struct mime_tree *t, unsigned depth, uint64_t end, uint64_t lines)
{
	while (t->depth > depth) {
		const struct mime_level *l = innermost(t);

		fill_in(t, l, end, lines);
		if (l->boundary_key != 0)
			t->open--;
		t->boundaries.len = l->boundary_at;
		t->depth--;
	}
}

/* ---- boundaries ---- */

/* Without "--" in front, and blanks and line end behind. */
static struct span
boundary_text(struct span line)
{
	struct span text = { line.ptr + 2, line.len - 2 };

	while (text.len > 0 &&
	       memchr(" \t\r\n", text.ptr[text.len - 1], 4) != NULL)
		text.len--;
	return text;
}

/*
 * The innermost wins.  The boundary must be the whole line but for blanks at
 * its end: boundaries that begin with one another are common.
 */
bool
mime_tree_boundary(
    const struct mime_tree *t, struct span line, unsigned *level, bool *last)
{
	struct span text = boundary_text(line), cut = text;
	uint32_t key, cut_key = 0;

	if (text.len == 0 || text.len > MIME_BOUNDARY_MAX + 2)
		return false;
	if (text.len > 2 && memcmp(text.ptr + text.len - 2, "--", 2) == 0) {
		cut.len -= 2;
		key = hash_more(hash_start, cut);
		cut_key = hash_key(key);
		key = hash_key(hash_more(key, SPAN("--")));
	} else {
		key = hash_key(hash_more(hash_start, text));
	}
	for (*level = t->depth; (*level)-- > 0;) {
		const struct mime_level *l = &t->levels[*level];
		struct span boundary = { t->boundaries.ptr + l->boundary_at,
			l->boundary_len };

		if (l->boundary_key == 0)
			continue;
		if (l->boundary_key == key && span_same(boundary, text)) {
			*last = false;
			return true;
		}
		if (l->boundary_key == cut_key && span_same(boundary, cut)) {
			*last = true;
			return true;
		}
	}
	return false;
}

void
mime_tree_close(struct mime_tree *t, unsigned level)
{
	t->levels[level].boundary_key = 0;
	t->open--;
}
