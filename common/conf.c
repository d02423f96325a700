/*
 * hearth.conf.  The tables below are all that it may hold; reading is one loop
 * over them, with one function for each kind of value.  libConfuse gives every
 * value as text, since its own numbers are not to be trusted (see
 * conf_value.c), and sees only what conf_text.c found well formed.
 */
#include "common/conf.h"

#include "common/conf_read.h"
#include "common/file.h"
#include "common/mem.h"

#include <confuse.h>
#include <unistd.h>

enum {
	OPTIONS_MAX = 16,
	ROUTES_MAX = 1000,
	VISITS_A_PLACE = 15, /* a minute, if nothing else is said */
};

#define KIB(n)           (UINT64_C(n) << 10)
#define MIB(n)           (UINT64_C(n) << 20)
#define AT(member)       offsetof(struct conf, member)
#define IN_ROUTE(member) offsetof(struct conf_route, member)

#define LISTEN(name, daemon, kind)                                      \
	{                                                               \
		name, KIND_LISTENER, true, AT(daemon), NULL, kind, kind \
	}
/* The same in each daemon's section. */
#define DAEMON(daemon)                                                         \
	{ "plaintext_auth", KIND_BOOL, false, AT(daemon.plaintext_auth),       \
		"false", 0, 0 },                                               \
	    { "channel_binding", KIND_BOOL, false, AT(daemon.channel_binding), \
		    "false", 0, 0 },                                           \
	    { "max_connections", KIND_NUMBER, false,                           \
		    AT(daemon.max_connections), "500", 1, 100000 },            \
	    { "max_connections_per_address", KIND_NUMBER, false,               \
		    AT(daemon.max_connections_per_address), "20", 1, 100000 }, \
	{                                                                      \
		"max_connections_per_minute", KIND_NUMBER, false,              \
		    AT(daemon.max_connections_per_minute), NULL, 1, 6000000    \
	}
#define SESSIONS(daemon)                                                 \
	{                                                                \
		"max_sessions_per_account", KIND_NUMBER, false,          \
		    AT(daemon.max_sessions_per_account), "60", 1, 100000 \
	}
/* Offsets in struct conf_route, for one route or the relay. */
#define ROUTE                                                                  \
	{ "smarthost", KIND_SMARTHOST, false, IN_ROUTE(smarthost), "", 0, 0 }, \
	    { "user", KIND_TEXT, false, IN_ROUTE(user), "", 0, 0 },            \
	    { "password_file", KIND_PATH, false, IN_ROUTE(password_file), "",  \
		    0, 0 },                                                    \
	{                                                                      \
		"tls", KIND_RELAY_TLS, false, IN_ROUTE(tls), "opportunistic",  \
		    0, 0                                                       \
	}

/* clang-format off */
static const struct conf_option file_options[] = {
	{ "hostname", KIND_HOSTNAME, false, AT(hostname), NULL, 0, 0 },
	{ "domains", KIND_DOMAIN, true, AT(domains), NULL, 0, 0 },
	{ "state", KIND_PATH, false, AT(state), NULL, 0, 0 },
	{ "user", KIND_TEXT, false, AT(user), "hearth", 0, 0 },
};
static const struct conf_option tls_options[] = {
	{ "certificate", KIND_PATH, false, AT(certificate), NULL, 0, 0 },
	{ "key", KIND_PATH, false, AT(key), NULL, 0, 0 },
};
static const struct conf_option smtpd_options[] = {
	LISTEN("listen", smtpd, LISTEN_SMTP),
	LISTEN("submission", smtpd, LISTEN_SUBMISSION),
	LISTEN("submissions", smtpd, LISTEN_SUBMISSIONS),
	{ "message_size_limit", KIND_SIZE, false, AT(message_size_limit), "50M", KIB(64), MIB(1024) },
	{ "max_recipients", KIND_NUMBER, false, AT(max_recipients), "100", 1, 1000 },
	DAEMON(smtpd),
};
static const struct conf_option imapd_options[] = {
	LISTEN("listen", imapd, LISTEN_IMAP),
	LISTEN("imaps", imapd, LISTEN_IMAPS),
	SESSIONS(imapd),
	DAEMON(imapd),
};
static const struct conf_option pop3d_options[] = {
	LISTEN("listen", pop3d, LISTEN_POP3),
	LISTEN("pop3s", pop3d, LISTEN_POP3S),
	SESSIONS(pop3d),
	DAEMON(pop3d),
};
static const struct conf_option route_options[] = { ROUTE };
static const struct conf_option dns_options[] = {
	{ "resolver", KIND_SMARTHOST, false, AT(resolver), "", 0, 0 },
	{ "trust_anchor", KIND_PATH, false, AT(trust_anchor), "", 0, 0 },
};

enum { SECTION_FILE, SECTION_TLS, SECTION_SMTPD, SECTION_IMAPD, SECTION_POP3D,
	SECTION_RELAY, SECTION_ROUTE, SECTION_DNS, SECTION_COUNT };

static const struct conf_section sections[SECTION_COUNT] = {
	[SECTION_FILE]  = { "", false, file_options, COUNT_OF(file_options) },
	[SECTION_TLS]   = { "tls", false, tls_options, COUNT_OF(tls_options) },
	[SECTION_SMTPD] = { "smtpd", false, smtpd_options, COUNT_OF(smtpd_options) },
	[SECTION_IMAPD] = { "imapd", false, imapd_options, COUNT_OF(imapd_options) },
	[SECTION_POP3D] = { "pop3d", false, pop3d_options, COUNT_OF(pop3d_options) },
	[SECTION_RELAY] = { "relay", false, route_options, COUNT_OF(route_options) },
	[SECTION_ROUTE] = { "route", true, route_options, COUNT_OF(route_options) },
	[SECTION_DNS]   = { "dns", false, dns_options, COUNT_OF(dns_options) },
};
/* clang-format on */

/* ---- the loop over the tables ---- */

static void
read_option(struct conf_reading *r, const struct conf_option *o, cfg_t *cfg)
{
	unsigned count = cfg == NULL ? 0 : cfg_size(cfg, o->name);

	r->line = conf_text_line(r->text, r->section, r->instance, o->name);
	if (count == 0 && o->preset != NULL)
		conf_read(r, o, o->preset);
	for (unsigned i = 0; i < count; i++)
		conf_read(r, o, cfg_getnstr(cfg, o->name, i));
}

/* The options of one section, or their presets if the section is not there. */
static void
read_section(struct conf_reading *r, unsigned which, unsigned instance,
    void *target, cfg_t *cfg)
{
	const struct conf_section *s = &sections[which];

	r->section = s;
	r->instance = instance;
	r->target = target;
	for (size_t i = 0; i < s->noptions; i++)
		read_option(r, &s->options[i], cfg);
}

/* A relay logs in with both or not at all, and to somebody. */
static void
check_route(struct conf_reading *r, const struct conf_route *route)
{
	unsigned line =
	    conf_text_line(r->text, r->section, r->instance, "user");
	bool user, password;

	if (!conf_text_good(r->text))
		return;
	user = route->user[0] != '\0';
	password = route->password_file[0] != '\0';
	if (user != password)
		conf_text_complain(r->text, line,
		    "user and password_file belong together; write both or "
		    "neither");
	else if (user && route->smarthost[0] == '\0')
		conf_text_complain(r->text, line,
		    "user needs a smarthost to log in to; write smarthost = "
		    "\"smtp.example.test:587\"");
}

static void
read_route(struct conf_reading *r, unsigned instance, cfg_t *cfg)
{
	struct conf *c = r->conf;
	const char *title = cfg_title(cfg);
	unsigned line =
	    conf_text_line(r->text, &sections[SECTION_ROUTE], instance, "");
	struct conf_route *route = &c->routes[c->nroutes++];

	route->domain = conf_value_domain(title);
	if (route->domain == NULL)
		conf_text_complain(r->text, line,
		    "route: \"%s\" is not a domain; write one such as "
		    "\"far.example\"",
		    title);
	for (size_t i = 0; route->domain != NULL && i + 1 < c->nroutes; i++)
		if (c->routes[i].domain != NULL &&
		    strcmp(c->routes[i].domain, route->domain) == 0)
			conf_text_complain(r->text, line,
			    "route: \"%s\" has a route already; put them "
			    "together",
			    title);
	read_section(r, SECTION_ROUTE, instance, route, cfg);
	check_route(r, route);
}

static void
read_routes(struct conf_reading *r, cfg_t *cfg)
{
	const char *name = sections[SECTION_ROUTE].name;
	unsigned count = cfg_size(cfg, name);

	if (count > ROUTES_MAX) {
		conf_text_complain(r->text,
		    conf_text_line(
			r->text, &sections[SECTION_ROUTE], ROUTES_MAX, ""),
		    "more than %d routes; leave some out", ROUTES_MAX);
		return;
	}
	r->conf->routes = mem_array(count, sizeof(struct conf_route));
	for (unsigned i = 0; i < count; i++)
		read_route(r, i, cfg_getnsec(cfg, name, i));
}

static void
require(struct conf_reading *r, unsigned which, const char *name, bool there,
    const char *example)
{
	if (!there)
		conf_text_complain(r->text,
		    conf_text_line(r->text, &sections[which], 0, name),
		    "%s is missing; write %s", name, example);
}

static bool
filled(const char *value)
{
	return value != NULL && value[0] != '\0';
}

static void
check_whole(struct conf_reading *r)
{
	const struct conf *c = r->conf;
	bool listens = r->naddresses > 0;

	/* What was there but wrong has been spoken of. */
	if (!conf_text_good(r->text))
		return;
	require(r, SECTION_FILE, "hostname", filled(c->hostname),
	    "hostname = \"mail.example.test\"");
	require(r, SECTION_FILE, "domains", c->ndomains > 0,
	    "domains = { \"example.test\" }");
	require(r, SECTION_FILE, "state", filled(c->state),
	    "state = \"/var/lib/hearth\"");
	require(r, SECTION_TLS, "certificate",
	    !listens || filled(c->certificate),
	    "tls { certificate = \"cert.pem\" key = \"key.pem\" }");
	require(r, SECTION_TLS, "key", !listens || filled(c->key),
	    "tls { certificate = \"cert.pem\" key = \"key.pem\" }");
}

/* ---- libConfuse ---- */

/* It hands over one argument only: its own struct. */
static struct conf_text *complaints;

static void on_error(cfg_t *, const char *, va_list) PRINTF_LIKE(2, 0);

static void
on_error(cfg_t *cfg, const char *format, va_list args)
{
	char words[512];

	if (vsnprintf(words, sizeof(words), format, args) < 0)
		words[0] = '\0';
	conf_text_complain(complaints, cfg == NULL ? 1 : (unsigned)cfg->line,
	    "%s; hearth.conf(5) shows how to write it", words);
}

/* The tables in libConfuse's form; every value is text. */
static cfg_t *
make_parser(void)
{
	static cfg_opt_t options[SECTION_COUNT][OPTIONS_MAX + SECTION_COUNT];

	for (size_t i = SECTION_COUNT; i-- > 0;) {
		cfg_opt_t *next = options[i];

		for (size_t j = 0; j < sections[i].noptions; j++) {
			const struct conf_option *o = &sections[i].options[j];

			assert(j < OPTIONS_MAX);
			*next++ = o->list ? (cfg_opt_t)CFG_STR_LIST(
						o->name, NULL, CFGF_NODEFAULT)
			                  : (cfg_opt_t)CFG_STR(
						o->name, NULL, CFGF_NODEFAULT);
		}
		for (size_t j = 1; i == SECTION_FILE && j < SECTION_COUNT; j++)
			*next++ =
			    (cfg_opt_t)CFG_SEC(sections[j].name, options[j],
				sections[j].titled ? CFGF_MULTI | CFGF_TITLE
						   : CFGF_NONE);
		*next = (cfg_opt_t)CFG_END();
	}
	return cfg_init(options[SECTION_FILE], CFGF_NONE);
}

/* Who may have more connections at once may also make more of them. */
static void
preset_rate(struct conf_daemon *d)
{
	if (d->max_connections_per_minute == 0)
		d->max_connections_per_minute =
		    VISITS_A_PLACE * d->max_connections_per_address;
}

static void
read_all(struct conf_reading *r, cfg_t *cfg)
{
	struct conf *c = r->conf;

	read_section(r, SECTION_FILE, 0, c, cfg);
	for (unsigned i = SECTION_TLS; i < SECTION_RELAY; i++)
		read_section(r, i, 0, c, cfg_getsec(cfg, sections[i].name));
	preset_rate(&c->smtpd);
	preset_rate(&c->imapd);
	preset_rate(&c->pop3d);
	/* Submissions are not counted by account, but the field has its value.
	 */
	c->smtpd.max_sessions_per_account = c->imapd.max_sessions_per_account;
	read_section(r, SECTION_RELAY, 0, &c->relay, cfg_getsec(cfg, "relay"));
	check_route(r, &c->relay);
	read_routes(r, cfg);
	read_section(r, SECTION_DNS, 0, c, cfg_getsec(cfg, "dns"));
	check_whole(r);
}

/* The file's absolute name, without asking the disk about links in it. */
static char *
absolute(const char *file)
{
	char *here, *path;

	if (file[0] == '/')
		return mem_string(span_of(file));
	here = getcwd(NULL, 0);
	path = file_path(here == NULL ? "/" : here, file);
	mem_free(&here);
	return path;
}

enum herr
conf_load(const char *file, struct conf **out)
{
	struct conf_reading r = { .conf = NULL };
	enum herr err = conf_text_open(file, sections, SECTION_COUNT, &r.text);
	cfg_t *cfg;

	if (err != H_OK)
		return err;
	r.conf = mem_alloc(sizeof(*r.conf));
	r.conf->file = absolute(file);
	r.folder = mem_string((struct span){ r.conf->file,
	    (size_t)(strrchr(r.conf->file, '/') - r.conf->file) + 1 });
	complaints = r.text;
	cfg = make_parser();
	if (cfg == NULL)
		PANIC("libConfuse has no memory");
	cfg_set_error_function(cfg, on_error);
	if (cfg_parse_buf(cfg, conf_text_bytes(r.text)) != CFG_SUCCESS &&
	    conf_text_good(r.text))
		conf_text_complain(r.text, 1,
		    "cannot be understood; hearth.conf(5) shows how to write "
		    "it");
	if (conf_text_good(r.text))
		read_all(&r, cfg);
	cfg_free(cfg);
	complaints = NULL;
	if (conf_text_good(r.text))
		*out = r.conf;
	else {
		err = H_INVALID;
		conf_free(&r.conf);
	}
	conf_text_close(&r.text);
	mem_free(&r.folder);
	return err;
}

static void
free_daemon(struct conf_daemon *d)
{
	for (size_t i = 0; i < d->nlisteners; i++)
		mem_free(&d->listeners[i].text);
	mem_free(&d->listeners);
}

static void
free_route(struct conf_route *route)
{
	mem_free(&route->domain);
	mem_free(&route->smarthost);
	mem_free(&route->user);
	mem_free(&route->password_file);
	mem_free(&route->tls);
}

void
conf_free(struct conf **cp)
{
	struct conf *c = *cp;

	if (c == NULL)
		return;
	mem_free(&c->file);
	mem_free(&c->hostname);
	mem_free(&c->state);
	mem_free(&c->user);
	for (size_t i = 0; i < c->ndomains; i++)
		mem_free(&c->domains[i]);
	mem_free(&c->domains);
	mem_free(&c->certificate);
	mem_free(&c->key);
	free_daemon(&c->smtpd);
	free_daemon(&c->imapd);
	free_daemon(&c->pop3d);
	free_route(&c->relay);
	for (size_t i = 0; i < c->nroutes; i++)
		free_route(&c->routes[i]);
	mem_free(&c->routes);
	mem_free(&c->resolver);
	mem_free(&c->trust_anchor);
	mem_free(cp);
}
