/* A role's settings, as one message. */
#include "common/settings.h"

#include <strings.h>

#include "common/mem.h"
#include "common/wire.h"

enum { NAME_MAX_LEN = 255, STATE_MAX_LEN = 4096 };

static void
put_string(struct buf *b, const char *string)
{
	wire_put_bytes(b, span_of(string));
}

void
settings_put(struct buf *b, const struct settings *s)
{
	put_string(b, s->hostname);
	put_string(b, s->state);
	wire_put_u64(b, s->message_size_limit);
	wire_put_u32(b, s->max_connections);
	wire_put_u32(b, s->max_connections_per_address);
	wire_put_u32(b, s->max_connections_per_minute);
	wire_put_u32(b, s->max_sessions_per_account);
	wire_put_u32(b, s->max_recipients);
	wire_put_u8(b, s->plaintext_auth);
	wire_put_u8(b, s->channel_binding);
	wire_put_u16(b, (uint16_t)s->ndomains);
	for (size_t i = 0; i < s->ndomains; i++)
		put_string(b, s->domains[i]);
}

bool
settings_get(struct span payload, struct settings *s)
{
	struct wire w = wire_over(payload);
	size_t most;

	*s = (struct settings){ 0 };
	s->hostname = mem_string(wire_bytes(&w, NAME_MAX_LEN));
	s->state = mem_string(wire_bytes(&w, STATE_MAX_LEN));
	s->message_size_limit = wire_u64(&w);
	s->max_connections = wire_u32(&w);
	s->max_connections_per_address = wire_u32(&w);
	s->max_connections_per_minute = wire_u32(&w);
	s->max_sessions_per_account = wire_u32(&w);
	s->max_recipients = wire_u32(&w);
	s->plaintext_auth = wire_u8(&w) != 0;
	s->channel_binding = wire_u8(&w) != 0;
	if ((most = wire_u16(&w)) > SETTINGS_DOMAINS_MAX ||
	    s->max_connections_per_minute == 0)
		w.bad = true;
	else
		s->domains = mem_array(SETTINGS_DOMAINS_MAX, sizeof(char *));
	while (!w.bad && s->ndomains < most)
		s->domains[s->ndomains++] =
		    mem_string(wire_bytes(&w, NAME_MAX_LEN));
	if (wire_end(&w))
		return true;
	settings_release(s);
	return false;
}

void
settings_release(struct settings *s)
{
	for (size_t i = 0; i < s->ndomains; i++)
		mem_free(&s->domains[i]);
	mem_free(&s->domains);
	mem_free(&s->hostname);
	mem_free(&s->state);
	*s = (struct settings){ 0 };
}

bool
settings_has_domain(const struct settings *s, struct span domain)
{
	for (size_t i = 0; i < s->ndomains; i++)
		if (strlen(s->domains[i]) == domain.len &&
		    strncasecmp(s->domains[i], domain.ptr, domain.len) == 0)
			return true;
	return false;
}
