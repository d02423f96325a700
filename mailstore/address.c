/* One form for each address. */
#include "mailstore/address.h"

#include "common/addr.h"
#include "common/conf_value.h"
#include "common/mem.h"

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

struct span
address_domain(struct span canonical)
{
	const char *at = canonical.len > 0
	                     ? memrchr(canonical.ptr, '@', canonical.len)
	                     : NULL;

	if (at == NULL)
		return SPAN("");
	return (struct span){ at + 1,
		(size_t)(canonical.ptr + canonical.len - at) - 1 };
}

/* RFC 6531, 3.7.1: the same domain, whichever of its forms was sent. */
static bool
use_a_labels(struct buf *address)
{
	struct span domain = address_domain(buf_span(address));
	char *written = mem_string(domain), *ascii = conf_value_domain(written);

	if (ascii != NULL) {
		address->len -= domain.len;
		buf_text(address, ascii);
	}
	mem_free(&written);
	mem_release(ascii);
	return ascii != NULL;
}

bool
address_canonical(struct span given, struct buf *canonical)
{
	struct addr a;

	if (!addr_parse(given, true, &a) || a.local.len == 0)
		return false;
	addr_canonical(canonical, &a);
	if (!canonical->bad && !is_ascii(a.domain) && !use_a_labels(canonical))
		return false;
	return !canonical->bad;
}
