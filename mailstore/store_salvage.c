#include "mailstore/store_salvage.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/store_meta.h"

/* A page as LMDB 0.9 lays it out on 64-bit little-endian machines. */
enum {
	PAGE_NUMBER = 0, /* u64 */
	PAGE_FLAGS = 10, /* u16 */
	PAGE_LOWER = 12, /* u16: the end of the list of nodes */
	PAGE_UPPER = 14, /* u16: where nodes begin */
	PAGE_RUN = 12,   /* u32: pages of an overflow run */
	PAGE_HEAD = 16,
	IS_BRANCH = 1,
	IS_LEAF = 2,
	IS_OVERFLOW = 4,
	KINDS = 0x7F, /* and others; not the mark of a page in memory */

	/* A node: u16[2] size or child, u16 flags or child, u16 bytes of key */
	NODE_HEAD = 8,
	NODE_ELSEWHERE = 1, /* its value is a run of pages of its own */
	NODE_TREE = 2,      /* its value describes a tree */
	TREE_LEN = 48,
	TREE_ROOT = 40,

	KEY_ROOM = 24,
	TREES_MAX = DB_TREES_MAX + 1,
};

enum mark { UNKNOWN, REACHED, FREE };

struct row {
	unsigned char key[KEY_ROOM];
	uint8_t key_len, tree;
	bool stray; /* on a page that no tree reaches */
	uint32_t len;
	uint64_t at; /* of its value in the file */
};

struct salvage {
	int fd;
	const char *names[TREES_MAX];
	unsigned ntrees;
	uint64_t pages;
	uint8_t *marks;
	struct row *rows;
	size_t nrows, room;
	uint64_t damaged;
	bool lost; /* a page of a tree could not be followed */
	/* Pages to be looked at. */
	uint64_t *todo;
	size_t ntodo, todo_room;
	uint64_t roots[TREES_MAX]; /* 0: not known */
	struct buf value;
};

/* ---- reading ---- */

static bool
read_at(const struct salvage *s, uint64_t at, void *into, size_t len)
{
	char *to = into;

	while (len > 0) {
		ssize_t n = pread(s->fd, to, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

static bool
page_read(const struct salvage *s, uint64_t number, unsigned char *page)
{
	return number >= 2 && number < s->pages &&
	       read_at(s, number * DB_PAGE, page, DB_PAGE) &&
	       le64(page + PAGE_NUMBER) == number;
}

static unsigned
page_nodes(const unsigned char *page)
{
	unsigned lower = le16(page + PAGE_LOWER);

	if (lower < PAGE_HEAD || lower > DB_PAGE ||
	    le16(page + PAGE_UPPER) > DB_PAGE ||
	    le16(page + PAGE_UPPER) < lower)
		return 0;
	return (lower - PAGE_HEAD) / 2;
}

struct node {
	unsigned flags;
	struct span key;
	uint64_t child; /* of a branch */
	size_t len;     /* of the value of a leaf */
	size_t at;      /* of what follows the key, in the page */
};

static bool
node_read(const unsigned char *page, unsigned i, bool branch, struct node *n)
{
	size_t at = le16(page + PAGE_HEAD + (size_t)i * 2), key_len;
	const unsigned char *p = page + at;

	if (at < PAGE_HEAD || at + NODE_HEAD > DB_PAGE)
		return false;
	key_len = le16(p + 6);
	*n = (struct node){
		.key = { (const char *)p + NODE_HEAD, key_len },
		.at = at + NODE_HEAD + key_len,
	};
	if (n->at > DB_PAGE)
		return false;
	if (branch) {
		n->child = le32(p) | (uint64_t)le16(p + 4) << 32;
		return true;
	}
	n->len = le32(p);
	n->flags = le16(p + 4);
	if (n->flags & NODE_ELSEWHERE)
		return n->at + 8 <= DB_PAGE &&
		       n->len <= DB_VALUE_MAX + DB_CHECK;
	return n->at + n->len <= DB_PAGE;
}

/* Where the value is in the file; 0: that cannot be. */
static uint64_t
value_at(struct salvage *s, const unsigned char *page, const struct node *n,
    bool claim)
{
	unsigned char head[PAGE_HEAD];
	uint64_t first, run;

	if (!(n->flags & NODE_ELSEWHERE))
		return le64(page + PAGE_NUMBER) * DB_PAGE + n->at;
	first = le64(page + n->at);
	run = (n->len + PAGE_HEAD + DB_PAGE - 1) / DB_PAGE;
	if (first < 2 || first >= s->pages || run > s->pages - first ||
	    !read_at(s, first * DB_PAGE, head, sizeof head))
		return 0;
	if (claim)
		memset(s->marks + first, REACHED, run);
	return first * DB_PAGE + PAGE_HEAD;
}

/* ---- rows ---- */

static bool
is_of_tree(unsigned tree, struct span key, const char *value, size_t len)
{
	XXH64_hash_t of_key = XXH3_64bits_withSeed(key.ptr, key.len, tree);

	return (uint32_t)XXH3_64bits_withSeed(value, len - DB_CHECK, of_key) ==
	       le32(value + len - DB_CHECK);
}

static void
row_add(struct salvage *s, unsigned tree, const struct node *n, uint64_t at,
    bool stray)
{
	struct row *r;

	if (s->nrows == s->room) {
		s->room = s->room * 2 + 1024;
		s->rows = mem_resize(s->rows, s->room, sizeof *s->rows);
	}
	r = &s->rows[s->nrows++];
	*r = (struct row){
		.key_len = (uint8_t)n->key.len,
		.tree = (uint8_t)tree,
		.stray = stray,
		.len = (uint32_t)(n->len - DB_CHECK),
		.at = at,
	};
	memcpy(r->key, n->key.ptr, n->key.len);
}

/* The tree that the row's check says it is of: among `first` to `last`. */
static bool
look_at_row(struct salvage *s, const unsigned char *page, const struct node *n,
    unsigned first, unsigned last, bool stray)
{
	uint64_t at = value_at(s, page, n, !stray);
	char *value;

	if (at == 0 || n->len < DB_CHECK || n->key.len == 0 ||
	    n->key.len > KEY_ROOM)
		return false;
	buf_clear(&s->value);
	if ((value = buf_want(&s->value, n->len)) == NULL ||
	    !read_at(s, at, value, n->len))
		return false;
	for (unsigned tree = first; tree <= last; tree++)
		if (is_of_tree(tree, n->key, value, n->len)) {
			row_add(s, tree, n, at, stray);
			return true;
		}
	return false;
}

/* ---- trees ---- */

static void
todo_add(struct salvage *s, uint64_t number)
{
	if (s->ntodo == s->todo_room) {
		s->todo_room = s->todo_room * 2 + 64;
		s->todo = mem_resize(s->todo, s->todo_room, sizeof *s->todo);
	}
	s->todo[s->ntodo++] = number;
}

static void
damage(struct salvage *s, bool lost)
{
	s->damaged++;
	s->lost = s->lost || lost;
}

static bool
look_at_branch(struct salvage *s, const unsigned char *page)
{
	unsigned count = page_nodes(page);
	struct node n;

	for (unsigned i = 0; i < count; i++)
		if (node_read(page, i, true, &n))
			todo_add(s, n.child);
		else
			damage(s, true);
	return count > 0;
}

/* A leaf of the list of free pages: values are lists, their length first. */
static bool
look_at_free(struct salvage *s, const unsigned char *page)
{
	unsigned count = page_nodes(page);
	struct node n;

	for (unsigned i = 0; i < count; i++) {
		uint64_t at;
		char *list;

		buf_clear(&s->value);
		if (!node_read(page, i, false, &n) || n.len < 8 ||
		    n.len % 8 != 0 || (at = value_at(s, page, &n, true)) == 0 ||
		    (list = buf_want(&s->value, n.len)) == NULL ||
		    !read_at(s, at, list, n.len) || le64(list) > n.len / 8 - 1)
			return false;
		for (uint64_t k = 1; k <= le64(list); k++)
			if (le64(list + k * 8) < s->pages &&
			    s->marks[le64(list + k * 8)] == UNKNOWN)
				s->marks[le64(list + k * 8)] = FREE;
	}
	return count > 0;
}

static unsigned
tree_named(const struct salvage *s, struct span name)
{
	for (unsigned i = 1; i <= s->ntrees; i++)
		if (strlen(s->names[i]) == name.len &&
		    memcmp(s->names[i], name.ptr, name.len) == 0)
			return i;
	return 0;
}

static bool
look_at_leaf(struct salvage *s, const unsigned char *page, unsigned tree)
{
	unsigned count = page_nodes(page);
	struct node n;

	for (unsigned i = 0; i < count; i++) {
		if (!node_read(page, i, false, &n)) {
			damage(s, false);
			continue;
		}
		if (tree == DB_MAIN && (n.flags & NODE_TREE)) {
			unsigned named = tree_named(s, n.key);

			if (named != 0 && n.len == TREE_LEN)
				s->roots[named] = le64(page + n.at + TREE_ROOT);
			else
				damage(s, true);
		} else if (!look_at_row(s, page, &n, tree, tree, false))
			damage(s, false);
	}
	return count > 0;
}

enum { FREE_TREE = TREES_MAX };

/* All that a root reaches.  Every page once: a damaged tree may have rings. */
static void
walk(struct salvage *s, uint64_t root, unsigned tree)
{
	unsigned char page[DB_PAGE];

	if (root == UINT64_MAX)
		return; /* empty */
	todo_add(s, root);
	while (s->ntodo > 0) {
		uint64_t number = s->todo[--s->ntodo];
		unsigned flags;
		bool good = false;

		if (!page_read(s, number, page) ||
		    s->marks[number] == REACHED) {
			damage(s, true);
			continue;
		}
		s->marks[number] = REACHED;
		flags = le16(page + PAGE_FLAGS) & KINDS;
		if (flags == IS_BRANCH)
			good = look_at_branch(s, page);
		else if (flags == IS_LEAF)
			good = tree == FREE_TREE ? look_at_free(s, page)
			                         : look_at_leaf(s, page, tree);
		if (!good)
			damage(s, true);
	}
}

/* ---- pages that belong to nobody ---- */

static void
look_at_stray(struct salvage *s, uint64_t number)
{
	unsigned char page[DB_PAGE];
	unsigned count;
	struct node n;

	if (!page_read(s, number, page) ||
	    (le16(page + PAGE_FLAGS) & KINDS) != IS_LEAF)
		return;
	count = page_nodes(page);
	for (unsigned i = 0; i < count; i++)
		if (node_read(page, i, false, &n) && !(n.flags & NODE_TREE))
			(void)look_at_row(
			    s, page, &n, DB_MAIN, s->ntrees, true);
}

/* ---- all of it ---- */

static int
compare_keys(const struct row *a, unsigned tree, struct span key)
{
	size_t len = a->key_len < key.len ? a->key_len : key.len;
	int cmp;

	if (a->tree != tree)
		return a->tree < tree ? -1 : 1;
	cmp = memcmp(a->key, key.ptr, len);
	return cmp != 0 ? cmp : (a->key_len > key.len) - (a->key_len < key.len);
}

static int
by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int cmp = compare_keys(
	    x, y->tree, (struct span){ (const char *)y->key, y->key_len });

	if (cmp == 0)
		cmp = x->stray - y->stray;
	/* Later in the file is not surely newer, but it is an order. */
	return cmp != 0 ? cmp : (x->at < y->at) - (x->at > y->at);
}

/* One row for each key: that which a tree reaches, if there is one. */
static void
sort(struct salvage *s)
{
	size_t n = 0;

	if (s->nrows > 1)
		qsort(s->rows, s->nrows, sizeof *s->rows, by_key);
	for (size_t i = 0; i < s->nrows; i++) {
		const struct row *r = &s->rows[i];

		if (n == 0 ||
		    compare_keys(&s->rows[n - 1], r->tree,
			(struct span){ (const char *)r->key, r->key_len }) != 0)
			s->rows[n++] = *r;
	}
	s->nrows = n;
}

static void
gather(struct salvage *s)
{
	struct meta_state states[2];
	unsigned good = meta_states(s->fd, states);

	if (good < 2)
		damage(s, good == 0);
	if (good > 0) {
		walk(s, states[0].free_root, FREE_TREE);
		walk(s, states[0].main_root, DB_MAIN);
		for (unsigned i = 1; i <= s->ntrees; i++)
			if (s->roots[i] != 0)
				walk(s, s->roots[i], i);
			else
				damage(s, true);
	}
	for (uint64_t number = 2; s->lost && number < s->pages; number++)
		if (s->marks[number] == UNKNOWN)
			look_at_stray(s, number);
	sort(s);
}

struct salvage *
salvage_new(int fd, const char *const *trees)
{
	struct salvage *s = mem_alloc(sizeof *s);
	struct stat st;

	s->fd = fd;
	s->value = BUF_INIT(DB_VALUE_MAX + DB_CHECK);
	while (s->ntrees < DB_TREES_MAX && trees[s->ntrees] != NULL) {
		s->names[s->ntrees + 1] = trees[s->ntrees];
		s->ntrees++;
	}
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		s->pages = (uint64_t)st.st_size / DB_PAGE;
	s->marks = mem_array(s->pages + 1, 1);
	gather(s);
	mem_free(&s->marks);
	mem_free(&s->todo);
	return s;
}

void
salvage_free(struct salvage **sp)
{
	struct salvage *s = *sp;

	if (s == NULL)
		return;
	buf_free(&s->value);
	mem_free(&s->rows);
	mem_free(sp);
}

uint64_t
salvage_damaged(const struct salvage *s)
{
	return s->damaged;
}

/* ---- asked ---- */

size_t
salvage_seek(const struct salvage *s, unsigned tree, struct span key)
{
	size_t low = 0, high = s->nrows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_keys(&s->rows[middle], tree, key) >= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool
salvage_is_in(const struct salvage *s, size_t row, unsigned tree)
{
	return row < s->nrows && s->rows[row].tree == tree;
}

struct span
salvage_key(const struct salvage *s, size_t row)
{
	return (struct span){ (const char *)s->rows[row].key,
		s->rows[row].key_len };
}

bool
salvage_value(const struct salvage *s, size_t row, struct buf *value)
{
	const struct row *r = &s->rows[row];
	char *room;

	buf_clear(value);
	if (r->len == 0)
		return true;
	if ((room = buf_want(value, r->len)) == NULL ||
	    !read_at(s, r->at, room, r->len))
		return false;
	buf_grew(value, r->len);
	return true;
}

bool
salvage_head(const struct salvage *s, size_t row, void *bytes, size_t len)
{
	return s->rows[row].len >= len &&
	       read_at(s, s->rows[row].at, bytes, len);
}
