/* ENVELOPE and BODYSTRUCTURE of any message, and of any record that passes its
 * check: always an answer that can be read. */
#include "common/mime.h"
#include "common/record.h"
#include "common/scan.h"
#include "imapd/imap_structure.h"
#include "tests/fuzz/fuzz.h"

/* Outside of literals: balanced parentheses, no line ends, no 8-bit bytes. */
static void
check_answer(struct span s)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (!quoted && c == '{') {
			size_t len = 0;

			for (i++; i < s.len && s.ptr[i] != '}'; i++)
				len = len * 10 + (size_t)(s.ptr[i] - '0');
			assert(i + 2 < s.len + 1 && s.ptr[i + 1] == '\r' &&
			       s.ptr[i + 2] == '\n');
			assert(len <= s.len - i - 3);
			i += 2 + len;
			continue;
		}
		assert(c != '\r' && c != '\n' && c != '\0' && c < 0x80);
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '(')
			depth++;
		else if (!quoted && c == ')')
			assert(depth-- > 0);
	}
	assert(depth == 0 && !quoted);
}

static void
write_structure(struct span record, uint64_t size)
{
	struct buf answer = BUF_INIT(16 * 1024 * 1024);

	imap_put_envelope(&answer, record);
	buf_byte(&answer, ' ');
	imap_put_structure(&answer, record, size, false);
	buf_byte(&answer, ' ');
	imap_put_structure(&answer, record, size,
	    IMAP_STRUCTURE_EXTENDED | IMAP_STRUCTURE_DECODED);
	assert(!answer.bad);
	check_answer(buf_span(&answer));
	buf_free(&answer);
}

static void
write_structure_of(struct span message)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct mime *m = mime_new();

	mime_feed(m, message);
	mime_end(m, &record);
	write_structure(buf_span(&record), message.len);
	mime_free(&m);
	buf_free(&record);
}

/* The first byte says whether this is a message or a record. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	struct record r;

	if (fuzz_take_byte(&input) % 2 == 0)
		write_structure_of(input);
	else if (record_open(input, &r) && record_check(input, r.size))
		write_structure(input, r.size);
	return 0;
}
