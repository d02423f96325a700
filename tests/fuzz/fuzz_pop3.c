/* Commands of POP3, and messages as they go out: pieces make no difference, and
 * a client that takes the dots off has the lines of the message. */
#include "common/scan.h"
#include "pop3d/pop3_dot.h"
#include "pop3d/pop3_reply.h"
#include "tests/fuzz/fuzz.h"

static void
read_line(struct span text)
{
	struct pop3_line line = pop3_line(text);
	uint32_t number[2];
	unsigned count = 0;

	assert(line.word.len + line.rest.len <= text.len);
	assert(line.has_rest || line.rest.len == 0);
	if (pop3_numbers(line.rest, number, COUNT_OF(number), &count))
		assert(count <= COUNT_OF(number));
}

struct sending {
	struct pop3_dot dot;
	struct buf out;
	bool enough;
};

static void
feed(void *arg, struct span piece)
{
	struct sending *s = arg;

	if (!s->enough)
		s->enough = !pop3_dot_feed(&s->dot, piece, &s->out);
}

static struct buf
sent(struct span message, uint8_t how, bool top, uint32_t lines)
{
	struct sending s = { .out = BUF_INIT(3 * message.len + 64) };

	if (top)
		pop3_dot_begin_top(&s.dot, lines);
	else
		pop3_dot_begin(&s.dot);
	fuzz_pieces(message, how, feed, &s);
	pop3_dot_end(&s.dot, &s.out);
	assert(!s.out.bad);
	return s.out;
}

/* The end of a line as it stands in the message, or the message's own. */
static size_t
line_end(struct span message, size_t at, size_t *next)
{
	const char *lf = memchr(message.ptr + at, '\n', message.len - at);
	size_t end = lf != NULL ? (size_t)(lf - message.ptr) : message.len;

	*next = lf != NULL ? end + 1 : end;
	if (end > at && message.ptr[end - 1] == '\r')
		end--;
	return end;
}

/* Line by line, as a client reads them. */
static void
check_lines(struct span message, struct span out, bool whole)
{
	size_t at = 0;

	for (;;) {
		const char *end = memmem(out.ptr, out.len, "\r\n", 2);
		struct span got;
		size_t next, stop;

		assert(end != NULL);
		got = (struct span){ out.ptr, (size_t)(end - out.ptr) };
		out.len -= got.len + 2;
		out.ptr += got.len + 2;
		if (span_is(got, "."))
			break;
		assert(at < message.len);
		if (got.len > 0 && got.ptr[0] == '.') {
			got.ptr++;
			got.len--;
		}
		stop = line_end(message, at, &next);
		assert(got.len == stop - at);
		for (size_t i = 0; i < got.len; i++)
			assert(got.ptr[i] == message.ptr[at + i] ||
			       (message.ptr[at + i] == '\0' &&
				   got.ptr[i] == (char)0x80));
		at = next;
	}
	assert(out.len == 0);
	assert(!whole || at == message.len);
}

/* A bare CR in the midst of a line, or behind its last one, reads as it reads;
 * what is checked line by line has none. */
static bool
has_bare_cr(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\r' &&
		    (i + 1 == s.len || s.ptr[i + 1] != '\n'))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);

	read_line(input);
	for (int top = 0; top < 2; top++) {
		struct buf whole = sent(input, 0, top != 0, how % 5);
		struct buf pieces = sent(input, how, top != 0, how % 5);

		assert(span_same(buf_span(&whole), buf_span(&pieces)));
		if (!has_bare_cr(input))
			check_lines(input, buf_span(&whole), top == 0);
		buf_free(&whole);
		buf_free(&pieces);
	}
	return 0;
}
