/*
 * Messages on standard input, each as its length in decimal, LF, its bytes; for
 * each a line of JSON: what the record of it says.  Bytes of strings become the
 * characters U+0000 to U+00FF.
 */
#include "common/mem.h"
#include "common/mime.h"
#include "common/record.h"

#include <err.h>

enum { MESSAGE_MAX = 64 * 1024 * 1024 };

static void
put_text(struct span s)
{
	if (s.ptr == NULL) {
		(void)fputs("null", stdout);
		return;
	}
	(void)putchar('"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			(void)printf("\\u%04x", c);
		else
			(void)putchar(c);
	}
	(void)putchar('"');
}

static void
put_name(const char *name)
{
	(void)printf(",\"%s\":", name);
}

static void
put_member(const char *name, struct span s)
{
	put_name(name);
	put_text(s);
}

static void
put_pairs(const char *name, struct span list)
{
	const char *between = "";
	struct span key, value;

	put_name(name);
	(void)putchar('[');
	while (record_list_next(&list, &key, &value)) {
		(void)printf("%s[", between);
		put_text(key);
		(void)putchar(',');
		put_text(value);
		(void)putchar(']');
		between = ",";
	}
	(void)putchar(']');
}

static void
put_addresses(const char *name, struct span list)
{
	const char *between = "";
	struct record_address a;

	put_name(name);
	(void)putchar('[');
	while (record_address_next(&list, &a)) {
		(void)printf("%s[", between);
		put_text(a.name);
		(void)putchar(',');
		put_text(a.mailbox);
		(void)putchar(',');
		put_text(a.host);
		(void)putchar(']');
		between = ",";
	}
	(void)putchar(']');
}

static void
put_part(const struct record_part *p)
{
	static const char *const kinds[] = { "leaf", "multipart", "message" };
	static const char *const fields[RECORD_ADDRESS_FIELDS] = { "from",
		"sender", "reply_to", "to", "cc", "bcc" };
	struct record_envelope e;

	(void)printf("{\"depth\":%u,\"kind\":\"%s\",\"descendants\":%u,"
		     "\"header\":[%ju,%ju],\"body\":[%ju,%ju],\"lines\":%u",
	    p->depth, kinds[p->kind], p->descendants,
	    (uintmax_t)p->header_start, (uintmax_t)p->header_len,
	    (uintmax_t)p->body_start, (uintmax_t)p->body_len, p->body_lines);
	put_member("type", p->type);
	put_member("subtype", p->subtype);
	put_pairs("params", p->params);
	put_member("encoding", p->encoding);
	put_member("id", p->id);
	put_member("description", p->description);
	put_member("md5", p->md5);
	put_member("disposition", p->disposition);
	put_pairs("disposition_params", p->disposition_params);
	put_member("location", p->location);
	put_pairs("languages", p->languages);
	if (record_envelope(p, &e)) {
		put_member("date", e.date);
		put_member("subject", e.subject);
		put_member("in_reply_to", e.in_reply_to);
		put_member("message_id", e.message_id);
		for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++)
			put_addresses(fields[i], e.addresses[i]);
	}
	(void)putchar('}');
}

static void
put_record(struct span bytes, uint64_t size)
{
	const char *between = "";
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p;

	if (!record_check(bytes, size) || !record_open(bytes, &r))
		errx(1, "a record that does not pass its check");
	(void)printf("{\"cut\":%s,\"parts\":[", r.cut ? "true" : "false");
	while (record_next(&r, &c, &p)) {
		(void)fputs(between, stdout);
		put_part(&p);
		between = ",";
	}
	(void)puts("]}");
}

static void
scan_one(size_t size)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct mime *m = mime_new();
	char piece[4096];

	for (size_t left = size; left > 0;) {
		size_t got = fread(piece, 1,
		    left < sizeof(piece) ? left : sizeof(piece), stdin);

		if (got == 0)
			errx(1, "a message is shorter than it said");
		mime_feed(m, (struct span){ piece, got });
		left -= got;
	}
	mime_end(m, &record);
	put_record(buf_span(&record), size);
	mime_free(&m);
	buf_free(&record);
}

int
main(void)
{
	size_t size;

	while (scanf("%8zu", &size) == 1) {
		if (size > MESSAGE_MAX || getchar() != '\n')
			errx(1, "no length");
		scan_one(size);
		(void)fflush(stdout);
	}
	return ferror(stdin) || ferror(stdout);
}
