/* Values of hearth.conf.  Numbers are read here and not by libConfuse, for
 * which 010 is 8 and -1 a number. */
#include "common/conf_value.h"

#include "common/addr.h"
#include "common/mem.h"
#include "common/scan.h"

#include <arpa/inet.h>
#include <idn2.h>

bool
conf_value_number(const char *text, uint64_t *value)
{
	struct scan s = scan_over(span_of(text));

	*value = scan_number(&s, UINT64_MAX);
	return scan_done(&s) && (text[0] != '0' || text[1] == '\0');
}

bool
conf_value_size(const char *text, uint64_t *value)
{
	struct span number = span_of(text);
	unsigned shift = 0;
	bool good;
	char *digits;

	switch (number.len > 0 ? number.ptr[number.len - 1] : '\0') {
	case 'K': shift = 10; break;
	case 'M': shift = 20; break;
	case 'G': shift = 30; break;
	default: break;
	}
	if (shift > 0)
		number.len--;
	digits = mem_string(number);
	good =
	    conf_value_number(digits, value) && *value <= UINT64_MAX >> shift;
	mem_free(&digits);
	if (good)
		*value <<= shift;
	return good;
}

bool
conf_value_bool(const char *text, bool *value)
{
	static const char words[][6] = { "true", "yes", "on", "false", "no",
		"off" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (span_is(span_of(text), words[i])) {
			*value = i < COUNT_OF(words) / 2;
			return true;
		}
	return false;
}

/* A name whose last label is a number looks like an address, and is none.  RFC
 * 3696, 2. */
static bool
ends_in_number(struct span domain)
{
	size_t at = domain.len;

	while (at > 0 && domain.ptr[at - 1] >= '0' && domain.ptr[at - 1] <= '9')
		at--;
	return at == 0 || (at < domain.len && domain.ptr[at - 1] == '.');
}

char *
conf_value_domain(const char *text)
{
	char *ascii = NULL, *domain;

	if (idn2_to_ascii_8z(
		text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NULL;
	domain = mem_string(span_of(ascii));
	idn2_free(ascii);
	for (char *c = domain; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (!addr_is_domain(span_of(domain), false) ||
	    ends_in_number(span_of(domain)))
		mem_free(&domain);
	return domain;
}

/* Divides at the last colon; the host without its brackets is copied to `host`.
 */
static bool
divide(const char *text, char *host, size_t room, uint16_t *port, bool *six)
{
	const char *colon = strrchr(text, ':');
	struct span name;
	uint64_t number;

	if (colon == NULL || !conf_value_number(colon + 1, &number) ||
	    number < 1 || number > UINT16_MAX)
		return false;
	name = (struct span){ text, (size_t)(colon - text) };
	*six =
	    name.len > 1 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']';
	if (*six)
		name = (struct span){ name.ptr + 1, name.len - 2 };
	if (name.len == 0 || name.len >= room ||
	    (memchr(name.ptr, ':', name.len) != NULL) != *six)
		return false;
	memcpy(host, name.ptr, name.len);
	host[name.len] = '\0';
	*port = (uint16_t)number;
	return true;
}

bool
conf_value_listener(const char *text, struct conf_address *address)
{
	static const unsigned char zeros[sizeof(address->bytes)];
	char host[INET6_ADDRSTRLEN];
	bool six;

	*address = (struct conf_address){ .family = AF_UNSPEC, .any = true };
	if (!divide(text, host, sizeof(host), &address->port, &six))
		return false;
	if (!six && span_is(span_of(host), "*"))
		return true;
	address->family = six ? AF_INET6 : AF_INET;
	if (inet_pton(address->family, host, address->bytes) != 1)
		return false;
	address->any = memcmp(address->bytes, zeros, sizeof(zeros)) == 0;
	return true;
}

bool
conf_value_clash(const struct conf_address *a, const struct conf_address *b)
{
	if (a->port != b->port)
		return false;
	if (a->family == AF_UNSPEC || b->family == AF_UNSPEC)
		return true;
	return a->family == b->family &&
	       (a->any || b->any ||
		   memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0);
}

bool
conf_value_host_port(const char *text)
{
	unsigned char bytes[16];
	char host[ADDR_DOMAIN_MAX + 1];
	uint16_t port;
	bool six;

	if (!divide(text, host, sizeof(host), &port, &six))
		return false;
	if (six)
		return inet_pton(AF_INET6, host, bytes) == 1;
	return inet_pton(AF_INET, host, bytes) == 1 ||
	       addr_is_domain(span_of(host), false);
}
