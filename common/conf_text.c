/* Braces, quotes, names and repetitions in hearth.conf. */
#include "common/conf_text.h"

#include "common/file.h"
#include "common/mem.h"
#include "common/scan.h"

#include <stdarg.h>

enum { FILE_MAX = 256 * 1024, PLACES_MAX = 8192, NAME_MAX_SHOWN = 64 };

/* An option, or with an empty name the beginning of a section. */
struct place {
	const struct conf_section *section;
	unsigned instance;
	struct span name, title;
	unsigned line;
};

struct conf_text {
	char *file;
	char *bytes;
	const struct conf_section *sections;
	size_t nsections;
	struct place *places;
	size_t nplaces;
	bool bad;
};

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING, /* text: what is between the quotes */
	TOKEN_MARK,   /* = { } , */
	TOKEN_BAD,    /* already complained of */
};

struct token {
	enum token_kind kind;
	struct span text;
	unsigned line;
};

struct parser {
	struct conf_text *text;
	const char *pos, *end;
	unsigned line;
	const struct conf_section *section; /* the one we are in */
	unsigned instance;
	unsigned opened; /* the line of its brace */
};

#define SHOWN(s) \
	(int)((s).len < NAME_MAX_SHOWN ? (s).len : NAME_MAX_SHOWN), (s).ptr

void
conf_text_complain(struct conf_text *t, unsigned line, const char *format, ...)
{
	struct buf message = BUF_INIT(4096);
	char words[1024];
	va_list args;

	va_start(args, format);
	if (vsnprintf(words, sizeof(words), format, args) < 0)
		PANIC("a complaint that cannot be printed");
	va_end(args);
	buf_format(&message, "%s:%u: %s\n", t->file, line, words);
	/* A terminal that takes no complaint leaves the exit status to speak.
	 */
	(void)!fwrite(message.ptr, 1, message.len, stderr);
	buf_free(&message);
	t->bad = true;
}

bool
conf_text_good(const struct conf_text *t)
{
	return !t->bad;
}

const char *
conf_text_bytes(const struct conf_text *t)
{
	return t->bytes;
}

unsigned
conf_text_line(const struct conf_text *t, const struct conf_section *section,
    unsigned instance, const char *option)
{
	unsigned line = 1;

	for (size_t i = 0; i < t->nplaces; i++) {
		const struct place *p = &t->places[i];

		if (p->section != section || p->instance != instance)
			continue;
		if (span_is(p->name, option))
			return p->line;
		if (p->name.len == 0)
			line = p->line;
	}
	return line;
}

/* ---- tokens ---- */

static struct token
bad_token(struct parser *p)
{
	return (struct token){ TOKEN_BAD, NO_SPAN, p->line };
}

static struct token
next_string(struct parser *p)
{
	char quote = *p->pos++;
	const char *start = p->pos;

	for (; p->pos < p->end && *p->pos != '\n'; p->pos++) {
		if (*p->pos == '\\' && p->end - p->pos > 1 && p->pos[1] != '\n')
			p->pos++;
		else if (*p->pos == quote) {
			struct span text = { start,
				(size_t)(p->pos++ - start) };

			return (struct token){ TOKEN_STRING, text, p->line };
		}
	}
	conf_text_complain(p->text, p->line,
	    "a text that begins with %c does not end on its line; add the "
	    "closing %c",
	    quote, quote);
	return bad_token(p);
}

static struct token
next_word(struct parser *p)
{
	struct token t = { TOKEN_WORD, { p->pos, 0 }, p->line };

	while (p->pos < p->end && strchr(" \t\r\n=,{}()+\"'#", *p->pos) == NULL)
		p->pos++;
	t.text.len = (size_t)(p->pos - t.text.ptr);
	if (t.text.len == 0) {
		conf_text_complain(p->text, p->line,
		    "\"%c\" cannot stand here; put texts in quotes, and write "
		    "lists with \"=\"",
		    *p->pos);
		return bad_token(p);
	}
	return t;
}

/* Over blanks, lines and comments. */
static void
skip_blanks(struct parser *p)
{
	bool comment = false;

	for (; p->pos < p->end; p->pos++) {
		if (*p->pos == '\n') {
			p->line++;
			comment = false;
		} else if (*p->pos == '#') {
			comment = true;
		} else if (!comment && strchr(" \t\r", *p->pos) == NULL) {
			return;
		}
	}
}

static struct token
next(struct parser *p)
{
	struct token t = { TOKEN_END, NO_SPAN, 0 };

	skip_blanks(p);
	t.line = p->line;
	if (p->pos == p->end)
		return t;
	if (*p->pos == '"' || *p->pos == '\'')
		return next_string(p);
	if (strchr("={},", *p->pos) == NULL)
		return next_word(p);
	t.kind = TOKEN_MARK;
	t.text = (struct span){ p->pos++, 1 };
	return t;
}

static struct token
peek(struct parser *p)
{
	struct parser ahead = *p;

	return next(&ahead);
}

static bool
mark_is(const struct token *t, char c)
{
	return t->kind == TOKEN_MARK && *t->text.ptr == c;
}

static bool
is_value(const struct token *t)
{
	return t->kind == TOKEN_WORD || t->kind == TOKEN_STRING;
}

/* ---- names ---- */

/* How many letters must be added, taken away or changed to make `b` of `a`. */
static size_t
edit_distance(struct span a, const char *b)
{
	size_t row[NAME_MAX_SHOWN + 1], blen = strlen(b);

	if (blen > NAME_MAX_SHOWN || a.len > NAME_MAX_SHOWN)
		return SIZE_MAX;
	for (size_t j = 0; j <= blen; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			size_t best = diagonal + (a.ptr[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[blen];
}

static const struct conf_option *
option_named(const struct conf_section *s, struct span name)
{
	for (size_t i = 0; i < s->noptions; i++)
		if (span_is(name, s->options[i].name))
			return &s->options[i];
	return NULL;
}

static const struct conf_section *
section_named(const struct conf_text *t, struct span name)
{
	for (size_t i = 1; i < t->nsections; i++)
		if (span_is(name, t->sections[i].name))
			return &t->sections[i];
	return NULL;
}

/* The known name that is most like `name`, if one is at all. */
static const char *
likely(
    const struct conf_text *t, const struct conf_section *s, struct span name)
{
	size_t nearest = name.len / 3 + 1, distance;
	const char *found = NULL;

	for (size_t i = 0; i < s->noptions; i++) {
		distance = edit_distance(name, s->options[i].name);
		if (distance <= nearest) {
			nearest = distance;
			found = s->options[i].name;
		}
	}
	for (size_t i = 1; s == t->sections && i < t->nsections; i++) {
		distance = edit_distance(name, t->sections[i].name);
		if (distance <= nearest) {
			nearest = distance;
			found = t->sections[i].name;
		}
	}
	return found;
}

static void
complain_unknown(struct parser *p, const struct token *name)
{
	struct conf_text *t = p->text;
	const char *found = likely(t, p->section, name->text);
	const struct conf_section *same = section_named(t, name->text);

	if (same != NULL && p->section == t->sections) {
		conf_text_complain(t, name->line,
		    "%s is a section; write %s%s { ... }", same->name,
		    same->name, same->titled ? " \"far.example\"" : "");
		return;
	}
	for (size_t i = 0; i < t->nsections; i++) {
		const struct conf_section *s = &t->sections[i];

		if (option_named(s, name->text) == NULL)
			continue;
		if (i == 0)
			conf_text_complain(t, name->line,
			    "no option \"%.*s\" in %s; it belongs outside of "
			    "all sections",
			    SHOWN(name->text), p->section->name);
		else
			conf_text_complain(t, name->line,
			    "no option \"%.*s\" here; it belongs in a section "
			    "such as %s { }",
			    SHOWN(name->text), s->name);
		return;
	}
	if (found != NULL)
		conf_text_complain(t, name->line,
		    "no option \"%.*s\"; did you mean \"%s\"?",
		    SHOWN(name->text), found);
	else
		conf_text_complain(t, name->line,
		    "no option \"%.*s\"; hearth.conf(5) lists all there are",
		    SHOWN(name->text));
}

/* Notes where something stands, and complains if it stood somewhere before. */
static bool
note(struct parser *p, struct span name, struct span title, unsigned line)
{
	struct conf_text *t = p->text;

	for (size_t i = 0; i < t->nplaces; i++) {
		const struct place *old = &t->places[i];

		if (old->section != p->section || !span_same(old->name, name) ||
		    (name.len > 0 && old->instance != p->instance) ||
		    (name.len == 0 && !span_same_nocase(old->title, title)))
			continue;
		if (name.len > 0)
			conf_text_complain(t, line,
			    "\"%.*s\" is given twice, first in line %u; keep "
			    "one of them",
			    SHOWN(name), old->line);
		else
			conf_text_complain(t, line,
			    "the section %s%s%.*s is given twice, first in "
			    "line %u; put its options together",
			    p->section->name, title.len > 0 ? " " : "",
			    SHOWN(title), old->line);
		return false;
	}
	if (t->nplaces == PLACES_MAX) {
		conf_text_complain(t, line,
		    "more than %d options; that is more than Hearth reads",
		    PLACES_MAX);
		return false;
	}
	t->places[t->nplaces++] =
	    (struct place){ p->section, p->instance, name, title, line };
	return true;
}

/* ---- grammar ---- */

/* Between the braces of a list, the first of which is read. */
static bool
list_values(struct parser *p, const struct token *name)
{
	struct token t = next(p);

	while (is_value(&t)) {
		t = next(p);
		if (mark_is(&t, ','))
			t = next(p);
		else
			break;
	}
	if (mark_is(&t, '}'))
		return true;
	if (t.kind != TOKEN_BAD)
		conf_text_complain(p->text, name->line,
		    "the list of \"%.*s\" goes wrong in line %u; write { "
		    "\"one\", \"two\" }",
		    SHOWN(name->text), t.line);
	return false;
}

/* NAME = VALUE; the name and the sign are read. */
static bool
option(struct parser *p, const struct token *name)
{
	const struct conf_option *o = option_named(p->section, name->text);
	struct token value = next(p);

	if (value.kind == TOKEN_BAD)
		return false;
	if (mark_is(&value, '{')) {
		if (o != NULL && !o->list) {
			conf_text_complain(p->text, name->line,
			    "\"%s\" takes one value, not a list; write %s = "
			    "\"value\"",
			    o->name, o->name);
			return false;
		}
		if (!list_values(p, name))
			return false;
	} else if (!is_value(&value)) {
		conf_text_complain(p->text, name->line,
		    "\"%.*s\" lacks its value; write %.*s = \"value\"",
		    SHOWN(name->text), SHOWN(name->text));
		return false;
	}
	if (o == NULL)
		complain_unknown(p, name);
	else
		note(p, name->text, NO_SPAN, name->line);
	return true;
}

/* NAME [TITLE] { ; the name is read. */
static bool
section(struct parser *p, const struct token *name)
{
	const struct conf_section *s = section_named(p->text, name->text);
	struct token t = next(p);
	struct span title = NO_SPAN;

	if (s == NULL) {
		complain_unknown(p, name);
		return false;
	}
	if (p->section != p->text->sections) {
		conf_text_complain(p->text, name->line,
		    "%s begins inside of %s, which began in line %u; add a "
		    "\"}\" before it",
		    s->name, p->section->name, p->opened);
		return false;
	}
	if (is_value(&t)) {
		title = t.text;
		t = next(p);
	}
	if (t.kind == TOKEN_BAD)
		return false;
	if (!mark_is(&t, '{') || (title.len > 0) != s->titled) {
		conf_text_complain(p->text, name->line,
		    "%s does not begin like that; write %s%s {", s->name,
		    s->name, s->titled ? " \"far.example\"" : "");
		return false;
	}
	p->section = s;
	p->opened = name->line;
	p->instance = 0;
	for (size_t i = 0; i < p->text->nplaces; i++)
		p->instance += p->text->places[i].section == s &&
		               p->text->places[i].name.len == 0;
	return note(p, NO_SPAN, title, name->line);
}

/* One option, beginning or end of a section; false: nothing more can be read.
 */
static bool
statement(struct parser *p)
{
	struct token t = next(p), after;
	const struct conf_section *s;

	switch (t.kind) {
	case TOKEN_BAD: return false;
	case TOKEN_END:
		if (p->section != p->text->sections)
			conf_text_complain(p->text, p->opened,
			    "%s begins here and never ends; add the missing "
			    "\"}\"",
			    p->section->name);
		return false;
	case TOKEN_MARK:
		if (mark_is(&t, '}') && p->section != p->text->sections) {
			p->section = p->text->sections;
			p->instance = 0;
			return true;
		}
		conf_text_complain(p->text, t.line,
		    "a \"%c\" too much; remove it", *t.text.ptr);
		return false;
	case TOKEN_STRING:
	case TOKEN_WORD: break;
	}
	after = peek(p);
	if (after.kind == TOKEN_BAD)
		return false;
	if (mark_is(&after, '=')) {
		next(p);
		return option(p, &t);
	}
	s = section_named(p->text, t.text);
	if (mark_is(&after, '{') ||
	    (s != NULL && (p->section == p->text->sections || s->titled)))
		return section(p, &t);
	conf_text_complain(p->text, t.line,
	    "a \"=\" is missing after \"%.*s\"; write %.*s = \"value\"",
	    SHOWN(t.text), SHOWN(t.text));
	return false;
}

enum herr
conf_text_open(const char *file, const struct conf_section *sections,
    size_t nsections, struct conf_text **out)
{
	struct conf_text *t = mem_alloc(sizeof(*t));
	struct buf bytes = BUF_INIT(FILE_MAX);
	enum herr err = file_read(file, &bytes);
	struct parser p;

	t->file = mem_string(span_of(file));
	t->sections = sections;
	t->nsections = nsections;
	if (err != H_OK) {
		conf_text_complain(t, 1,
		    "cannot be read (%s); name a readable file with -c",
		    herr_text(err));
	} else if (bytes.len > 0 &&
		   memchr(bytes.ptr, '\0', bytes.len) != NULL) {
		conf_text_complain(
		    t, 1, "holds bytes of no text; write it anew");
		err = H_INVALID;
	}
	t->bytes = mem_string(buf_span(&bytes));
	buf_free(&bytes);
	t->places = mem_array(PLACES_MAX, sizeof(*t->places));
	p = (struct parser){ .text = t,
		.pos = t->bytes,
		.end = t->bytes + strlen(t->bytes),
		.line = 1,
		.section = sections };
	while (err == H_OK && statement(&p))
		;
	if (err == H_OK && t->bad)
		err = H_INVALID;
	if (err == H_OK)
		*out = t;
	else
		conf_text_close(&t);
	return err;
}

void
conf_text_close(struct conf_text **tp)
{
	struct conf_text *t = *tp;

	if (t == NULL)
		return;
	mem_free(&t->file);
	mem_free(&t->bytes);
	mem_free(&t->places);
	mem_free(tp);
}
