/* Growing bytes.  All growth happens in grow(), which is where the limit is
 * kept. */
#include "common/buf.h"

#include "common/mem.h"

#include <stdarg.h>

enum { FIRST_ROOM = 64 };

/* Makes room for `len` more, at least doubling, never beyond the limit. */
static bool
grow(struct buf *b, size_t len)
{
	size_t room;

	if (b->bad || len > b->limit - b->len) {
		b->bad = true;
		return false;
	}
	room = b->room < FIRST_ROOM / 2 ? FIRST_ROOM / 2 : b->room;
	if (__builtin_mul_overflow(room, 2, &room) || room > b->limit)
		room = b->limit;
	if (room - b->len < len)
		room = b->len + len;
	b->ptr = mem_resize(b->ptr, room, 1);
	b->room = room;
	return true;
}

/* Whether `len` more fit; the first comparison is the whole cost almost always.
 */
static inline bool
fits(struct buf *b, size_t len)
{
	if (!b->bad && b->ptr != NULL && len <= b->room - b->len)
		return true;
	return grow(b, len);
}

void
buf_free(struct buf *b)
{
	mem_release(b->ptr);
	*b = BUF_INIT(b->limit);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->bad = false;
}

void
buf_add(struct buf *b, struct span s)
{
	if (s.len == 0 || !fits(b, s.len))
		return;
	memcpy(b->ptr + b->len, s.ptr, s.len);
	b->len += s.len;
}

void
buf_byte(struct buf *b, char c)
{
	if (fits(b, 1))
		b->ptr[b->len++] = c;
}

void
buf_text(struct buf *b, const char *text)
{
	buf_add(b, span_of(text));
}

void
buf_number(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_add(b, (struct span){ digits + at, sizeof(digits) - at });
}

void
buf_format(struct buf *b, const char *format, ...)
{
	char small[256];
	va_list args;
	char *room;
	int len;

	va_start(args, format);
	len = vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	if (len < 0)
		PANIC("a format that cannot be printed");
	if ((size_t)len < sizeof(small)) {
		buf_add(b, (struct span){ small, (size_t)len });
		return;
	}
	/* vsnprintf writes a NUL behind the text, for which the limit has no
	 * place. */
	room = mem_array(1, (size_t)len + 1);
	va_start(args, format);
	if (vsnprintf(room, (size_t)len + 1, format, args) != len)
		PANIC("a format that changed its length");
	va_end(args);
	buf_add(b, (struct span){ room, (size_t)len });
	mem_free(&room);
}

char *
buf_want(struct buf *b, size_t len)
{
	return fits(b, len) ? b->ptr + b->len : NULL;
}

void
buf_grew(struct buf *b, size_t len)
{
	assert(len <= b->room - b->len);
	b->len += len;
}

void
buf_drop(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len == 0)
		return;
	b->len -= len;
	if (b->len > 0)
		memmove(b->ptr, b->ptr + len, b->len);
}
