/*
 * Charsets.  The names of one are many: they are compared by their letters and
 * digits alone, so that "ISO_8859-1", "iso8859-1" and "ISO-8859-1" are one.
 */
#include "common/decode.h"

#include "common/decode_table.h"

#include <errno.h>
#include <iconv.h>
#include <utf8proc.h>

enum {
	NAME_MAX_LEN = 32,
	REPLACEMENT = 0xFFFD,
};

/* ---- several bytes a character: iconv ---- */

/*
 * Each converter is a shared object that iconv_open() reads from disk, so they
 * are opened before a role locks itself in; but where the platform lacks one,
 * only mail in that charset is the poorer.  The superset is opened where what
 * calls itself the one is often the other.
 */
static struct converter {
	const char *names[6]; /* letters and digits, lower case */
	const char *iconv_name;
	iconv_t open; /* 0: not opened */
} converters[] = {
	/* clang-format off */
	{ { "iso2022jp", "iso2022jp1", "iso2022jp2", "csiso2022jp" }, "ISO-2022-JP-2", NULL },
	{ { "shiftjis", "sjis", "xsjis", "cp932", "windows31j", "mskanji" }, "CP932", NULL },
	{ { "eucjp", "xeucjp" },			"EUC-JP-MS",	NULL },
	{ { "gb18030", "gbk", "gb2312", "xgbk", "cp936", "euccn" }, "GB18030", NULL },
	{ { "hz", "hzgb2312" },				"HZ",		NULL },
	{ { "big5", "big5hkscs", "xxbig5", "cp950", "csbig5" }, "BIG5-HKSCS", NULL },
	{ { "euckr", "ksc56011987", "ksc5601", "ksc5601", "cp949", "uhc" }, "UHC", NULL },
	{ { "iso2022kr" },				"ISO-2022-KR",	NULL },
	{ { "utf16be" },				"UTF-16BE",	NULL },
	{ { "utf16le" },				"UTF-16LE",	NULL },
	{ { "utf7", "unicode11utf7" },			"UTF-7",	NULL },
	/* clang-format on */
};

void
decode_open_charsets(void)
{
	for (size_t i = 0; i < COUNT_OF(converters); i++) {
		iconv_t cd;

		if (converters[i].open != NULL)
			continue;
		cd = iconv_open("UTF-8", converters[i].iconv_name);
		if (cd != (iconv_t)-1)
			converters[i].open = cd;
	}
}

static void
put_character(struct buf *out, uint32_t c)
{
	unsigned char utf8[4];
	utf8proc_ssize_t len = utf8proc_encode_char((utf8proc_int32_t)c, utf8);

	buf_add(out, (struct span){ (const char *)utf8, (size_t)len });
}

static void
convert(struct buf *out, iconv_t cd, struct span text)
{
	/* iconv() has no const in its prototype, but does not write there. */
	union {
		const char *read;
		char *written;
	} in = { .read = text.ptr };
	size_t left = text.len;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	while (left > 0) {
		char room[1024], *to = room;
		size_t space = sizeof(room), before = left;
		size_t result = iconv(cd, &in.written, &left, &to, &space);

		buf_add(out, (struct span){ room, (size_t)(to - room) });
		if (result == (size_t)-1 &&
		    (errno != E2BIG || left == before)) {
			/* Not a character, or half of one: the next byte may
			 * begin one. */
			put_character(out, REPLACEMENT);
			in.read++;
			left--;
		}
	}
}

/* ---- one byte, or UTF-8 ---- */

static size_t
ascii_run(struct span text)
{
	size_t i = 0;

	for (uint64_t word; i + sizeof(word) <= text.len; i += sizeof(word)) {
		memcpy(&word, text.ptr + i, sizeof(word));
		if ((word & 0x8080808080808080U) != 0)
			break;
	}
	while (i < text.len && (unsigned char)text.ptr[i] < 0x80)
		i++;
	return i;
}

/* The length of the character at the beginning of `text`; 0: none. */
static size_t
utf8_character(struct span text)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t len = utf8proc_iterate((const unsigned char *)text.ptr,
	    (utf8proc_ssize_t)(text.len < 4 ? text.len : 4), &c);

	return len > 0 ? (size_t)len : 0;
}

static bool
is_utf8(struct span text)
{
	while (text.len > 0) {
		size_t len = ascii_run(text);

		if (len == 0)
			len = utf8_character(text);
		if (len == 0)
			return false;
		text.ptr += len;
		text.len -= len;
	}
	return true;
}

/* `table` NULL: what is not ASCII means nothing. */
static void
by_table(struct buf *out, const struct decode_table *table, struct span text)
{
	while (text.len > 0) {
		size_t len = ascii_run(text);

		buf_add(out, (struct span){ text.ptr, len });
		if (len < text.len) {
			unsigned char c = (unsigned char)text.ptr[len++];

			put_character(out, table != NULL
					       ? table->upper[c - 0x80]
					       : REPLACEMENT);
		}
		text.ptr += len;
		text.len -= len;
	}
}

static void
by_utf8(struct buf *out, struct span text)
{
	while (text.len > 0) {
		size_t len = ascii_run(text);

		if (len == 0)
			len = utf8_character(text);
		if (len > 0) {
			buf_add(out, (struct span){ text.ptr, len });
		} else {
			put_character(out, REPLACEMENT);
			len = 1;
		}
		text.ptr += len;
		text.len -= len;
	}
}

/* ---- names ---- */

/* Letters and digits in lower case; an empty name if there are too many. */
static void
plain_name(char name[NAME_MAX_LEN], struct span charset)
{
	size_t len = 0;

	for (size_t i = 0; i < charset.len && len < NAME_MAX_LEN - 1; i++) {
		char c = charset.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			name[len++] = c;
	}
	name[len < NAME_MAX_LEN - 1 ? len : 0] = '\0';
}

static bool
one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n && names[i] != NULL; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static const struct decode_table *
table_named(const char *name)
{
	for (size_t i = 0; i < decode_tables_count; i++) {
		if (one_of(name, decode_tables[i].names,
			COUNT_OF(decode_tables[i].names)))
			return &decode_tables[i];
	}
	return NULL;
}

static iconv_t
converter_named(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(converters); i++) {
		if (one_of(name, converters[i].names,
			COUNT_OF(converters[i].names)))
			return converters[i].open;
	}
	return NULL;
}

/* What calls itself ASCII. */
static void
by_guess(struct buf *out, struct span text)
{
	if (is_utf8(text))
		buf_add(out, text);
	else
		by_table(out, table_named("cp1252"), text);
}

bool
decode_is_wide(struct span charset)
{
	char name[NAME_MAX_LEN];

	plain_name(name, charset);
	return strncmp(name, "utf16", 5) == 0;
}

/* A mark at the beginning says which byte comes first; without one it is the
 * larger (RFC 2781, 4.3). */
static const char *
utf16_by_mark(struct span *text)
{
	bool large = text->len >= 2 && memcmp(text->ptr, "\xfe\xff", 2) == 0;
	bool small = text->len >= 2 && memcmp(text->ptr, "\xff\xfe", 2) == 0;

	if (large || small) {
		text->ptr += 2;
		text->len -= 2;
	}
	return small ? "utf16le" : "utf16be";
}

void
decode_charset(struct buf *out, struct span charset, struct span text)
{
	static const char *const utf8[] = { "utf8", "unicode11utf8", "xutf8",
		"cp65001", "cesu8" };
	static const char *const ascii[] = { "", "usascii", "ascii",
		"ansix341968", "iso646us", "646", "default" };
	const struct decode_table *table;
	char name[NAME_MAX_LEN];
	iconv_t cd;

	plain_name(name, charset);
	if (one_of(name, utf8, COUNT_OF(utf8)))
		by_utf8(out, text);
	else if (one_of(name, ascii, COUNT_OF(ascii)))
		by_guess(out, text);
	else if ((table = table_named(name)) != NULL)
		by_table(out, table, text);
	else if ((cd = converter_named(strcmp(name, "utf16") == 0
					   ? utf16_by_mark(&text)
					   : name)) != NULL)
		convert(out, cd, text);
	else if (is_utf8(text))
		buf_add(out, text);
	else
		by_table(out, NULL, text);
}
