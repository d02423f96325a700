/*
 * The strict form of an address, for the envelope: RFC 5321, 4.1.2, with
 * RFC 6531, 3.3 where the client asked for SMTPUTF8.
 */
#include "common/addr.h"

#include "common/scan.h"

#include <arpa/inet.h>

enum { LABEL_MAX = 63 };

/* The printable characters of an atom that are no letter or digit. */
static const char atom_marks[] = "!#$%&'*+-/=?^_`{|}~";

static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static bool
is_atom_char(unsigned char c)
{
	return c >= 0x80 || is_alnum(c) ||
	       (c != '\0' && strchr(atom_marks, c) != NULL);
}

/* The length of the well-formed UTF-8 character at `p`, or 0.  RFC 3629, 4. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	/* No overlong forms, no surrogates, nothing above U+10FFFF. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

/* Whether every byte may stand in an address at all. */
static bool
bytes_allowed(struct span s, bool utf8)
{
	const unsigned char *p = (const unsigned char *)s.ptr;

	for (size_t at = 0, len; at < s.len; at += len) {
		if (p[at] < ' ' || p[at] == 0x7f || (p[at] >= 0x80 && !utf8))
			return false;
		len = utf8_len(p + at, s.len - at);
		if (len == 0)
			return false;
	}
	return true;
}

/* Atoms with single dots between them. */
static bool
is_dot_string(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '.') {
			if (i == 0 || i == s.len - 1 || s.ptr[i - 1] == '.')
				return false;
		} else if (!is_atom_char((unsigned char)s.ptr[i]))
			return false;
	return s.len > 0;
}

/* The length of the quoted string that `s` begins with, or 0. */
static size_t
quoted_len(struct span s)
{
	for (size_t i = 1; i < s.len; i++)
		if (s.ptr[i] == '"')
			return i + 1;
		else if (s.ptr[i] == '\\')
			i++;
	return 0;
}

/* Labels of letters, digits and inner hyphens; beyond ASCII, U-labels. */
bool
addr_is_domain(struct span s, bool utf8)
{
	size_t start = 0;

	if (s.len == 0 || s.len > ADDR_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= s.len; i++) {
		unsigned char c = i < s.len ? (unsigned char)s.ptr[i] : '.';

		if (c == '.') {
			if (i == start || i - start > LABEL_MAX ||
			    s.ptr[start] == '-' || s.ptr[i - 1] == '-')
				return false;
			start = i + 1;
		} else if (c < 0x80 ? !is_alnum(c) && c != '-' : !utf8)
			return false;
	}
	return true;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]"; no other kind was ever registered. */
static bool
is_literal(struct span s)
{
	unsigned char address[16];
	char text[INET6_ADDRSTRLEN];
	bool six;

	if (s.len < 2 || s.ptr[0] != '[' || s.ptr[s.len - 1] != ']')
		return false;
	s = (struct span){ s.ptr + 1, s.len - 2 };
	six = span_starts_nocase(s, "IPv6:");
	if (six)
		s = (struct span){ s.ptr + 5, s.len - 5 };
	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1;
}

bool
addr_parse(struct span s, bool utf8, struct addr *addr)
{
	struct span domain;
	size_t at;

	*addr = (struct addr){ SPAN(""), SPAN("") };
	if (s.len == 0)
		return true;
	if (span_is_nocase(s, "postmaster")) {
		addr->local = s;
		return true;
	}
	/* A path has its two angle brackets too. */
	if (s.len > ADDR_PATH_MAX - 2 || !bytes_allowed(s, utf8))
		return false;
	if (s.ptr[0] == '"') {
		at = quoted_len(s);
	} else {
		const char *sign = memchr(s.ptr, '@', s.len);

		at = sign == NULL ? 0 : (size_t)(sign - s.ptr);
		if (!is_dot_string((struct span){ s.ptr, at }))
			return false;
	}
	if (at == 0 || at > ADDR_LOCAL_MAX || at >= s.len || s.ptr[at] != '@')
		return false;
	domain = (struct span){ s.ptr + at + 1, s.len - at - 1 };
	if (!addr_is_domain(domain, utf8) && !is_literal(domain))
		return false;
	*addr = (struct addr){ { s.ptr, at }, domain };
	return true;
}

static void
add_lower(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		buf_byte(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
	}
}

/* What is between the quotes, each character meaning itself. */
static size_t
unquote(struct span quoted, char *out)
{
	size_t len = 0;

	for (size_t i = 1; i + 1 < quoted.len; i++) {
		if (quoted.ptr[i] == '\\' && i + 2 < quoted.len)
			i++;
		out[len++] = quoted.ptr[i];
	}
	return len;
}

static void
add_local(struct buf *out, struct span local)
{
	char plain[ADDR_LOCAL_MAX];
	struct span text = local;

	/* What is too long was never parsed here, and is nobody's. */
	if (local.len < 2 || local.ptr[0] != '"' || local.len > sizeof(plain)) {
		add_lower(out, local);
		return;
	}
	text = (struct span){ plain, unquote(local, plain) };
	if (is_dot_string(text)) {
		add_lower(out, text);
		return;
	}
	/* The quotes stay, but only what needs a backslash has one. */
	buf_byte(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			buf_byte(out, '\\');
		add_lower(out, (struct span){ text.ptr + i, 1 });
	}
	buf_byte(out, '"');
}

void
addr_canonical(struct buf *out, const struct addr *addr)
{
	struct span domain = addr->domain;

	add_local(out, addr->local);
	if (domain.len > 0 && domain.ptr[domain.len - 1] == '.')
		domain.len--;
	if (domain.len == 0)
		return;
	buf_byte(out, '@');
	add_lower(out, domain);
}

struct span
addr_without_tag(struct span local, struct span *tag)
{
	const char *plus = NULL;

	*tag = NO_SPAN;
	/* A quoted local part means exactly what it says. */
	if (local.len > 1 && local.ptr[0] != '"')
		plus = memchr(local.ptr + 1, '+', local.len - 1);
	if (plus == NULL)
		return local;
	tag->ptr = plus + 1;
	tag->len = local.len - (size_t)(tag->ptr - local.ptr);
	local.len -= tag->len + 1;
	return local;
}
