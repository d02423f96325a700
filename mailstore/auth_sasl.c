/*
 * The mechanisms we offer, by libgsasl: the only file that includes it.
 *
 * libgsasl asks its caller in the midst of a step whether a password is right.
 * Ours takes milliseconds of another thread, so the answer there is always yes,
 * which means no more than "well-formed", and the step ends with the password.
 * Mechanisms that the library knows and the table does not are never started.
 */
#include "mailstore/auth_sasl.h"

#include <gsasl.h>

#include "common/mem.h"
#include "common/scan.h"

enum { STEPS_MAX = 4 }; /* more than any exchange below needs */

static const struct mechanism {
	const char *name;
	bool server_first; /* asks before it can use a response */
	/* Said in place of the library's own: Outlook waits for these words. */
	const char *prompt[2];
} mechanisms[] = {
	/* clang-format off */
	{ "PLAIN", false, { NULL, NULL } },                 /* RFC 4616 */
	{ "LOGIN", true,  { "Username:", "Password:" } },   /* draft-murchison-sasl-login */
	/* clang-format on */
};

struct auth_sasl {
	const struct mechanism *mechanism;
	Gsasl_session *session;
	char *output;
	unsigned steps, prompts;
};

static Gsasl *library;

static int
callback(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
	(void)ctx;
	(void)session;
	return property == GSASL_VALIDATE_SIMPLE ? GSASL_OK : GSASL_NO_CALLBACK;
}

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

struct auth_sasl *
auth_sasl_new(struct span mechanism)
{
	struct auth_sasl *s;

	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		if (!span_is_nocase(mechanism, mechanisms[i].name))
			continue;
		s = mem_alloc(sizeof(*s));
		s->mechanism = &mechanisms[i];
		if (gsasl_server_start(
			library, mechanisms[i].name, &s->session) != GSASL_OK)
			PANIC("libgsasl cannot start a mechanism");
		return s;
	}
	return NULL;
}

static void
wipe(char **string)
{
	if (*string != NULL)
		mem_wipe(*string, strlen(*string));
	gsasl_free(*string);
	*string = NULL;
}

void
auth_sasl_free(struct auth_sasl **sp)
{
	struct auth_sasl *s = *sp;
	const char *password;

	if (s == NULL)
		return;
	password = gsasl_property_fast(s->session, GSASL_PASSWORD);
	if (password != NULL) {
		/* The library lends its own copy, which it would only free. */
		union {
			const char *lent;
			char *bytes;
		} p = { .lent = password };

		mem_wipe(p.bytes, strlen(p.bytes));
	}
	gsasl_finish(s->session);
	wipe(&s->output);
	mem_free(sp);
}

enum auth_sasl_step
auth_sasl_step(
    struct auth_sasl *s, struct span response, struct span *challenge)
{
	const struct mechanism *m = s->mechanism;
	size_t len = 0;
	int result;

	wipe(&s->output);
	if (response.len > AUTH_SASL_RESPONSE_MAX || s->steps++ >= STEPS_MAX)
		return AUTH_SASL_MALFORMED;
	result = gsasl_step(s->session, response.len > 0 ? response.ptr : "",
	    response.len, &s->output, &len);
	if (result == GSASL_OK)
		return AUTH_SASL_PASSWORD;
	if (result == GSASL_MALLOC_ERROR)
		PANIC("out of memory");
	if (result == GSASL_SASLPREP_ERROR)
		return AUTH_SASL_UNUSABLE;
	if (result != GSASL_NEEDS_MORE)
		return AUTH_SASL_MALFORMED;
	if (s->prompts < COUNT_OF(m->prompt) && m->prompt[s->prompts] != NULL)
		*challenge = span_of(m->prompt[s->prompts++]);
	else
		*challenge = (struct span){ s->output, len };
	return AUTH_SASL_CHALLENGE;
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
