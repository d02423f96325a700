/*
 * Text as it is compared in searches: case folded and decomposed (RFC 5051,
 * with Unicode's full case folding), so that equal texts have equal bytes.
 */
#include "common/decode.h"

#include <utf8proc.h>

enum {
	MARKS_MAX = 32, /* on one letter are sorted; more stay as they are */
	EXPANSION_MAX = 32, /* characters that one becomes; Unicode knows 18 */
	REPLACEMENT = 0xFFFD,
};

/* Marks behind a letter, waiting to be sorted by their class. */
struct marks {
	utf8proc_int32_t mark[MARKS_MAX];
	utf8proc_propval_t class[MARKS_MAX];
	unsigned n;
};

static void
put_character(struct buf *out, utf8proc_int32_t c)
{
	unsigned char utf8[4];
	utf8proc_ssize_t len = utf8proc_encode_char(c, utf8);

	buf_add(out, (struct span){ (const char *)utf8, (size_t)len });
}

static void
put_marks(struct buf *out, struct marks *m)
{
	for (unsigned i = 0; i < m->n; i++)
		put_character(out, m->mark[i]);
	m->n = 0;
}

/* Canonical order (Unicode, 3.11): by class, and those of one class as they
 * came. */
static void
add_mark(struct buf *out, struct marks *m, utf8proc_int32_t mark,
    utf8proc_propval_t class)
{
	unsigned i;

	if (m->n == MARKS_MAX)
		put_marks(out, m);
	for (i = m->n; i > 0 && m->class[i - 1] > class; i--) {
		m->mark[i] = m->mark[i - 1];
		m->class[i] = m->class[i - 1];
	}
	m->mark[i] = mark;
	m->class[i] = class;
	m->n++;
}

static void
fold_character(struct buf *out, struct marks *m, utf8proc_int32_t c)
{
	utf8proc_int32_t parts[EXPANSION_MAX];
	int boundary = 0;
	utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, EXPANSION_MAX,
	    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD,
	    &boundary);

	if (n < 0 || n > EXPANSION_MAX) {
		parts[0] = c;
		n = 1;
	}
	for (utf8proc_ssize_t i = 0; i < n; i++) {
		utf8proc_propval_t class =
		    utf8proc_get_property(parts[i])->combining_class;

		if (class != 0) {
			add_mark(out, m, parts[i], class);
			continue;
		}
		put_marks(out, m);
		put_character(out, parts[i]);
	}
}

/* Folds the ASCII that `text` begins with; how much that was. */
static size_t
fold_ascii(struct buf *out, struct span text)
{
	size_t len = 0;
	char *to;

	while (len < text.len && (unsigned char)text.ptr[len] < 0x80)
		len++;
	if (len == 0 || (to = buf_want(out, len)) == NULL)
		return len;
	for (size_t i = 0; i < len; i++) {
		char c = text.ptr[i];

		to[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	buf_grew(out, len);
	return len;
}

void
decode_fold(struct buf *out, struct span text)
{
	struct marks marks = { .n = 0 };

	while (text.len > 0) {
		utf8proc_int32_t c;
		utf8proc_ssize_t len;

		if ((unsigned char)text.ptr[0] < 0x80) {
			put_marks(out, &marks);
			len = (utf8proc_ssize_t)fold_ascii(out, text);
		} else {
			len = utf8proc_iterate((const unsigned char *)text.ptr,
			    (utf8proc_ssize_t)(text.len < 4 ? text.len : 4),
			    &c);
			if (len < 0) {
				c = REPLACEMENT;
				len = 1;
			}
			fold_character(out, &marks, c);
		}
		text.ptr += len;
		text.len -= (size_t)len;
	}
	put_marks(out, &marks);
}

bool
decode_normalize(struct buf *out, struct span text)
{
	utf8proc_uint8_t *composed = NULL;
	utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)text.ptr,
	    (utf8proc_ssize_t)text.len, &composed,
	    UTF8PROC_STABLE | UTF8PROC_COMPOSE);

	if (len == UTF8PROC_ERROR_NOMEM)
		PANIC("out of memory");
	if (len < 0)
		return false;
	buf_add(out, (struct span){ (const char *)composed, (size_t)len });
	free(composed);
	return true;
}
