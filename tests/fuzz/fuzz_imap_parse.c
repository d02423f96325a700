/* The words of IMAP commands: what is read comes from the text, in its order;
 * names have one spelling; sets are sorted. */
#include "common/scan.h"
#include "common/utf7.h"
#include "imapd/imap_fetch.h"
#include "imapd/imap_name.h"
#include "imapd/imap_parse.h"
#include "imapd/imap_pattern.h"
#include "imapd/imap_set.h"
#include "tests/fuzz/fuzz.h"

static void
read_words(struct span input, uint8_t how)
{
	struct buf text = fuzz_copy(input);
	struct imap_args a = imap_args_over(&text);

	while (scan_more(&a.scan)) {
		size_t before = imap_args_pos(&a);
		struct span got;

		switch (how++ % 5) {
		case 0: got = imap_tag(&a); break;
		case 1: got = imap_atom(&a); break;
		case 2: got = imap_astring(&a); break;
		case 3: got = imap_nstring(&a); break;
		default: got = imap_list_mailbox(&a); break;
		}
		if (a.scan.bad)
			break;
		assert(got.ptr == NULL || got.len == 0 ||
		       (got.ptr >= text.ptr + before &&
			   got.ptr + got.len <= text.ptr + imap_args_pos(&a)));
		imap_sp(&a);
	}
	buf_free(&text);
}

static void
read_name(struct span input)
{
	struct buf name = BUF_INIT(8 * input.len + 8), again = name;

	if (utf7_decode(&name, input)) {
		utf7_encode(&again, buf_span(&name));
		assert(span_same(buf_span(&again), input));
		assert(imap_pattern_match(buf_span(&name), buf_span(&name)) ||
		       name.len > 1024);
		buf_free(&again);
	}
	buf_free(&name);
}

static bool
has_control(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			return true;
	return false;
}

/* Said to a client and said by it, a name is the same.  (The store has no names
 * with control characters in them.) */
static void
read_wire_name(struct span input, bool utf8)
{
	struct buf name = BUF_INIT(4096), wire = BUF_INIT(65536), again = name;
	struct imap_args a;

	if (imap_name_decode(&name, input, utf8) && name.len > 0 &&
	    !has_control(buf_span(&name))) {
		imap_name_put(&wire, buf_span(&name), utf8);
		a = imap_args_over(&wire);
		a.utf8 = utf8;
		a.strict = true;
		if (name.ptr[name.len - 1] != '/') {
			assert(imap_name_get(&a, &again) && imap_end(&a));
			assert(span_same(buf_span(&name), buf_span(&again)));
		}
	}
	buf_free(&name);
	buf_free(&wire);
	buf_free(&again);
}

static void
read_set(struct span input)
{
	struct scan s = scan_over(input);
	struct imap_set set = { 0 }, same = { 0 };
	struct buf b = BUF_INIT(32 * input.len + 32);

	imap_set_parse(&s, 100, UINT32_MAX, &set);
	for (size_t i = 1; i < set.len; i++)
		assert(set.range[i - 1].last + 1 < set.range[i].first);
	imap_set_put(&b, &set);
	if (set.len > 0) {
		s = scan_over(buf_span(&b));
		imap_set_parse(&s, 0, UINT32_MAX, &same);
		assert(scan_done(&s) && same.len == set.len);
	}
	imap_set_free(&set);
	imap_set_free(&same);
	buf_free(&b);
}

static void
read_fetch(struct span input)
{
	struct buf text = fuzz_copy(input);
	struct imap_args a = imap_args_over(&text);
	struct imap_fetch f = { 0 };

	(void)imap_fetch_parse(&a, input.len % 2 != 0, &f);
	for (size_t i = 0; i < f.len; i++)
		assert(f.item[i].label + f.item[i].label_len <= f.labels.len);
	imap_fetch_free(&f);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);

	read_words(input, how);
	read_name(input);
	read_wire_name(input, how & 1);
	read_set(input);
	read_fetch(input);
	return 0;
}
