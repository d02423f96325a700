/*
 * Where mail for an address goes, and who may send as what: questions of the
 * fronts and the queue, answered from the published directory.
 */
#include "mailstore/auth.h"

#include "common/ipc.h"
#include "common/wire.h"
#include "mailstore/address.h"

enum { ADDRESS_MAX = 1000 };

/* The form that is looked up, and whether its domain is one of ours. */
static enum herr
canonical_of(const struct auth *a, struct span address, struct buf *out)
{
	struct span domain;

	if (!address_canonical(address, out))
		return H_INVALID;
	domain = address_domain(buf_span(out));
	/* RFC 5321, 4.5.1: <postmaster> alone. */
	if (domain.len == 0 && a->settings->ndomains > 0) {
		domain = span_of(a->settings->domains[0]);
		buf_byte(out, '@');
		buf_add(out, domain);
	}
	return settings_has_domain(a->settings, domain) ? H_OK : H_DENIED;
}

static void
put_targets(struct buf *out, const struct directory_target *t, size_t n)
{
	wire_put_u16(out, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		wire_put_u64(out, t[i].account);
		wire_put_bytes(out, span_of(t[i].address));
	}
}

bool
auth_lookup_rcpt(struct auth_peer *p, struct channel_msg *m)
{
	struct auth *a = p->auth;
	struct buf answer = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	struct buf canonical = BUF_INIT(ADDRESS_CANONICAL_MAX);
	struct wire w = wire_over(m->payload);
	struct span address = wire_bytes(&w, ADDRESS_MAX);
	size_t n = 0;
	enum herr err;

	if (!wire_end(&w))
		return false;
	err = canonical_of(a, address, &canonical);
	if (err == H_OK && a->directory == NULL)
		err = H_BUSY;
	if (err == H_OK)
		err = directory_resolve(
		    a->directory, buf_span(&canonical), a->targets, &n);
	if (err == H_INVALID)
		err = H_NOTFOUND;
	else if (err != H_OK && err != H_NOTFOUND && err != H_DENIED)
		err = H_BUSY; /* ours to mend, theirs to try again */
	wire_put_u8(&answer, (uint8_t)err);
	put_targets(&answer, a->targets, err == H_OK ? n : 0);
	channel_send(p->channel, IPC_RCPT_IS, m->id, buf_span(&answer));
	buf_free(&canonical);
	buf_free(&answer);
	return true;
}

bool
auth_lookup_sender(struct auth_peer *p, struct channel_msg *m)
{
	struct auth *a = p->auth;
	struct buf canonical = BUF_INIT(ADDRESS_CANONICAL_MAX);
	struct wire w = wire_over(m->payload);
	uint64_t account = wire_u64(&w);
	struct span address = wire_bytes(&w, ADDRESS_MAX);
	enum herr err;
	char answer;

	if (!wire_end(&w))
		return false;
	err = canonical_of(a, address, &canonical);
	if (a->directory == NULL)
		err = H_BUSY;
	else if (err == H_OK && !directory_may_send_as(a->directory, account,
				    buf_span(&canonical)))
		err = H_DENIED;
	else if (err == H_INVALID)
		err = H_DENIED;
	answer = (char)err;
	channel_send(p->channel, IPC_SENDER_IS, m->id,
	    (struct span){ &answer, sizeof(answer) });
	buf_free(&canonical);
	return true;
}
