/* Names in a Maildir, and its small files: what is made of them can be a
 * mailbox's name, and comes back the same; line ends too. */
#include "mailstore/crlf.h"
#include "mailstore/maildir.h"
#include "tests/fuzz/fuzz.h"

static void
read_file_name(struct span name)
{
	struct maildir_file f, again;
	struct buf copy = BUF_INIT(2 * name.len + 256);
	unsigned number, n = 0;

	maildir_file(name, &f);
	assert(f.keywords.len <= name.len);
	for (struct span list = f.keywords;
	     maildir_next_keyword(&list, &number); n++)
		assert(number < STORE_KEYWORDS_MAX);
	maildir_put_file(&copy, SPAN("1.x"), 1, 2, &f);
	maildir_file(buf_span(&copy), &again);
	assert(again.system == f.system && again.passed == f.passed &&
	       again.letters == f.letters);
	buf_free(&copy);
}

static void
read_folder_name(struct span name)
{
	struct buf utf8 = BUF_INIT(8 * name.len + 64),
		   folder = BUF_INIT(64 * name.len + 64),
		   again = BUF_INIT(64 * name.len + 64);

	maildir_folder(&utf8, name);
	assert(!utf8.bad);
	for (size_t i = 0; i < utf8.len; i++)
		assert((unsigned char)utf8.ptr[i] >= 0x20 &&
		       utf8.ptr[i] != '*' && utf8.ptr[i] != '%' &&
		       (utf8.ptr[i] != '/' || (i > 0 && i + 1 < utf8.len &&
						  utf8.ptr[i - 1] != '/')));
	maildir_put_folder(&folder, buf_span(&utf8));
	assert(!folder.bad && folder.ptr[0] == '.');
	assert(memchr(folder.ptr, '/', folder.len) == NULL);
	maildir_folder(&again, buf_span(&folder));
	assert(again.len == utf8.len);
	assert(utf8.len == 0 || memcmp(again.ptr, utf8.ptr, utf8.len) == 0);
	buf_clear(&again);
	maildir_subscription(&again, name);
	buf_free(&utf8);
	buf_free(&folder);
	buf_free(&again);
}

static void
read_said(struct span text)
{
	struct maildir_mailbox m, again;
	struct buf one = BUF_INIT(SIZE_MAX), two = BUF_INIT(SIZE_MAX);

	maildir_mailbox_init(&m);
	maildir_mailbox_init(&again);
	maildir_read_keywords(&m, text);
	maildir_read_mailbox(&m, text);
	maildir_put_keywords(&one, &m);
	maildir_put_mailbox(&two, &m);
	maildir_read_keywords(&again, buf_span(&one));
	maildir_read_mailbox(&again, buf_span(&two));
	assert(again.role == m.role && again.name.len == m.name.len);
	maildir_mailbox_free(&m);
	maildir_mailbox_free(&again);
	buf_free(&one);
	buf_free(&two);
}

struct ends {
	struct crlf_look look;
	struct crlf_out out;
	struct crlf_in in;
	struct buf file, back;
};

static void
feed_out(void *arg, struct span s)
{
	struct ends *e = arg;

	crlf_look(&e->look, s);
	crlf_out(&e->out, s, &e->file);
}

static void
feed_in(void *arg, struct span s)
{
	struct ends *e = arg;

	crlf_in(&e->in, s, &e->back);
}

static void
there_and_back(struct span bytes, uint8_t how)
{
	struct ends e = { .file = BUF_INIT(SIZE_MAX),
		.back = BUF_INIT(SIZE_MAX) };
	bool same;

	fuzz_pieces(bytes, how, feed_out, &e);
	crlf_out_end(&e.out, &e.file);
	fuzz_pieces(buf_span(&e.file), how, feed_in, &e);
	same =
	    e.back.len == bytes.len &&
	    (bytes.len == 0 || memcmp(e.back.ptr, bytes.ptr, bytes.len) == 0);
	assert(same == !e.look.no);
	assert(e.look.no || e.file.len + e.look.lines == bytes.len);
	buf_free(&e.file);
	buf_free(&e.back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	struct buf copy = fuzz_copy(input);

	read_file_name(buf_span(&copy));
	read_folder_name(buf_span(&copy));
	read_said(buf_span(&copy));
	there_and_back(buf_span(&copy), how);
	buf_free(&copy);
	return 0;
}
