/*
 * Addresses in header fields.  Two walks over the tokens: the first finds where
 * an entry ends and what kind it is, the second writes its strings.  Both take
 * time in proportion to the field, whatever is in it: a quote, comment, or
 * literal without its end is looked for once, and then such characters mean
 * themselves for the rest of the field.
 */
#include "common/addr.h"

#include "common/scan.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD, /* anything that is none of the following, dots included */
	TOKEN_QUOTED,  /* text: what is between the quotes, escapes and all */
	TOKEN_COMMENT, /* text: what is between the outer parentheses */
	TOKEN_LITERAL, /* text: with its brackets */
	TOKEN_MARK,    /* one of , ; : < > @ */
};

struct token {
	enum token_kind kind;
	struct span text;
	bool spaced; /* a blank or comment stands before it */
};

struct lexer {
	const char *pos, *end;
	bool lone_quote, lone_comment,
	    lone_literal; /* no end: no start either */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* Where the text that `start` opens is closed, or NULL; comments nest. */
static const char *
closing(const char *start, const char *end)
{
	size_t depth = 0;

	for (const char *p = start; p < end; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*start == '(' && *p == '(')
			depth++;
		else if (*start == '(' && *p == ')') {
			if (--depth == 0)
				return p;
		} else if (p > start && *start == '"' && *p == '"')
			return p;
		else if (*start == '[' && *p == ']')
			return p;
	return NULL;
}

/* Takes what is enclosed, if it is closed. */
static bool
enclosed(struct lexer *x, bool *lone, struct token *t)
{
	const char *close;

	if (*lone)
		return false;
	close = closing(x->pos, x->end);
	if (close == NULL) {
		*lone = true;
		return false;
	}
	t->text = (struct span){ x->pos + 1, (size_t)(close - x->pos) - 1 };
	x->pos = close + 1;
	return true;
}

static bool
is_mark(char c)
{
	return c == ',' || c == ';' || c == ':' || c == '<' || c == '>' ||
	       c == '@';
}

static struct token
next(struct lexer *x)
{
	struct token t = { TOKEN_END, NO_SPAN, false };

	for (; x->pos < x->end && is_blank(*x->pos); x->pos++)
		t.spaced = true;
	if (x->pos == x->end)
		return t;
	if (*x->pos == '"' && enclosed(x, &x->lone_quote, &t)) {
		t.kind = TOKEN_QUOTED;
	} else if (*x->pos == '(' && enclosed(x, &x->lone_comment, &t)) {
		t.kind = TOKEN_COMMENT;
	} else if (*x->pos == '[' && enclosed(x, &x->lone_literal, &t)) {
		t.kind = TOKEN_LITERAL;
		t.text = (struct span){ t.text.ptr - 1, t.text.len + 2 };
	} else {
		t.kind = is_mark(*x->pos) ? TOKEN_MARK : TOKEN_WORD;
		t.text.ptr = x->pos++;
		while (t.kind == TOKEN_WORD && x->pos < x->end &&
		       !is_blank(*x->pos) && !is_mark(*x->pos) &&
		       *x->pos != '"' && *x->pos != '(' && *x->pos != '[')
			x->pos++;
		t.text.len = (size_t)(x->pos - t.text.ptr);
	}
	return t;
}

static bool
mark_is(const struct token *t, char c)
{
	return t->kind == TOKEN_MARK && *t->text.ptr == c;
}

/* The first walk's findings about one entry. */
struct extent {
	struct lexer tokens; /* over the entry alone, without what ended it */
	char stop;           /* , ; : or 0 at the end of the field */
	bool angle;          /* "name <address>" */
};

/*
 * A comma ends an entry even between angle brackets, which then lack their end,
 * but not in a source route (RFC 5322, 4.4).  A colon names a group if nothing
 * before it belongs to an address.
 */
static struct extent
next_extent(struct lexer *x, bool in_group)
{
	struct extent e = { .tokens = *x };
	bool sign = false, route = false, opened = false;
	struct token t;

	for (;;) {
		e.tokens.end = x->pos;
		t = next(x);
		if (t.kind == TOKEN_END)
			return e;
		if (mark_is(&t, '@')) {
			sign = true;
			route = route || opened;
		} else if (mark_is(&t, '<')) {
			e.angle = true;
		} else if (mark_is(&t, '>')) {
			route = false;
		} else if (mark_is(&t, ':')) {
			if (!in_group && !e.angle && !sign)
				break;
			route = false;
		} else if (mark_is(&t, ';') || (mark_is(&t, ',') && !route)) {
			break;
		}
		opened = mark_is(&t, '<');
	}
	e.stop = *t.text.ptr;
	return e;
}

/* The second walk's output: parts of the scratch, by offset since it may move.
 */
struct strings {
	struct buf *out;
	bool gap; /* something separates the last token from the next */
	size_t name_end;
	size_t host; /* 0: no @ yet, else where the host begins, behind the @ */
	struct span comment;
};

/* Escapes undone; line ends and NUL, which no string may hold, left out. */
static void
add_unescaped(struct buf *out, struct span s, bool escapes)
{
	for (size_t i = 0; i < s.len; i++) {
		if (escapes && s.ptr[i] == '\\' && i + 1 < s.len)
			i++;
		if (s.ptr[i] != '\r' && s.ptr[i] != '\n' && s.ptr[i] != '\0')
			buf_byte(out, s.ptr[i]);
	}
}

/* A word of a phrase, or of a local part or host, in which dots take no blanks
 * beside them. */
static void
add_word(struct strings *w, size_t start, const struct token *t, bool dots)
{
	struct buf *out = w->out;
	bool dotted = dots && out->len > start &&
	              (out->ptr[out->len - 1] == '.' ||
			  (t->text.len > 0 && t->text.ptr[0] == '.'));

	if ((w->gap || t->spaced) && out->len > start && !dotted)
		buf_byte(out, ' ');
	w->gap = false;
	add_unescaped(out, t->text, t->kind == TOKEN_QUOTED);
}

/* Keeps a comment aside; true if `t` was one. */
static bool
keep_comment(struct strings *w, const struct token *t)
{
	if (t->kind != TOKEN_COMMENT)
		return false;
	if (span_trim(t->text).len > 0)
		w->comment = t->text;
	w->gap = true;
	return true;
}

/* A phrase, to the end or, if there is one, over the angle bracket. */
static void
write_name(struct strings *w, struct lexer *x)
{
	for (;;) {
		struct token t = next(x);

		if (t.kind == TOKEN_END || mark_is(&t, '<'))
			break;
		if (!keep_comment(w, &t))
			add_word(w, 0, &t, false);
	}
	w->name_end = w->out->len;
	w->gap = false;
}

/* Over "@a,@b:", if that is there; RFC 5322, 4.4 says to ignore it. */
static void
skip_route(struct lexer *x)
{
	struct lexer ahead = *x;
	struct token t = next(&ahead);

	if (!mark_is(&t, '@'))
		return;
	while (t.kind != TOKEN_END && !mark_is(&t, '>')) {
		t = next(&ahead);
		if (mark_is(&t, ':')) {
			*x = ahead;
			return;
		}
	}
}

/* local@host, behind the name in the scratch; the last @ divides them. */
static void
write_address(struct strings *w, struct lexer *x, bool angle)
{
	struct token t;

	if (angle)
		skip_route(x);
	for (t = next(x); t.kind != TOKEN_END; t = next(x)) {
		if (keep_comment(w, &t) || mark_is(&t, '<'))
			continue;
		if (mark_is(&t, '>')) {
			if (angle)
				break;
		} else if (mark_is(&t, '@')) {
			buf_byte(w->out, '@');
			w->host = w->out->len;
			w->gap = false;
		} else {
			add_word(w, w->host ? w->host : w->name_end, &t, true);
		}
	}
	while (
	    t.kind != TOKEN_END) { /* behind the bracket only comments speak */
		t = next(x);
		keep_comment(w, &t);
	}
}

static bool
write_entry(
    const struct extent *e, struct buf *scratch, struct addr_entry *entry)
{
	struct strings w = { .out = scratch };
	struct lexer x = e->tokens;
	size_t end = 0;

	buf_clear(scratch);
	if (e->angle || e->stop == ':')
		write_name(&w, &x);
	if (e->stop != ':') {
		write_address(&w, &x, e->angle);
		end = scratch->len;
		if (w.name_end == 0 && end > 0)
			add_unescaped(scratch, w.comment, true);
	}
	if (scratch->bad)
		return false;
	entry->kind = e->stop == ':' ? ADDR_GROUP_START : ADDR_MAILBOX;
	entry->name = entry->mailbox = entry->host = SPAN("");
	if (w.name_end > 0)
		entry->name = (struct span){ scratch->ptr, w.name_end };
	else if (scratch->len > end)
		entry->name =
		    (struct span){ scratch->ptr + end, scratch->len - end };
	entry->name = span_trim(entry->name);
	if (w.host > 0)
		entry->host =
		    (struct span){ scratch->ptr + w.host, end - w.host };
	if (w.host > w.name_end + 1)
		entry->mailbox = (struct span){ scratch->ptr + w.name_end,
			w.host - 1 - w.name_end };
	else if (w.host == 0 && end > w.name_end)
		entry->mailbox = (struct span){ scratch->ptr + w.name_end,
			end - w.name_end };
	return entry->kind == ADDR_GROUP_START || entry->name.len > 0 ||
	       entry->mailbox.len > 0 || entry->host.len > 0;
}

void
addr_list(struct span unfolded, struct buf *scratch,
    void (*each)(void *arg, const struct addr_entry *), void *arg)
{
	static const struct addr_entry group_end = { .kind = ADDR_GROUP_END };
	const char *start = unfolded.len > 0 ? unfolded.ptr : "";
	struct lexer x = { .pos = start, .end = start + unfolded.len };
	bool in_group = false;
	size_t count = 0;

	/* One place is kept for the end of a group, so that groups end. */
	while (x.pos < x.end && count < ADDR_LIST_MAX - 1) {
		struct extent e = next_extent(&x, in_group);
		struct addr_entry entry;

		if (write_entry(&e, scratch, &entry)) {
			each(arg, &entry);
			count++;
		}
		if (e.stop == ':') {
			in_group = true;
		} else if (e.stop == ';' && in_group) {
			each(arg, &group_end);
			count++;
			in_group = false;
		}
	}
	if (in_group)
		each(arg, &group_end);
}
