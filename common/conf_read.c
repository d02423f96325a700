/* One function for each kind of value; each refuses what it cannot take. */
#include "common/conf_read.h"

#include "common/file.h"
#include "common/mem.h"
#include "common/settings.h"

static void *
place_of(const struct conf_reading *r, const struct conf_option *o)
{
	return (char *)r->target + o->at;
}

static void
read_text(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	*(char **)place_of(r, o) = mem_string(span_of(value));
}

static void
read_path(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	*(char **)place_of(r, o) = value[0] == '\0'
	                               ? mem_string(SPAN(""))
	                               : file_path(r->folder, value);
}

static void
read_hostname(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	char *name = conf_value_domain(value);

	if (name == NULL || strchr(name, '.') == NULL)
		conf_text_complain(r->text, r->line,
		    "%s \"%s\" is not a full host name; write one such as "
		    "\"mail.example.test\"",
		    o->name, value);
	*(char **)place_of(r, o) = name;
}

static void
read_domain(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	struct conf *c = r->conf;
	char *name = conf_value_domain(value);

	if (name == NULL) {
		conf_text_complain(r->text, r->line,
		    "%s: \"%s\" is not a domain; write one such as "
		    "\"example.test\"",
		    o->name, value);
		return;
	}
	for (size_t i = 0; i < c->ndomains; i++)
		if (strcmp(c->domains[i], name) == 0) {
			conf_text_complain(r->text, r->line,
			    "%s: \"%s\" is there twice; write it once", o->name,
			    value);
			mem_free(&name);
			return;
		}
	if (c->ndomains == SETTINGS_DOMAINS_MAX) {
		conf_text_complain(r->text, r->line,
		    "%s: more than %d; leave some out", o->name,
		    SETTINGS_DOMAINS_MAX);
		mem_free(&name);
		return;
	}
	c->domains = mem_resize(c->domains, c->ndomains + 1, sizeof(char *));
	c->domains[c->ndomains++] = name;
}

/* Whether the address may be added to those of all daemons. */
static bool
listener_fits(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	struct conf_address *a = &r->addresses[r->naddresses];

	if (r->naddresses == CONF_LISTENERS_MAX) {
		conf_text_complain(r->text, r->line,
		    "%s: more than %d addresses in all; leave some out",
		    o->name, CONF_LISTENERS_MAX);
		return false;
	}
	if (!conf_value_listener(value, a)) {
		conf_text_complain(r->text, r->line,
		    "%s: \"%s\" is not an address and a port from 1 to 65535; "
		    "write \"127.0.0.1:2525\", \"[::1]:2525\" or \"*:2525\"",
		    o->name, value);
		return false;
	}
	for (size_t i = 0; i < r->naddresses; i++)
		if (conf_value_clash(a, &r->addresses[i])) {
			conf_text_complain(r->text, r->line,
			    "%s: \"%s\" is taken by a listener before it; "
			    "choose another port",
			    o->name, value);
			return false;
		}
	r->naddresses++;
	return true;
}

static void
read_listener(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	struct conf_daemon *d = place_of(r, o);

	if (!listener_fits(r, o, value))
		return;
	d->listeners =
	    mem_resize(d->listeners, d->nlisteners + 1, sizeof(*d->listeners));
	d->listeners[d->nlisteners++] =
	    (struct conf_listener){ (enum listener_kind)o->least,
		    mem_string(span_of(value)) };
}

static void
read_bool(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	if (!conf_value_bool(value, place_of(r, o)))
		conf_text_complain(r->text, r->line,
		    "%s \"%s\" is neither yes nor no; write true or false",
		    o->name, value);
}

static void
read_number(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	uint64_t number;

	if (conf_value_number(value, &number) && number >= o->least &&
	    number <= o->most)
		*(uint32_t *)place_of(r, o) = (uint32_t)number;
	else
		conf_text_complain(r->text, r->line,
		    "%s \"%s\" is out of range; write a number from %llu to "
		    "%llu",
		    o->name, value, (unsigned long long)o->least,
		    (unsigned long long)o->most);
}

static void
read_size(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	uint64_t *size = place_of(r, o);

	if (!conf_value_size(value, size) || *size < o->least ||
	    *size > o->most)
		conf_text_complain(r->text, r->line,
		    "%s \"%s\" is not a size from %lluK to %lluM; write it "
		    "like \"50M\"",
		    o->name, value, (unsigned long long)(o->least >> 10),
		    (unsigned long long)(o->most >> 20));
}

static void
read_smarthost(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	if (value[0] != '\0' && !conf_value_host_port(value))
		conf_text_complain(r->text, r->line,
		    "%s \"%s\" is not a host and a port; write it like "
		    "\"smtp.example.test:587\", or \"\" for none",
		    o->name, value);
	read_text(r, o, value);
}

static void
read_relay_tls(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	static const char *const words[] = { "opportunistic", "required",
		"implicit" };
	bool known = false;

	for (size_t i = 0; i < COUNT_OF(words); i++)
		known = known || strcmp(value, words[i]) == 0;
	if (!known)
		conf_text_complain(r->text, r->line,
		    "%s \"%s\" is not known; write \"opportunistic\", "
		    "\"required\" or \"implicit\"",
		    o->name, value);
	read_text(r, o, value);
}

typedef void reader(
    struct conf_reading *, const struct conf_option *, const char *);

/* clang-format off */
static reader *const readers[KIND_COUNT] = {
	[KIND_TEXT]      = read_text,
	[KIND_PATH]      = read_path,
	[KIND_HOSTNAME]  = read_hostname,
	[KIND_DOMAIN]    = read_domain,
	[KIND_LISTENER]  = read_listener,
	[KIND_BOOL]      = read_bool,
	[KIND_NUMBER]    = read_number,
	[KIND_SIZE]      = read_size,
	[KIND_SMARTHOST] = read_smarthost,
	[KIND_RELAY_TLS] = read_relay_tls,
};
/* clang-format on */

static bool
has_control(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return true;
	return false;
}

void
conf_read(
    struct conf_reading *r, const struct conf_option *o, const char *value)
{
	if (value == NULL || has_control(value))
		conf_text_complain(r->text, r->line,
		    "%s holds a control character; leave it out", o->name);
	else
		readers[o->kind](r, o, value);
}
