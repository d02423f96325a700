/* hearth: one table of commands, and what they all need. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/capability.h"
#include "common/decode.h"
#include "common/identity.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/settings.h"
#include "mailstore/address.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_folder.h"
#include "mailstore/tool_restore.h"

#define DEFAULT_CONF HEARTH_SYSCONF "/hearth/hearth.conf"

enum {
	TOOL_STATE = 1,  /* becomes `user` and enters the state folder */
	TOOL_CHANGE = 2, /* changes the directory: daemons that run are told */
	/* The first argument is outside of the state: */
	TOOL_FILLS = 4,  /* a folder to be filled with backups */
	TOOL_BACKUP = 8, /* a backup to be read */
};
enum { MANY = 1000, BUSY_TRIES = 1500 /* half a minute */ };

/* clang-format off */
static const struct command {
	const char   *first, *second;	/* its words */
	const char   *arguments;
	int           least, most;	/* arguments */
	unsigned      traits;
	tool_command *run;
	const char   *help;
} commands[] = {
	{ "check-config", NULL, "",			0, 0,	 0,	     tool_check_config,	   "check hearth.conf, certificate, state and ports" },
	{ "run",	NULL, "",			0, 0,	 0,	     tool_run,		   "run all daemons in the foreground" },
	{ "status",	NULL, "",			0, 0,	 TOOL_STATE, tool_status,	   "what runs" },
	{ "account",	"add", "ADDRESS [--password-stdin]",	  1, 1, TOOL_STATE | TOOL_CHANGE, tool_account_add,	   "make an account" },
	{ "account",	"list", "",			0, 0,	 TOOL_STATE, tool_account_list,	   "all accounts" },
	{ "account",	"password", "ADDRESS [--password-stdin]", 1, 1, TOOL_STATE | TOOL_CHANGE, tool_account_password, "set a password" },
	{ "account",	"remove", "ADDRESS",		1, 1,	 TOOL_STATE | TOOL_CHANGE, tool_account_remove,  "remove an account; its mail is kept aside for 7 days" },
	{ "account",	"set", "ADDRESS [--quota SIZE] [--without CAPABILITY] [--with CAPABILITY]",	1, 1,	 TOOL_STATE | TOOL_CHANGE, tool_account_set,	   "limit what an account may hold (0: no limit); announce a capability to it or not" },
	{ "alias",	"add", "ADDRESS TARGET...",	2, MANY, TOOL_STATE | TOOL_CHANGE, tool_alias_add,	   "send mail for an address elsewhere" },
	{ "alias",	"list", "",			0, 0,	 TOOL_STATE, tool_alias_list,	   "all aliases" },
	{ "alias",	"remove", "ADDRESS",		1, 1,	 TOOL_STATE | TOOL_CHANGE, tool_alias_remove,	   "remove an alias" },
	{ "queue",	"list", "",			0, 0,	 TOOL_STATE, tool_queue_list,	   "what waits to go out" },
	{ "queue",	"show", "ID",			1, 1,	 TOOL_STATE, tool_queue_show,	   "one message of it" },
	{ "import",	NULL, "ADDRESS [--mailbox NAME] PATH",	2, 2, 0,     tool_import,	   "bring in a Maildir, an mbox, or a folder of them; what came in before is passed over" },
	{ "export",	NULL, "ADDRESS PATH",			2, 2, 0,     tool_export,	   "write a Maildir to an empty or new folder" },
	{ "backup",	NULL, "DIR",			1, 1,	 TOOL_STATE | TOOL_FILLS, tool_backup,		   "copy everything to a new folder in DIR, and remove the backup before it" },
	{ "restore",	NULL, "DIR [ADDRESS [MAILBOX]]", 1, 3,	 TOOL_STATE | TOOL_BACKUP | TOOL_CHANGE, tool_restore, "bring back everything, an account, or a mailbox" },
	{ "verify",	NULL, "[ADDRESS]",		0, 1,	 TOOL_STATE, tool_verify,	   "check every digest, record and invariant" },
	{ "repair",	NULL, "ADDRESS",		1, 1,	 TOOL_STATE, tool_repair,	   "make an account anew from all that can be read of it" },
	{ "compact",	NULL, "ADDRESS",		1, 1,	 TOOL_STATE, tool_compact,	   "give the space back that an account has free" },
};
/* clang-format on */

static int
usage(FILE *out)
{
	fprintf(out, "usage: hearth [-c FILE] COMMAND [--json]\n\n");
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];
		int n = fprintf(out, "  %s%s%s %s", c->first,
		    c->second != NULL ? " " : "",
		    c->second != NULL ? c->second : "", c->arguments);

		fprintf(out, "%*s%s\n", n < 48 ? 48 - n : 1, "", c->help);
	}
	fprintf(out, "\nFILE is %s if none is given.  See hearth(8).\n",
	    DEFAULT_CONF);
	return out == stdout ? TOOL_DONE : TOOL_USAGE;
}

void
tool_harmless(char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') ||
		    *text == 0x7f)
			*text = '?';
}

int
tool_refuse(const char *format, ...)
{
	char line[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	/* One line, whatever was given to us. */
	tool_harmless(line);
	fprintf(stderr, "hearth: %s\n", line);
	return TOOL_REFUSED;
}

bool
tool_address(const char *given, char canonical[ADDRESS_SIZE])
{
	struct buf b = BUF_INIT(ADDRESS_SIZE - 1);
	bool good = address_canonical(span_of(given), &b) &&
	            address_domain(buf_span(&b)).len > 0;

	if (good) {
		memcpy(canonical, b.ptr, b.len);
		canonical[b.len] = '\0';
	} else {
		tool_refuse(
		    "\"%s\" is not an address such as alice@example.org",
		    given);
	}
	buf_free(&b);
	return good;
}

bool
tool_own_address(
    const struct tool *t, const char *given, char canonical[ADDRESS_SIZE])
{
	const struct settings s = { .domains = t->conf->domains,
		.ndomains = t->conf->ndomains };

	if (!tool_address(given, canonical))
		return false;
	if (!settings_has_domain(&s, span_of(strrchr(canonical, '@') + 1))) {
		tool_refuse("%s is in none of the domains of %s", canonical,
		    t->conf->file);
		return false;
	}
	return true;
}

static struct directory *
directory_or_refuse(const struct tool *t, struct directory *d, enum herr err)
{
	if (err == H_OK) {
		directory_domains(d, t->conf->domains, t->conf->ndomains);
		return d;
	}
	if (err == H_BUSY)
		tool_refuse("another hearth command is changing the directory; "
			    "try again");
	else
		tool_refuse("cannot open the directory in %s: %s",
		    t->conf->state, herr_text(err));
	return NULL;
}

struct directory *
tool_directory(const struct tool *t)
{
	static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	struct directory *d = NULL;
	enum herr err = directory_open(&d, ".");

	for (int tries = 0; err == H_BUSY && tries < BUSY_TRIES; tries++) {
		nanosleep(&pause, NULL);
		err = directory_open(&d, ".");
	}
	return directory_or_refuse(t, d, err);
}

struct directory *
tool_directory_to_read(const struct tool *t)
{
	struct directory *d = NULL;
	enum herr err = directory_open_published(&d, ".");

	/* Nothing was published: there was never anything to publish. */
	return err == H_NOTFOUND ? tool_directory(t)
	                         : directory_or_refuse(t, d, err);
}

bool
tool_account(
    struct directory *d, const char *given, struct directory_account *account)
{
	char canonical[ADDRESS_SIZE];

	if (!tool_address(given, canonical))
		return false;
	if (directory_account_by_address(d, span_of(canonical), account) ==
	    H_OK)
		return true;
	tool_refuse(
	    "there is no account %s; \"hearth account list\" shows them",
	    canonical);
	return false;
}

void
tool_json(const char *text)
{
	struct buf utf8 = BUF_INIT(SIZE_MAX);

	/* What is not UTF-8 is replaced: it would not be JSON. */
	decode_charset(&utf8, SPAN("UTF-8"), span_of(text));
	putchar('"');
	for (size_t i = 0; i < utf8.len; i++) {
		unsigned char c = (unsigned char)utf8.ptr[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
	buf_free(&utf8);
}

static const struct command *
find(int count, char **words, int *used)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command *c = &commands[i];
		int n = c->second != NULL ? 2 : 1;

		if (count < n || strcmp(words[0], c->first) != 0 ||
		    (n == 2 && strcmp(words[1], c->second) != 0))
			continue;
		*used = n;
		return c;
	}
	return NULL;
}

/* One more of them, of that name. */
static bool
capability(uint64_t *bits)
{
	uint64_t bit = capability_bit(span_of(optarg));

	if (bit == 0) {
		struct buf known = BUF_INIT(SIZE_MAX);

		for (unsigned n = 0; capability_name(n) != NULL; n++)
			buf_format(&known, " %s", capability_name(n));
		tool_refuse("\"%s\" cannot be left out; these can:%.*s", optarg,
		    (int)known.len, known.ptr);
		buf_free(&known);
	}
	*bits |= bit;
	return bit != 0;
}

/* Options may stand anywhere.  Returns -1 to go on, or an exit status. */
static int
options(int argc, char **argv, struct tool *t, const char **file)
{
	static const struct option longs[] = { { "json", no_argument, NULL,
						   'j' },
		{ "password-stdin", no_argument, NULL, 'p' },
		{ "quota", required_argument, NULL, 'q' },
		{ "mailbox", required_argument, NULL, 'm' },
		{ "without", required_argument, NULL, 'w' },
		{ "with", required_argument, NULL, 'W' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1)
		switch (c) {
		case 'c': *file = optarg; break;
		case 'j': t->json = true; break;
		case 'p': t->password_stdin = true; break;
		case 'q': t->quota = optarg; break;
		case 'm': t->mailbox = optarg; break;
		case 'w':
			if (!capability(&t->without))
				return TOOL_REFUSED;
			break;
		case 'W':
			if (!capability(&t->with))
				return TOOL_REFUSED;
			break;
		case 'v':
			printf("hearth %s\n", HEARTH_VERSION);
			return TOOL_DONE;
		case 'h': return usage(stdout);
		default: return usage(stderr);
		}
	return -1;
}

/* Before the command returns: what it changed holds from then on. */
static void
tell_daemons(void)
{
	static const char *const daemons[] = { "smtpd", "imapd", "pop3d" };

	for (size_t i = 0; i < COUNT_OF(daemons); i++) {
		struct buf nothing = BUF_INIT(64);
		enum herr err = tool_ask_daemon(
		    daemons[i], IPC_CTL_RELOAD, NO_SPAN, &nothing);

		/* Whom this does not reach sees that his copy was replaced. */
		if (err != H_OK && err != H_NOTFOUND)
			log_event(LOG_WARN, "not-told", daemons[i]);
		buf_free(&nothing);
	}
}

int
main(int argc, char **argv)
{
	struct place place = { .fd = -1 };
	struct tool t = { .place = &place };
	const char *file = DEFAULT_CONF;
	const struct command *c;
	int status, used = 0;

	if (argc > 1 && strcmp(argv[1], TOOL_CHILD_WORD) == 0)
		return tool_child_main(argc - 2, argv + 2);
	if ((status = options(argc, argv, &t, &file)) >= 0)
		return status;
	log_open("hearth", "tool", LOG_WARN);
	argc -= optind;
	argv += optind;
	if ((c = find(argc, argv, &used)) == NULL)
		return usage(stderr);
	if (argc - used < c->least || argc - used > c->most) {
		fprintf(stderr, "usage: hearth %s%s%s %s\n", c->first,
		    c->second != NULL ? " " : "",
		    c->second != NULL ? c->second : "", c->arguments);
		return TOOL_USAGE;
	}
	if (conf_load(file, &t.conf) != H_OK)
		return TOOL_REFUSED;
	t.conf_folder = identity_open_folder(t.conf);
	/* (Who changed identity may not look itself up any more.) */
	t.program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if ((c->traits & TOOL_FILLS) &&
	    !place_open_to_fill(&place, t.conf, argv[used]))
		return TOOL_REFUSED;
	if ((c->traits & TOOL_BACKUP) &&
	    !place_open_to_read(&place, argv[used]))
		return TOOL_REFUSED;
	if (c->traits & TOOL_STATE) {
		identity_take(t.conf);
		restore_finish_whole();
		tool_sweep();
	}
	status = c->run(&t, argc - used, argv + used);
	if (status == TOOL_DONE && (c->traits & TOOL_CHANGE))
		tell_daemons();
	if (fflush(stdout) != 0)
		status = tool_refuse("writing the output: %s", strerror(errno));
	place_close(&place);
	conf_free(&t.conf);
	return status;
}
