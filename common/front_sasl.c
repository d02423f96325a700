/*
 * SASL as SMTP, IMAP and POP3 speak it: names of mechanisms, and responses in
 * base64 (RFC 4422, 4; RFC 4954, RFC 9051 6.2.2, RFC 5034).  What they mean is
 * known to auth alone.
 */
#include "common/base64.h"
#include "common/front_private.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"

/* clang-format off */
static const struct {
	const char *name;
	bool plus; /* binds the login to the TLS connection (RFC 5802, 6) */
} mechanisms[] = {
	/* In this order: Outlook looks for the first two. */
	{ "PLAIN", false },
	{ "LOGIN", false },
	{ "SCRAM-SHA-256", false },
	{ "SCRAM-SHA-256-PLUS", true },
};
/* clang-format on */

/* ---- channel bindings ---- */

/* What is not offered must not be told to auth either: it would take "the
 * server does not offer it" for a sign of somebody in between. */
static struct span
binding(
    const struct client *c, enum tls_binding kind, char room[TLS_BINDING_MAX])
{
	size_t len = 0;

	if (c->front->settings->channel_binding)
		len = conn_binding(c->conn, kind, room);
	return (struct span){ room, len };
}

void
front_sasl_put_bindings(const struct client *c, struct buf *out)
{
	char room[TLS_BINDING_MAX];

	wire_put_bytes(out, binding(c, TLS_EXPORTER, room));
	wire_put_bytes(out, binding(c, TLS_UNIQUE, room));
}

static bool
can_bind(const struct client *c)
{
	char room[TLS_BINDING_MAX];

	return binding(c, TLS_EXPORTER, room).len > 0 ||
	       binding(c, TLS_UNIQUE, room).len > 0;
}

/* ---- what a protocol asks ---- */

void
client_sasl_names(struct client *c, const char *before, struct buf *out)
{
	bool plus = can_bind(c);

	for (size_t i = 0; i < COUNT_OF(mechanisms) && client_may_login(c);
	     i++) {
		if (mechanisms[i].plus && !plus)
			continue;
		buf_text(out, before);
		buf_text(out, mechanisms[i].name);
	}
}

static bool
is_offered(const struct client *c, struct span name)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++)
		if (span_is_nocase(name, mechanisms[i].name))
			return !mechanisms[i].plus || can_bind(c);
	return false;
}

static void
release(struct buf *secret)
{
	if (secret->ptr != NULL)
		mem_wipe(secret->ptr, secret->room);
	buf_free(secret);
}

enum client_sasl
client_sasl_begin(struct client *c, struct span mechanism, struct span initial)
{
	struct buf bytes = BUF_INIT(CLIENT_SASL_LINE_MAX);
	enum client_sasl result = CLIENT_SASL_ASKED;

	if (!is_offered(c, mechanism))
		return CLIENT_SASL_NO_MECHANISM;
	if (initial.ptr == NULL)
		client_auth(c, mechanism, NO_SPAN);
	else if (span_is(initial, "="))
		client_auth(c, mechanism, SPAN(""));
	else if (base64_decode(&bytes, initial))
		client_auth(
		    c, mechanism, bytes.len > 0 ? buf_span(&bytes) : SPAN(""));
	else
		result = CLIENT_SASL_NOT_BASE64;
	release(&bytes);
	return result;
}

enum client_sasl
client_sasl_answer(struct client *c, struct span line)
{
	struct buf bytes = BUF_INIT(CLIENT_SASL_LINE_MAX);
	enum client_sasl result = CLIENT_SASL_ASKED;

	if (span_is(line, "*"))
		result = CLIENT_SASL_CANCELLED;
	else if (!base64_decode(&bytes, line))
		result = CLIENT_SASL_NOT_BASE64;
	if (result == CLIENT_SASL_ASKED)
		client_auth_step(
		    c, bytes.len > 0 ? buf_span(&bytes) : SPAN(""));
	else
		client_auth_cancel(c);
	release(&bytes);
	return result;
}

void
client_sasl_challenge(struct client *c, const char *before, struct span data)
{
	struct buf *out = conn_output(c->conn);

	buf_text(out, before);
	base64_encode(out, data);
	buf_text(out, "\r\n");
}

/* As PLAIN: it says the same (RFC 4616). */
void
client_auth_password(struct client *c, struct span user, struct span password)
{
	struct buf plain = BUF_INIT(2 * CLIENT_SASL_LINE_MAX);

	buf_byte(&plain, '\0');
	buf_add(&plain, user);
	buf_byte(&plain, '\0');
	buf_add(&plain, password);
	client_auth(c, SPAN("PLAIN"), plain.bad ? SPAN("") : buf_span(&plain));
	release(&plain);
}
