/* From bytes to commands. */
#include "imapd/imap_input.h"

#include "common/scan.h"

void
imap_input_reset(struct imap_input *in, const struct imap_limits *limits)
{
	buf_free(&in->text);
	*in = (struct imap_input){ .text = BUF_INIT(limits->total) };
}

/* Keeps the last bytes of a line that is thrown away: they say whether a
 * literal follows. */
static void
keep_tail(struct imap_input *in, struct span piece)
{
	if (piece.len >= sizeof(in->tail)) {
		memcpy(in->tail, piece.ptr + piece.len - sizeof(in->tail),
		    sizeof(in->tail));
		in->ntail = sizeof(in->tail);
		return;
	}
	if (in->ntail + piece.len > sizeof(in->tail)) {
		size_t drop = in->ntail + piece.len - sizeof(in->tail);

		memmove(in->tail, in->tail + drop, in->ntail - drop);
		in->ntail = (unsigned char)(in->ntail - drop);
	}
	if (piece.len > 0)
		memcpy(in->tail + in->ntail, piece.ptr, piece.len);
	in->ntail = (unsigned char)(in->ntail + piece.len);
}

static void
add_to_line(
    struct imap_input *in, struct span piece, const struct imap_limits *limits)
{
	keep_tail(in, piece);
	if (!in->wasted &&
	    (in->text.len - in->line + piece.len > limits->line ||
		in->text.len + piece.len > limits->total))
		in->wasted = true;
	if (!in->wasted)
		buf_add(&in->text, piece);
}

static void
begin_line(struct imap_input *in)
{
	in->line = in->text.len;
	in->ntail = 0;
}

/*
 * "{" 1*DIGIT ["+"] "}" at the end of the line.  A number that does not fit
 * counts as the largest: nothing may follow that is taken for a command.
 */
static bool
announces(struct imap_input *in, size_t ntail)
{
	size_t at = ntail, digits;
	uint64_t n = 0;

	if (at == 0 || in->tail[--at] != '}')
		return false;
	in->sync = at == 0 || in->tail[at - 1] != '+';
	if (!in->sync)
		at--;
	for (digits = at; digits > 0 && in->tail[digits - 1] >= '0' &&
			  in->tail[digits - 1] <= '9';)
		digits--;
	if (digits == at)
		return false;
	if (digits > 0 && in->tail[digits - 1] != '{')
		return false;
	for (; digits < at; digits++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(
			n, (uint64_t)(in->tail[digits] - '0'), &n))
			n = UINT64_MAX;
	in->literal = n;
	return true;
}

/* A line has ended, with its line end in text and tail. */
static enum imap_got
end_line(struct imap_input *in, const struct imap_limits *limits)
{
	size_t end = 1;

	if (in->ntail >= 2 && in->tail[in->ntail - 2] == '\r')
		end = 2;
	else
		in->bare = true;
	if (!announces(in, in->ntail - end)) {
		if (!in->wasted)
			in->text.len -= end;
		return IMAP_GOT_COMMAND;
	}
	if (!in->sync && in->literal > limits->waste)
		return IMAP_GOT_FLOOD;
	if (!in->wasted)
		return IMAP_GOT_LITERAL;
	if (in->sync)
		return IMAP_GOT_COMMAND;
	in->in_literal = true;
	return IMAP_GOT_NOTHING;
}

static void
read_literal(struct imap_input *in, struct conn *c, struct span got)
{
	if (got.len > in->literal)
		got.len = (size_t)in->literal;
	if (!in->wasted)
		buf_add(&in->text, got);
	in->literal -= got.len;
	conn_consume(c, got.len);
	if (in->literal > 0)
		return;
	in->in_literal = false;
	begin_line(in);
}

enum imap_got
imap_input_read(
    struct imap_input *in, struct conn *c, const struct imap_limits *limits)
{
	for (;;) {
		struct span got = conn_input(c);
		const char *lf;
		enum imap_got what;

		if (in->in_literal && (got.len > 0 || in->literal == 0)) {
			read_literal(in, c, got);
			continue;
		}
		if (got.len == 0)
			return IMAP_GOT_NOTHING;
		lf = memchr(got.ptr, '\n', got.len);
		if (lf != NULL)
			got.len = (size_t)(lf - got.ptr) + 1;
		add_to_line(in, got, limits);
		conn_consume(c, got.len);
		if (lf == NULL)
			continue;
		what = end_line(in, limits);
		if (what != IMAP_GOT_NOTHING)
			return what;
	}
}

bool
imap_input_take(struct imap_input *in, const struct imap_limits *limits)
{
	if (in->literal > limits->literal ||
	    in->literal > limits->total - in->text.len)
		return false;
	in->in_literal = true;
	return true;
}

bool
imap_input_waste(struct imap_input *in)
{
	in->wasted = true;
	in->in_literal = !in->sync;
	return in->sync;
}

void
imap_input_resume(struct imap_input *in)
{
	in->in_literal = false;
	in->literal = 0;
	begin_line(in);
}
