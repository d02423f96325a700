/* hearth.conf: what is accepted, what is refused, and with which words. */
#include "common/conf.h"

#include "common/file.h"
#include "common/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_conf.XXXXXX";

#define BASE                                 \
	"hostname = \"mail.example.test\"\n" \
	"domains = { \"example.test\" }\n"   \
	"state = \"/var/lib/hearth\"\n"
#define TLS "tls { certificate = \"cert.pem\" key = \"key.pem\" }\n"

/* Loads the text; what it says on standard error goes to `said`. */
static enum herr
load(struct span text, struct conf **conf, struct buf *said)
{
	char *file = file_path(folder, "hearth.conf");
	char *error = file_path(folder, "error");
	int saved = dup(STDERR_FILENO);
	int fd = open(error, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum herr err;

	assert_true(saved >= 0 && fd >= 0);
	assert_int_equal(file_replace(file, text, 0600), H_OK);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	err = conf_load(file, conf);
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(fd);
	assert_int_equal(file_read(error, said), H_OK);
	unlink(error);
	unlink(file);
	mem_free(&file);
	mem_free(&error);
	return err;
}

/* clang-format off */
static const struct {
	const char *text;
	const char *said; /* behind "FILE:" */
} bad[] = {
	/* names */
	{ "hostnam = \"a.b\"\n", "1: no option \"hostnam\"; did you mean \"hostname\"?" },
	{ BASE "\n# x\nsmtpd {\n listn = {}\n}", "7: no option \"listn\"; did you mean \"listen\"?" },
	{ BASE "smtp { }", "4: no option \"smtp\"; did you mean \"smtpd\"?" },
	{ BASE "zzz = 1", "4: no option \"zzz\"; hearth.conf(5) lists all there are" },
	{ BASE "imapd { domains = {} }", "4: no option \"domains\" in imapd; it belongs outside of all sections" },
	{ BASE "message_size_limit = 1M", "4: no option \"message_size_limit\" here; it belongs in a section such as smtpd { }" },
	{ BASE "smtpd { max_sessions_per_account = 3 }", "4: no option \"max_sessions_per_account\" here; it belongs in a section such as imapd { }" },
	{ BASE "tls = \"cert.pem\"", "4: tls is a section; write tls { ... }" },
	{ BASE "include(\"x\")", "4: " },
	{ BASE "include = \"x\"", "4: no option \"include\"" },
	/* braces, quotes, signs */
	{ BASE "smtpd {\n listen = {}\n", "4: smtpd begins here and never ends; add the missing \"}\"" },
	{ BASE "smtpd {\nimapd { }\n", "5: imapd begins inside of smtpd, which began in line 4; add a \"}\" before it" },
	{ BASE "smtpd { listen = { \"*:25\" \n}\n", "4: smtpd begins here and never ends" },
	{ "domains = { \"example.test\"\nhostname = \"a.b\"", "1: the list of \"domains\" goes wrong in line 2; write { \"one\", \"two\" }" },
	{ "domains = { \"a.b\",, }", "1: the list of \"domains\" goes wrong in line 1" },
	{ "domains = { \"a.b\"", "1: the list of \"domains\" goes wrong in line 1" },
	{ BASE "}\n", "4: a \"}\" too much; remove it" },
	{ BASE "hostname = \"x", "4: a text that begins with \" does not end on its line; add the closing \"" },
	{ BASE "user = 'x\ny'", "4: a text that begins with ' does not end on its line" },
	{ BASE "user \"x\"", "4: a \"=\" is missing after \"user\"; write user = \"value\"" },
	{ BASE "user", "4: a \"=\" is missing after \"user\"" },
	{ BASE "user =\n", "4: \"user\" lacks its value; write user = \"value\"" },
	{ BASE "user = { \"x\" }", "4: \"user\" takes one value, not a list; write user = \"value\"" },
	{ BASE "domains += { \"x\" }", "4: \"+\" cannot stand here" },
	{ BASE "smtpd \"x\" { }", "4: smtpd does not begin like that; write smtpd {" },
	{ BASE "route { }", "4: route does not begin like that; write route \"far.example\" {" },
	{ "", "1: hostname is missing; write hostname = \"mail.example.test\"" },
	/* given twice */
	{ BASE "user = \"a\"\nuser = \"b\"", "5: \"user\" is given twice, first in line 4; keep one of them" },
	{ BASE TLS TLS, "5: the section tls is given twice, first in line 4; put its options together" },
	{ BASE "route \"a.b\" { } route \"A.b\" { }", "4: the section route A.b is given twice, first in line 4" },
	{ BASE "imapd { max_connections = 1 max_connections = 2 }", "4: \"max_connections\" is given twice" },
	/* numbers, sizes, yes and no */
	{ BASE "imapd { max_connections = 010 }", "4: max_connections \"010\" is out of range; write a number from 1 to 100000" },
	{ BASE "imapd { max_connections = -1 }", "4: max_connections \"-1\" is out of range" },
	{ BASE "imapd { max_connections = 0 }", "4: max_connections \"0\" is out of range" },
	{ BASE "imapd { max_connections = 0x10 }", "4: max_connections \"0x10\" is out of range" },
	{ BASE "imapd { max_connections = \"\" }", "4: max_connections \"\" is out of range" },
	{ BASE "imapd { max_connections = 18446744073709551617 }", "4: max_connections \"18446744073709551617\" is out of range" },
	{ BASE "smtpd {\n\n max_recipients = 1001 }", "6: max_recipients \"1001\" is out of range; write a number from 1 to 1000" },
	{ BASE "smtpd { message_size_limit = 50X }", "4: message_size_limit \"50X\" is not a size from 64K to 1024M; write it like \"50M\"" },
	{ BASE "smtpd { message_size_limit = 63K }", "4: message_size_limit \"63K\" is not a size" },
	{ BASE "smtpd { message_size_limit = M }", "4: message_size_limit \"M\" is not a size" },
	{ BASE "smtpd { message_size_limit = 17179869185G }", "4: message_size_limit \"17179869185G\" is not a size" },
	{ BASE "pop3d { plaintext_auth = maybe }", "4: plaintext_auth \"maybe\" is neither yes nor no; write true or false" },
	/* names of machines */
	{ "hostname = mail\n", "1: hostname \"mail\" is not a full host name; write one such as \"mail.example.test\"" },
	{ "hostname = \"192.0.2.1\"\n", "1: hostname \"192.0.2.1\" is not a full host name" },
	{ BASE "user = \"\\x01\"", "4: user holds a control character; leave it out" },
	{ "domains = { \"a..b\" }", "1: domains: \"a..b\" is not a domain; write one such as \"example.test\"" },
	{ "domains = { \"a_b.test\" }", "1: domains: \"a_b.test\" is not a domain" },
	{ "domains = { \"-a.test\" }", "1: domains: \"-a.test\" is not a domain" },
	{ "domains = { \"\" }", "1: domains: \"\" is not a domain" },
	{ "domains = { \"a.test\", \"A.TEST\" }", "1: domains: \"A.TEST\" is there twice; write it once" },
	{ "hostname = a.b\ndomains = {}\nstate = x\n", "2: domains is missing; write domains = { \"example.test\" }" },
	{ "hostname = a.b\ndomains = a.b\n", "1: state is missing; write state = \"/var/lib/hearth\"" },
	{ "hostname = a.b\ndomains = a.b\nstate=\"\"", "3: state is missing" },
	/* listeners */
	{ BASE TLS "smtpd { listen = { \"127.0.0.1\" } }", "5: listen: \"127.0.0.1\" is not an address and a port from 1 to 65535; write \"127.0.0.1:2525\", \"[::1]:2525\" or \"*:2525\"" },
	{ BASE TLS "smtpd { listen = { \"127.0.0.1:0\" } }", "5: listen: \"127.0.0.1:0\" is not" },
	{ BASE TLS "smtpd { listen = { \"127.0.0.1:65536\" } }", "5: listen: \"127.0.0.1:65536\" is not" },
	{ BASE TLS "smtpd { listen = { \"127.0.0.1:025\" } }", "5: listen: \"127.0.0.1:025\" is not" },
	{ BASE TLS "smtpd { listen = { \"localhost:25\" } }", "5: listen: \"localhost:25\" is not" },
	{ BASE TLS "smtpd { listen = { \"::1:25\" } }", "5: listen: \"::1:25\" is not" },
	{ BASE TLS "smtpd { listen = { \"[::g]:25\" } }", "5: listen: \"[::g]:25\" is not" },
	{ BASE TLS "smtpd { listen = { \"[*]:25\" } }", "5: listen: \"[*]:25\" is not" },
	{ BASE TLS "smtpd { listen = { \"[127.0.0.1]:25\" } }", "5: listen: \"[127.0.0.1]:25\" is not" },
	{ BASE TLS "smtpd { listen = { \":25\" } }", "5: listen: \":25\" is not" },
	{ BASE TLS "smtpd { listen = \"127.0.0.1:25\" }\nimapd { imaps = \"127.0.0.1:25\" }", "6: imaps: \"127.0.0.1:25\" is taken by a listener before it; choose another port" },
	{ BASE TLS "smtpd { listen = { \"*:25\", \"127.0.0.1:25\" } }", "5: listen: \"127.0.0.1:25\" is taken" },
	{ BASE TLS "smtpd { listen = { \"[::1]:25\", \"[0::1]:25\" } }", "5: listen: \"[0::1]:25\" is taken" },
	{ BASE TLS "smtpd { listen = { \"10.0.0.1:25\", \"0.0.0.0:25\" } }", "5: listen: \"0.0.0.0:25\" is taken" },
	{ BASE "smtpd { listen = { \"*:25\" } }", "1: certificate is missing; write tls { certificate = \"cert.pem\" key = \"key.pem\" }" },
	{ BASE "tls { certificate = \"x\" }\nsmtpd { listen = { \"*:25\" } }", "4: key is missing; write tls {" },
	/* relay, routes, dns */
	{ BASE "relay { tls = \"maybe\" }", "4: tls \"maybe\" is not known; write \"opportunistic\", \"required\" or \"implicit\"" },
	{ BASE "relay { smarthost = \"smtp.example.test\" }", "4: smarthost \"smtp.example.test\" is not a host and a port; write it like \"smtp.example.test:587\", or \"\" for none" },
	{ BASE "relay { smarthost = \"h:25\" user = \"u\" }", "4: user and password_file belong together; write both or neither" },
	{ BASE "relay { smarthost = \"h:25\" password_file = \"p\" }", "4: user and password_file belong together" },
	{ BASE "relay { user = \"u\" password_file = \"p\" }", "4: user needs a smarthost to log in to" },
	{ BASE "route \"a.b\" { }\nroute \"-\" { }", "5: route: \"-\" is not a domain; write one such as \"far.example\"" },
	{ BASE "route \"b\303\274cher.test\" { }\nroute \"xn--bcher-kva.test\" { }", "5: route: \"xn--bcher-kva.test\" has a route already; put them together" },
	{ BASE "route \"a.b\" {\n tls = x }", "5: tls \"x\" is not known" },
	{ BASE "dns { resolver = \"x\" }", "4: resolver \"x\" is not a host and a port" },
};
/* clang-format on */

static void
test_bad(void **state)
{
	struct buf said = BUF_INIT(65536), want = BUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct conf *conf = NULL;
		enum herr err = load(span_of(bad[i].text), &conf, &said);

		buf_clear(&want);
		buf_format(&want, "%s/hearth.conf:%s", folder, bad[i].said);
		if (err != H_INVALID || conf != NULL || said.len < want.len ||
		    memcmp(said.ptr, want.ptr, want.len) != 0)
			fail_msg("case %zu (%s): %s, wanted \"%.*s\", was told "
				 "\"%.*s\"",
			    i, bad[i].text, herr_text(err), (int)want.len,
			    want.ptr, (int)said.len, said.ptr);
		assert_int_equal(said.ptr[said.len - 1], '\n');
	}
	buf_free(&said);
	buf_free(&want);
}

/* Everything that is wrong with the values is said at once. */
static void
test_all_said(void **state)
{
	struct buf said = BUF_INIT(65536);
	struct conf *conf = NULL;
	size_t lines = 0;

	(void)state;
	assert_int_equal(load(SPAN("hostname = x\ndomains = { \"-\" }\n"
				   "pop3d { max_connections = 0 }\n"),
			     &conf, &said),
	    H_INVALID);
	for (size_t i = 0; i < said.len; i++)
		lines += said.ptr[i] == '\n';
	assert_int_equal(lines, 3);
	buf_free(&said);
}

static void
test_least(void **state)
{
	struct buf said = BUF_INIT(65536);
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(load(SPAN(BASE), &c, &said), H_OK);
	assert_int_equal(said.len, 0);
	assert_string_equal(c->hostname, "mail.example.test");
	assert_string_equal(c->state, "/var/lib/hearth");
	assert_string_equal(c->user, "hearth");
	assert_int_equal(c->ndomains, 1);
	assert_int_equal(c->message_size_limit, 50 << 20);
	assert_int_equal(c->max_recipients, 100);
	assert_int_equal(c->smtpd.nlisteners, 0);
	assert_false(c->smtpd.plaintext_auth);
	assert_int_equal(c->smtpd.max_connections, 500);
	assert_int_equal(c->imapd.max_connections_per_address, 20);
	assert_int_equal(c->imapd.max_connections_per_minute, 300);
	assert_int_equal(c->imapd.max_sessions_per_account, 60);
	assert_int_equal(c->pop3d.max_sessions_per_account, 60);
	assert_null(c->relay.domain);
	assert_string_equal(c->relay.smarthost, "");
	assert_string_equal(c->relay.tls, "opportunistic");
	assert_int_equal(c->nroutes, 0);
	assert_string_equal(c->resolver, "");
	assert_string_equal(c->trust_anchor, "");
	conf_free(&c);
	assert_null(c);
	conf_free(&c);
	buf_free(&said);
}

static const char full[] =
    "# a comment { with } \"everything\"\r\n"
    "hostname = 'Mail.Example.Test'   # behind\r\n"
    "domains  = { \"Example.Test\", \"b\303\274cher.test\", other.test, }\n"
    "state    = \"st{ate\"\n"
    "user     = \"\"\n"
    "tls   { certificate = \"tls/cert.pem\"  key = \"/etc/key.pem\" }\n"
    "smtpd { listen = { \"127.0.0.1:2525\", \"[::1]:2525\" }\n"
    "        submission = \"*:2587\" submissions = { \"*:2465\" }\n"
    "        message_size_limit = \"1G\" max_recipients = 1000\n"
    "        plaintext_auth = yes max_connections = 7\n"
    "        max_connections_per_minute = 2 }\n"
    "imapd { listen = { \"10.0.0.1:143\" } imaps = { \"10.0.0.2:143\" }\n"
    "        max_sessions_per_account = 3\n"
    "        max_connections_per_address = 4 }\n"
    "pop3d { pop3s = { \"127.0.0.1:2995\" } plaintext_auth = true }\n"
    "relay { smarthost = \"smtp.example.test:587\" user = \"u\"\n"
    "        password_file = \"secret\" tls = required }\n"
    "route \"Far.Example\" { smarthost = \"10.0.0.1:25\" }\n"
    "route near.example { smarthost = \"[2001:db8::1]:465\" tls = \"implicit\" "
    "}\n"
    "dns   { resolver = \"127.0.0.1:5353\"  trust_anchor = \"anchor\" }";

static void
assert_in_folder(const char *path, const char *name)
{
	char *want = file_path(folder, name);

	assert_string_equal(path, want);
	mem_free(&want);
}

static void
test_full(void **state)
{
	struct buf said = BUF_INIT(65536);
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(load(span_of(full), &c, &said), H_OK);
	assert_in_folder(c->file, "hearth.conf");
	assert_string_equal(c->hostname, "mail.example.test");
	assert_int_equal(c->ndomains, 3);
	assert_string_equal(c->domains[0], "example.test");
	assert_string_equal(c->domains[1], "xn--bcher-kva.test");
	assert_string_equal(c->domains[2], "other.test");
	assert_in_folder(c->state, "st{ate");
	assert_string_equal(c->user, "");
	assert_in_folder(c->certificate, "tls/cert.pem");
	assert_string_equal(c->key, "/etc/key.pem");
	assert_int_equal(c->smtpd.nlisteners, 4);
	assert_int_equal(c->smtpd.listeners[1].kind, LISTEN_SMTP);
	assert_string_equal(c->smtpd.listeners[1].text, "[::1]:2525");
	assert_int_equal(c->smtpd.listeners[2].kind, LISTEN_SUBMISSION);
	assert_string_equal(c->smtpd.listeners[2].text, "*:2587");
	assert_int_equal(c->smtpd.listeners[3].kind, LISTEN_SUBMISSIONS);
	assert_true(c->smtpd.plaintext_auth);
	assert_int_equal(c->smtpd.max_connections, 7);
	assert_int_equal(c->smtpd.max_connections_per_minute, 2);
	assert_int_equal(c->message_size_limit, 1 << 30);
	assert_int_equal(c->max_recipients, 1000);
	assert_int_equal(c->imapd.listeners[0].kind, LISTEN_IMAP);
	assert_int_equal(c->imapd.listeners[1].kind, LISTEN_IMAPS);
	assert_false(c->imapd.plaintext_auth);
	assert_int_equal(c->imapd.max_sessions_per_account, 3);
	assert_int_equal(c->imapd.max_connections_per_address, 4);
	assert_int_equal(c->imapd.max_connections_per_minute, 60);
	assert_int_equal(c->pop3d.nlisteners, 1);
	assert_int_equal(c->pop3d.listeners[0].kind, LISTEN_POP3S);
	assert_true(c->pop3d.plaintext_auth);
	assert_string_equal(c->relay.smarthost, "smtp.example.test:587");
	assert_string_equal(c->relay.user, "u");
	assert_in_folder(c->relay.password_file, "secret");
	assert_string_equal(c->relay.tls, "required");
	assert_int_equal(c->nroutes, 2);
	assert_string_equal(c->routes[0].domain, "far.example");
	assert_string_equal(c->routes[0].tls, "opportunistic");
	assert_string_equal(c->routes[1].domain, "near.example");
	assert_string_equal(c->routes[1].smarthost, "[2001:db8::1]:465");
	assert_string_equal(c->resolver, "127.0.0.1:5353");
	assert_in_folder(c->trust_anchor, "anchor");
	conf_free(&c);
	buf_free(&said);
}

/* Cut anywhere, the file is refused or read, and never more than that. */
static void
test_cut(void **state)
{
	struct buf said = BUF_INIT(65536);

	(void)state;
	for (size_t len = 0; len < sizeof(full) - 1; len++) {
		struct conf *c = NULL;
		enum herr err = load((struct span){ full, len }, &c, &said);

		assert_true(err == H_OK ? c != NULL && said.len == 0
					: c == NULL && said.len > 0);
		conf_free(&c);
	}
	buf_free(&said);
}

static void
test_unreadable(void **state)
{
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(conf_load("/nonexistent/hearth.conf", &c), H_NOTFOUND);
	assert_null(c);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_all_said),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
