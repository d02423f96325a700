/* Numbers as bytes, and messages of them. */
#include "common/wire.h"

uint16_t
le16(const void *at)
{
	const unsigned char *p = at;

	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
le32(const void *at)
{
	const unsigned char *p = at;

	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

uint64_t
le64(const void *at)
{
	const unsigned char *p = at;

	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

void
put_le16(void *at, uint16_t n)
{
	unsigned char *p = at;

	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
}

void
put_le32(void *at, uint32_t n)
{
	unsigned char *p = at;

	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
	p[2] = (unsigned char)(n >> 16);
	p[3] = (unsigned char)(n >> 24);
}

void
put_le64(void *at, uint64_t n)
{
	unsigned char *p = at;

	put_le32(p, (uint32_t)n);
	put_le32(p + 4, (uint32_t)(n >> 32));
}

uint32_t
be32(const void *at)
{
	const unsigned char *p = at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint64_t
be64(const void *at)
{
	const unsigned char *p = at;

	return (uint64_t)be32(p) << 32 | (uint64_t)be32(p + 4);
}

void
put_be32(void *at, uint32_t n)
{
	unsigned char *p = at;

	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

void
put_be64(void *at, uint64_t n)
{
	unsigned char *p = at;

	put_be32(p, (uint32_t)(n >> 32));
	put_be32(p + 4, (uint32_t)n);
}

void
wire_put_u8(struct buf *b, uint8_t n)
{
	buf_byte(b, (char)n);
}

void
wire_put_u16(struct buf *b, uint16_t n)
{
	char *at = buf_want(b, sizeof(n));

	if (at != NULL) {
		put_le16(at, n);
		buf_grew(b, sizeof(n));
	}
}

void
wire_put_u32(struct buf *b, uint32_t n)
{
	char *at = buf_want(b, sizeof(n));

	if (at != NULL) {
		put_le32(at, n);
		buf_grew(b, sizeof(n));
	}
}

void
wire_put_u64(struct buf *b, uint64_t n)
{
	char *at = buf_want(b, sizeof(n));

	if (at != NULL) {
		put_le64(at, n);
		buf_grew(b, sizeof(n));
	}
}

/* A run that does not fit leaves no length behind either. */
void
wire_put_bytes(struct buf *b, struct span s)
{
	if (s.len > UINT32_MAX - sizeof(uint32_t)) {
		b->bad = true;
		return;
	}
	if (buf_want(b, sizeof(uint32_t) + s.len) == NULL)
		return;
	wire_put_u32(b, (uint32_t)s.len);
	buf_add(b, s);
}

struct wire
wire_over(struct span s)
{
	static const unsigned char none[1];
	const unsigned char *start =
	    s.len == 0 ? none : (const unsigned char *)s.ptr;

	return (struct wire){ start, start + s.len, false };
}

/* The next `len` bytes, or NULL and bad. */
static const unsigned char *
next(struct wire *w, size_t len)
{
	const unsigned char *at = w->pos;

	if (w->bad || len > (size_t)(w->end - at)) {
		w->bad = true;
		return NULL;
	}
	w->pos += len;
	return at;
}

uint8_t
wire_u8(struct wire *w)
{
	const unsigned char *at = next(w, sizeof(uint8_t));

	return at == NULL ? 0 : *at;
}

uint16_t
wire_u16(struct wire *w)
{
	const unsigned char *at = next(w, sizeof(uint16_t));

	return at == NULL ? 0 : le16(at);
}

uint32_t
wire_u32(struct wire *w)
{
	const unsigned char *at = next(w, sizeof(uint32_t));

	return at == NULL ? 0 : le32(at);
}

uint64_t
wire_u64(struct wire *w)
{
	const unsigned char *at = next(w, sizeof(uint64_t));

	return at == NULL ? 0 : le64(at);
}

struct span
wire_bytes(struct wire *w, size_t max)
{
	size_t len = wire_u32(w);
	const unsigned char *at;

	if (len > max)
		w->bad = true;
	at = next(w, len);
	return at == NULL ? NO_SPAN : (struct span){ (const char *)at, len };
}

bool
wire_end(const struct wire *w)
{
	return !w->bad && w->pos == w->end;
}
