/*
 * The mechanisms we offer, by libgsasl: the only file that includes it.
 *
 * libgsasl asks its caller in the midst of a step whether a password is right.
 * Ours takes milliseconds of another thread, so the answer there is always yes,
 * which means no more than "well-formed", and the step ends with the password.
 * SCRAM takes microseconds on this side, and is done where it stands.
 * Mechanisms that the library knows and the table does not are never started.
 */
#include "mailstore/auth_sasl.h"

#include <gsasl.h>

#include "common/base64.h"
#include "common/mem.h"
#include "common/scan.h"

enum {
	STEPS_MAX = 4,     /* more than any exchange below needs */
	PROPERTY_MAX = 64, /* base64 of a key; iterations in digits */
};

static const struct mechanism {
	const char *name;
	bool server_first; /* asks before it can use a response */
	bool scram, plus;
	/* Said in place of the library's own: Outlook waits for these words. */
	const char *prompt[2];
} mechanisms[] = {
	/* clang-format off */
	{ "PLAIN", false, false, false, { NULL, NULL } },               /* RFC 4616 */
	{ "LOGIN", true,  false, false, { "Username:", "Password:" } }, /* draft-murchison-sasl-login */
	{ "SCRAM-SHA-256",      false, true, false, { NULL, NULL } },   /* RFC 5802, 7677 */
	{ "SCRAM-SHA-256-PLUS", false, true, true,  { NULL, NULL } },
	/* clang-format on */
};

struct auth_sasl {
	const struct mechanism *mechanism;
	Gsasl_session *session;
	bool (*credential)(
	    void *arg, struct span name, struct directory_credential *);
	void *arg;
	char *output;
	unsigned steps, prompts;
	bool asked, refused; /* for a credential */
};

static Gsasl *library;

/* ---- what the library asks ---- */

static void
set_property(Gsasl_session *session, Gsasl_property which, const char *value)
{
	if (gsasl_property_set(session, which, value) != GSASL_OK)
		PANIC("out of memory");
}

static void
set_base64(Gsasl_session *session, Gsasl_property which, struct span bytes)
{
	struct buf text = BUF_INIT(PROPERTY_MAX);

	base64_encode(&text, bytes);
	buf_byte(&text, '\0');
	if (text.bad)
		PANIC("a property of SASL that is too long");
	set_property(session, which, text.ptr);
	mem_wipe(text.ptr, text.len);
	buf_free(&text);
}

/* All at once: which of them the library asks for first is its own affair. */
static void
set_credential(Gsasl_session *session, const struct directory_credential *c)
{
	char iterations[PROPERTY_MAX];
	union {
		const uint8_t *bytes;
		const char *chars;
	} salt = { c->salt }, stored = { c->stored_key },
	  server = { c->server_key };

	snprintf(iterations, sizeof(iterations), "%lu",
	    (unsigned long)c->iterations);
	set_property(session, GSASL_SCRAM_ITER, iterations);
	set_base64(session, GSASL_SCRAM_SALT,
	    (struct span){ salt.chars, sizeof(c->salt) });
	set_base64(session, GSASL_SCRAM_STOREDKEY,
	    (struct span){ stored.chars, sizeof(c->stored_key) });
	set_base64(session, GSASL_SCRAM_SERVERKEY,
	    (struct span){ server.chars, sizeof(c->server_key) });
}

static bool
ask_credential(struct auth_sasl *s)
{
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);
	struct directory_credential c = { 0 };

	if (s->asked)
		return false;
	s->asked = true;
	s->refused =
	    !s->credential(s->arg, name != NULL ? span_of(name) : SPAN(""), &c);
	if (!s->refused)
		set_credential(s->session, &c);
	mem_wipe(&c, sizeof(c));
	return !s->refused;
}

static int
callback(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
	(void)ctx;
	if (property == GSASL_VALIDATE_SIMPLE)
		return GSASL_OK;
	if (property == GSASL_SCRAM_ITER &&
	    ask_credential(gsasl_session_hook_get(session)))
		return GSASL_OK;
	return GSASL_NO_CALLBACK;
}

/* ---- life ---- */

void
auth_sasl_warm_up(void)
{
	char *prepared = NULL;

	if (library != NULL)
		return;
	if (gsasl_init(&library) != GSASL_OK)
		PANIC("libgsasl does not start");
	gsasl_callback_set(library, callback);
	if (gsasl_saslprep("\xc3\xa4", GSASL_ALLOW_UNASSIGNED, &prepared,
		NULL) != GSASL_OK)
		PANIC("libgsasl cannot prepare passwords");
	gsasl_free(prepared);
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++)
		if (!gsasl_server_support_p(library, mechanisms[i].name))
			PANIC("libgsasl lacks a mechanism");
}

static const struct mechanism *
find_mechanism(struct span name, bool may_bind)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++)
		if (span_is_nocase(name, mechanisms[i].name) &&
		    (may_bind || !mechanisms[i].plus))
			return &mechanisms[i];
	return NULL;
}

/* The library takes both kinds of binding, and uses the one the client names.
 */
static void
set_bindings(Gsasl_session *session, const struct auth_sasl_terms *t)
{
	if (t->tls_exporter.len > 0)
		set_base64(session, GSASL_CB_TLS_EXPORTER, t->tls_exporter);
	if (t->tls_unique.len > 0)
		set_base64(session, GSASL_CB_TLS_UNIQUE, t->tls_unique);
}

struct auth_sasl *
auth_sasl_new(struct span mechanism, const struct auth_sasl_terms *t)
{
	const struct mechanism *m = find_mechanism(
	    mechanism, t->tls_exporter.len > 0 || t->tls_unique.len > 0);
	struct auth_sasl *s;

	if (m == NULL)
		return NULL;
	s = mem_alloc(sizeof(*s));
	s->mechanism = m;
	s->credential = t->credential;
	s->arg = t->arg;
	if (gsasl_server_start(library, m->name, &s->session) != GSASL_OK)
		PANIC("libgsasl cannot start a mechanism");
	gsasl_session_hook_set(s->session, s);
	if (m->scram)
		set_bindings(s->session, t);
	return s;
}

static void
wipe(char **string)
{
	if (*string != NULL)
		mem_wipe(*string, strlen(*string));
	gsasl_free(*string);
	*string = NULL;
}

/* The library lends its own copy, which it would only free. */
static void
wipe_property(Gsasl_session *session, Gsasl_property which)
{
	union {
		const char *lent;
		char *bytes;
	} p = { .lent = gsasl_property_fast(session, which) };

	if (p.lent != NULL)
		mem_wipe(p.bytes, strlen(p.bytes));
}

void
auth_sasl_free(struct auth_sasl **sp)
{
	struct auth_sasl *s = *sp;

	if (s == NULL)
		return;
	wipe_property(s->session, GSASL_PASSWORD);
	wipe_property(s->session, GSASL_SCRAM_STOREDKEY);
	wipe_property(s->session, GSASL_SCRAM_SERVERKEY);
	gsasl_finish(s->session);
	wipe(&s->output);
	mem_free(sp);
}

/* ---- steps ---- */

bool
auth_sasl_is_try(const struct auth_sasl *s)
{
	return s->asked && !s->refused;
}

/*
 * The library's words for a SCRAM exchange that has failed.  It says "wrong"
 * also where the client does not bind the exchange to this connection, before
 * any proof was given: "y", which claims that we cannot (RFC 5802, 6), tells of
 * somebody in between who took the offer out.
 */
static enum auth_sasl_step
scram_failed(const struct auth_sasl *s, struct span response, int result)
{
	if (s->refused)
		return AUTH_SASL_REFUSED;
	switch (result) {
	case GSASL_NO_CB_TLS_EXPORTER:
	case GSASL_NO_CB_TLS_UNIQUE: return AUTH_SASL_UNBOUND;
	case GSASL_AUTHENTICATION_ERROR:
		if (s->asked)
			return AUTH_SASL_WRONG;
		return response.len > 0 && response.ptr[0] != 'n'
		           ? AUTH_SASL_UNBOUND
		           : AUTH_SASL_MALFORMED;
	default: return AUTH_SASL_MALFORMED;
	}
}

static enum auth_sasl_step
step_of(const struct auth_sasl *s, struct span response, int result)
{
	if (result == GSASL_MALLOC_ERROR)
		PANIC("out of memory");
	if (s->mechanism->scram) {
		if (result == GSASL_OK)
			return AUTH_SASL_PROVEN;
		/* Refused, the library would go on with a salt of its own. */
		if (result == GSASL_NEEDS_MORE && !s->refused)
			return AUTH_SASL_CHALLENGE;
		return scram_failed(s, response, result);
	}
	return result == GSASL_OK               ? AUTH_SASL_PASSWORD
	       : result == GSASL_NEEDS_MORE     ? AUTH_SASL_CHALLENGE
	       : result == GSASL_SASLPREP_ERROR ? AUTH_SASL_UNUSABLE
	                                        : AUTH_SASL_MALFORMED;
}

enum auth_sasl_step
auth_sasl_step(
    struct auth_sasl *s, struct span response, struct span *challenge)
{
	const struct mechanism *m = s->mechanism;
	enum auth_sasl_step step;
	size_t len = 0;

	wipe(&s->output);
	if (response.len > AUTH_SASL_RESPONSE_MAX || s->steps++ >= STEPS_MAX)
		return AUTH_SASL_MALFORMED;
	/* RFC 5802, 6: "p", and nothing else, goes with -PLUS. */
	if (m->scram && !s->asked && response.len > 0 &&
	    (response.ptr[0] == 'p') != m->plus)
		return AUTH_SASL_UNBOUND;
	step = step_of(s, response,
	    gsasl_step(s->session, response.len > 0 ? response.ptr : "",
		response.len, &s->output, &len));
	if (s->prompts < COUNT_OF(m->prompt) && m->prompt[s->prompts] != NULL)
		*challenge = span_of(m->prompt[s->prompts++]);
	else
		*challenge = (struct span){ s->output, len };
	return step;
}

enum auth_sasl_step
auth_sasl_begin(struct auth_sasl *s, bool has_initial, struct span initial,
    struct span *challenge)
{
	enum auth_sasl_step step;

	if (!s->mechanism->server_first)
		return auth_sasl_step(
		    s, has_initial ? initial : NO_SPAN, challenge);
	step = auth_sasl_step(s, NO_SPAN, challenge);
	/* Outlook gives the name with AUTH LOGIN: on to the next prompt. */
	if (has_initial && step == AUTH_SASL_CHALLENGE)
		step = auth_sasl_step(s, initial, challenge);
	return step;
}

static struct span
property(const struct auth_sasl *s, Gsasl_property which)
{
	const char *value = gsasl_property_fast(s->session, which);

	return value != NULL ? span_of(value) : SPAN("");
}

void
auth_sasl_result(const struct auth_sasl *s, struct span *name,
    struct span *password, struct span *authzid)
{
	*name = property(s, GSASL_AUTHID);
	*password = property(s, GSASL_PASSWORD);
	*authzid = property(s, GSASL_AUTHZID);
}

bool
auth_sasl_prepare(struct span password, struct buf *prepared)
{
	char *in, *out = NULL;
	bool good;

	if (password.len > 0 && memchr(password.ptr, 0, password.len) != NULL)
		return false;
	in = mem_string(password);
	/* As the library itself does for PLAIN. */
	good =
	    gsasl_saslprep(in, GSASL_ALLOW_UNASSIGNED, &out, NULL) == GSASL_OK;
	if (good)
		buf_text(prepared, out);
	wipe(&out);
	mem_wipe(in, password.len);
	mem_free(&in);
	return good && !prepared->bad;
}
