/*
 * Encoded words (RFC 2047), as mail has them: in quotes, inside words, with
 * blanks in them, a character cut in two by the next word.
 */
#include "common/decode.h"

#include "common/scan.h"

enum { CHARSET_MAX = 64 };

struct words {
	struct buf *out;
	/* Encoded words that follow one another in one charset are one text. */
	char charset[CHARSET_MAX];
	size_t charset_len;
	struct buf text;
};

static void
flush(struct words *w)
{
	if (w->text.len > 0)
		decode_charset(w->out,
		    (struct span){ w->charset, w->charset_len },
		    buf_span(&w->text));
	buf_clear(&w->text);
}

/* RFC 2047, 4.2: as quoted-printable, but for `_`, and blanks that stay. */
static void
add_q(struct buf *text, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		int high = i + 2 < s.len ? decode_hex(s.ptr[i + 1]) : -1;
		int low = i + 2 < s.len ? decode_hex(s.ptr[i + 2]) : -1;

		if (s.ptr[i] == '=' && high >= 0 && low >= 0) {
			buf_byte(text, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_byte(text, s.ptr[i] == '_' ? ' ' : s.ptr[i]);
		}
	}
}

static void
add_b(struct buf *text, struct span s)
{
	struct decode d;

	decode_begin(&d, DECODE_BASE64);
	decode_feed(&d, s, text);
	decode_end(&d, text);
}

/* Where the two characters `pair` stand next, or NULL. */
static const char *
find_pair(struct span s, const char *pair)
{
	while (s.len > 1) {
		const char *at = memchr(s.ptr, pair[0], s.len - 1);

		if (at == NULL || at[1] == pair[1])
			return at;
		s.len -= (size_t)(at + 1 - s.ptr);
		s.ptr = at + 1;
	}
	return NULL;
}

struct word {
	struct span charset, text;
	char encoding;
	size_t len; /* of all of it */
};

/* `s` begins with "=?".  `open`: no word that ends is left in the value. */
static bool
read_word(struct span s, struct word *word, bool *open)
{
	struct scan c = scan_over(s);
	const char *end;
	struct scan charset;

	(void)scan_take(&c, 2);
	charset = scan_over(scan_until(&c, "? \t", CHARSET_MAX));
	scan_need(&c, '?');
	/* RFC 2231, 5: charset*language. */
	word->charset = scan_until(&charset, "*", CHARSET_MAX);
	word->encoding = (char)(scan_peek(&c) | ('a' - 'A'));
	(void)scan_take(&c, 1);
	scan_need(&c, '?');
	if (c.bad || (word->encoding != 'q' && word->encoding != 'b') ||
	    word->charset.len == 0)
		return false;
	word->text = scan_rest(&c);
	end = find_pair(word->text, "?=");
	*open = end == NULL;
	if (end == NULL)
		return false;
	word->text.len = (size_t)(end - word->text.ptr);
	word->len = (size_t)(end + 2 - s.ptr);
	return true;
}

static void
add_word(struct words *w, const struct word *word)
{
	if (!span_same_nocase(
		word->charset, (struct span){ w->charset, w->charset_len })) {
		flush(w);
		memcpy(w->charset, word->charset.ptr, word->charset.len);
		w->charset_len = word->charset.len;
	}
	if (word->encoding == 'q')
		add_q(&w->text, word->text);
	else
		add_b(&w->text, word->text);
}

void
decode_words(struct buf *out, struct span value)
{
	struct words w = { .out = out, .text = BUF_INIT(value.len) };
	bool after_word = false, open = false;
	struct word word;

	while (value.len > 0) {
		const char *start = open ? NULL : find_pair(value, "=?");
		struct span before = { value.ptr,
			start != NULL ? (size_t)(start - value.ptr)
				      : value.len };
		struct span rest = { value.ptr + before.len,
			value.len - before.len };
		bool is_word = start != NULL && read_word(rest, &word, &open);

		/* Blanks between two words are only there to part them (RFC
		 * 2047, 6.2). */
		if (!is_word || !after_word || span_trim(before).len > 0) {
			if (!is_word && start != NULL)
				before.len += 2;
			flush(&w);
			decode_charset(out, SPAN("us-ascii"), before);
		}
		if (is_word)
			add_word(&w, &word);
		after_word = is_word;
		rest.len = is_word ? before.len + word.len : before.len;
		value.ptr += rest.len;
		value.len -= rest.len;
	}
	flush(&w);
	buf_free(&w.text);
}
