/* Names of files and folders in a Maildir: see maildir.h. */
#include "mailstore/maildir.h"

#include "common/decode.h"
#include "common/scan.h"
#include "common/utf7.h"

static const struct {
	char letter;
	uint8_t flag;
} letters[] = {
	/* In the order in which they are written: that of ASCII. */
	{ 'D', STORE_DRAFT },
	{ 'F', STORE_FLAGGED_FLAG },
	{ 'R', STORE_ANSWERED },
	{ 'S', STORE_SEEN },
	{ 'T', STORE_DELETED },
};

/* ---- files ---- */

static void
read_letter(struct maildir_file *f, char c)
{
	for (size_t i = 0; i < COUNT_OF(letters); i++)
		if (c == letters[i].letter)
			f->system |= letters[i].flag;
	if (c == 'P')
		f->passed = true;
	if (c >= 'a' && c <= 'z')
		f->letters |= 1U << (c - 'a');
}

/* Where ":2," stands; file systems without ":" have ";" or "!" (or "-": not
 * told from a name). */
static size_t
info_at(struct span name)
{
	for (size_t i = name.len; i-- > 0;)
		if ((name.ptr[i] == ':' || name.ptr[i] == ';' ||
			name.ptr[i] == '!') &&
		    name.len - i >= 3 && name.ptr[i + 1] == '2' &&
		    name.ptr[i + 2] == ',')
			return i;
	return name.len;
}

void
maildir_file(struct span name, struct maildir_file *f)
{
	size_t info = info_at(name);
	struct scan s = scan_over((struct span){ name.ptr, info });

	*f = (struct maildir_file){ 0 };
	for (size_t i = info + 3; i < name.len; i++)
		read_letter(f, name.ptr[i]);
	(void)scan_until(&s, ",", SIZE_MAX);
	while (scan_try(&s, ',')) {
		struct span field = scan_until(&s, ",", SIZE_MAX);

		if (span_is(field, "R"))
			f->raw = true;
		else if (field.len > 2 && memcmp(field.ptr, "K=", 2) == 0)
			f->keywords =
			    (struct span){ field.ptr + 2, field.len - 2 };
	}
}

bool
maildir_next_keyword(struct span *list, unsigned *number)
{
	struct scan s = scan_over(*list);

	*number = (unsigned)scan_number(&s, STORE_KEYWORDS_MAX - 1);
	if (s.bad)
		return false;
	(void)scan_try(&s, '.');
	*list = scan_rest(&s);
	return true;
}

void
maildir_put_keyword(struct buf *list, unsigned number)
{
	if (list->len > 0)
		buf_byte(list, '.');
	buf_number(list, number);
}

void
maildir_put_file(struct buf *out, struct span unique, uint64_t bytes,
    uint64_t crlf_bytes, const struct maildir_file *f)
{
	buf_add(out, unique);
	buf_text(out, ",S=");
	buf_number(out, bytes);
	buf_text(out, ",W=");
	buf_number(out, crlf_bytes);
	if (f->keywords.len > 0) {
		buf_text(out, ",K=");
		buf_add(out, f->keywords);
	}
	if (f->raw)
		buf_text(out, ",R");
	buf_text(out, ":2,");
	for (size_t i = 0; i < COUNT_OF(letters); i++) {
		/* "P" stands between F and R. */
		if (letters[i].letter == 'R' && f->passed)
			buf_byte(out, 'P');
		if (f->system & letters[i].flag)
			buf_byte(out, letters[i].letter);
	}
	for (unsigned n = 0; n < MAILDIR_LETTERS; n++)
		if (f->letters & 1U << n)
			buf_byte(out, (char)('a' + n));
}

/* ---- folders ---- */

/* How many bytes at the front are a character that no mailbox's name holds. */
static size_t
not_in_name(struct span s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	unsigned char second = s.len > 1 ? (unsigned char)s.ptr[1] : 0;

	if (c < 0x20 || c == 0x7f || c == '*' || c == '%' || c == '/')
		return 1;
	if (c == 0xc2 && second >= 0x80 && second <= 0x9f)
		return 2; /* C1 */
	if (s.len >= 3 && memcmp(s.ptr, "\xe2\x80", 2) == 0 &&
	    (s.ptr[2] == '\xa8' || s.ptr[2] == '\xa9'))
		return 3; /* U+2028, U+2029 */
	return 0;
}

static void
put_clean(struct buf *out, struct span s)
{
	while (s.len > 0) {
		size_t bad = not_in_name(s), len = bad > 0 ? bad : 1;

		buf_byte(out, bad > 0 ? '_' : s.ptr[0]);
		s.ptr += len;
		s.len -= len;
	}
}

/* "&AC4-" is a full stop that is none between levels; our own form. */
static void
put_dots(struct buf *out, struct span s)
{
	static const struct span dot = { "&AC4-", 5 };

	while (s.len > 0) {
		bool here =
		    s.len >= dot.len && memcmp(s.ptr, dot.ptr, dot.len) == 0;
		size_t len = here ? dot.len : 1;

		buf_byte(out, here ? '.' : s.ptr[0]);
		s.ptr += len;
		s.len -= len;
	}
}

void
maildir_level(struct buf *utf8, struct span name)
{
	struct buf dotted = BUF_INIT(name.len), text = BUF_INIT(4 * name.len);

	put_dots(&dotted, name);
	if (!utf7_decode(&text, buf_span(&dotted))) {
		buf_clear(&text);
		/* UTF-8 if it can be, else windows-1252. */
		decode_charset(&text, SPAN("US-ASCII"), name);
	}
	/* As IMAP clients will say it: a Macintosh writes letters and marks
	 * apart. */
	buf_clear(&dotted);
	dotted.limit = 4 * text.len;
	if (!decode_normalize(&dotted, buf_span(&text)) || dotted.bad)
		buf_clear(&dotted);
	put_clean(utf8, buf_span(dotted.len > 0 ? &dotted : &text));
	buf_free(&dotted);
	buf_free(&text);
}

/* Levels between separators; empty ones mean nothing. */
static void
put_levels(struct buf *utf8, struct span name, const char *separator)
{
	struct scan s = scan_over(name);
	size_t start = utf8->len;

	while (scan_more(&s)) {
		struct span level = scan_until(&s, separator, SIZE_MAX);

		if (level.len > 0) {
			if (utf8->len > start)
				buf_byte(utf8, '/');
			maildir_level(utf8, level);
		}
		(void)scan_try(&s, separator[0]);
	}
}

void
maildir_folder(struct buf *utf8, struct span name)
{
	put_levels(utf8, name, ".");
}

void
maildir_put_folder(struct buf *name, struct span utf8)
{
	struct buf text = BUF_INIT(8 * utf8.len + 8);

	utf7_encode(&text, utf8);
	buf_byte(name, '.');
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '.')
			buf_text(name, "&AC4-");
		else
			buf_byte(name, text.ptr[i] == '/' ? '.' : text.ptr[i]);
	buf_free(&text);
}

void
maildir_subscription(struct buf *utf8, struct span line)
{
	/* Courier: "INBOX.Sent"; Dovecot, since 2.3: tabs between levels. */
	if (line.len > 6 && memcmp(line.ptr, "INBOX.", 6) == 0) {
		line.ptr += 6;
		line.len -= 6;
	}
	if (line.len > 0)
		put_levels(
		    utf8, line, memchr(line.ptr, '\t', line.len) ? "\t" : ".");
}
