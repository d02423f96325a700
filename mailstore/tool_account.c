/* hearth account: add, list, password, remove. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <termios.h>
#include <unistd.h>

#include "common/capability.h"
#include "common/conf_value.h"
#include "common/file.h"
#include "common/mem.h"
#include "mailstore/auth_sasl.h"
#include "mailstore/password.h"
#include "mailstore/store.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_folder.h"

/* ---- passwords ---- */

static bool
read_line(FILE *from, char line[PASSWORD_MAX + 2])
{
	size_t len;

	if (fgets(line, PASSWORD_MAX + 2, from) == NULL)
		return false;
	len = strlen(line);
	if (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	return len > 0 && len <= PASSWORD_MAX;
}

static bool
ask_quietly(const char *prompt, char line[PASSWORD_MAX + 2])
{
	FILE *terminal = fopen("/dev/tty", "r+");
	struct termios before, quiet;
	bool good;

	if (terminal == NULL || tcgetattr(fileno(terminal), &before) != 0) {
		if (terminal != NULL)
			fclose(terminal);
		tool_refuse(
		    "no terminal to ask for a password: use --password-stdin");
		return false;
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* (First quiet, which forgets what was typed before; then ask.) */
	tcsetattr(fileno(terminal), TCSAFLUSH, &quiet);
	fputs(prompt, terminal);
	fflush(terminal);
	good = read_line(terminal, line);
	tcsetattr(fileno(terminal), TCSAFLUSH, &before);
	fputc('\n', terminal);
	fclose(terminal);
	if (!good)
		tool_refuse("a password has 1 to %d bytes", PASSWORD_MAX);
	return good;
}

static bool
get_password(const struct tool *t, char line[PASSWORD_MAX + 2])
{
	char again[PASSWORD_MAX + 2] = "";
	bool same;

	if (t->password_stdin) {
		if (read_line(stdin, line))
			return true;
		tool_refuse("a password has 1 to %d bytes, in the first line "
			    "of the input",
		    PASSWORD_MAX);
		return false;
	}
	if (!ask_quietly("Password: ", line) ||
	    !ask_quietly("The same again: ", again))
		return false;
	same = strcmp(line, again) == 0;
	mem_wipe(again, sizeof(again));
	if (!same)
		tool_refuse("the two passwords differ");
	return same;
}

static bool
get_credential(const struct tool *t, struct directory_credential *credential)
{
	char line[PASSWORD_MAX + 2] = "";
	struct buf prepared = BUF_INIT(PASSWORD_MAX);
	bool good = get_password(t, line);

	if (good && !auth_sasl_prepare(span_of(line), &prepared)) {
		tool_refuse(
		    "a password is UTF-8 text without control characters");
		good = false;
	}
	if (good)
		password_new(buf_span(&prepared), credential);
	mem_wipe(line, sizeof(line));
	if (prepared.ptr != NULL)
		mem_wipe(prepared.ptr, prepared.len);
	buf_free(&prepared);
	return good;
}

/* ---- folders ---- */

/*
 * The store is there before anybody can deliver to the account.  It is made
 * here, not in a locked-in child: there is nothing hostile in an empty one.
 */
static enum herr
make_store(uint64_t id)
{
	char path[64];
	enum herr err;

	tool_folder_of(id, path);
	if ((err = file_make_folder("accounts")) != H_OK)
		return err;
	if (access(path, F_OK) == 0 && !tool_put_aside(id, NULL))
		return H_IO; /* what an interrupted `account add` left */
	return store_create(path, id);
}

/* ---- commands ---- */

/* Nobody has it; else said who does. */
static bool
is_free(struct directory *d, const char *address)
{
	uint64_t account;
	enum herr err = directory_whose(d, span_of(address), &account);

	if (err == H_NOTFOUND)
		return true;
	if (err != H_OK)
		tool_refuse("%s: %s", address, herr_text(err));
	else if (account != 0)
		tool_refuse("%s exists already", address);
	else
		tool_refuse("%s is an alias; remove that first", address);
	return false;
}

/* Nobody else's command waits while somebody thinks of a password. */
static bool
get_credential_for(struct tool *t, const char *address,
    struct directory_credential *credential)
{
	struct directory *d = tool_directory_to_read(t);
	bool good = d != NULL && is_free(d, address);

	directory_close(&d);
	return good && get_credential(t, credential);
}

int
tool_account_add(struct tool *t, int count, char **arguments)
{
	char address[ADDRESS_SIZE];
	struct directory_credential credential = { 0 };
	struct directory *d = NULL;
	uint64_t id = 0;
	enum herr err;

	(void)count;
	if (!tool_own_address(t, arguments[0], address) ||
	    !get_credential_for(t, address, &credential) ||
	    (d = tool_directory(t)) == NULL || !is_free(d, address)) {
		directory_close(&d);
		return TOOL_REFUSED;
	}
	if ((err = directory_next_id(d, &id)) == H_OK &&
	    (err = make_store(id)) == H_OK)
		err = directory_add_account(
		    d, span_of(address), &credential, &id);
	mem_wipe(&credential, sizeof(credential));
	directory_close(&d);
	if (err != H_OK)
		return tool_refuse(
		    "%s was not made: %s", address, herr_text(err));
	printf("%s is account %llu\n", address, (unsigned long long)id);
	return TOOL_DONE;
}

static void
list_without(uint64_t without, const char *quote, const char *between)
{
	const char *before = quote;

	for (unsigned n = 0; capability_name(n) != NULL; n++)
		if (without >> n & 1) {
			printf("%s%s", before, capability_name(n));
			before = between;
		}
	if (without != 0)
		printf("%s", quote);
}

int
tool_account_list(struct tool *t, int count, char **arguments)
{
	struct directory *d = tool_directory_to_read(t);
	struct directory_account a;
	uint64_t id = 0;
	const char *between = "";

	(void)count;
	(void)arguments;
	if (d == NULL)
		return TOOL_REFUSED;
	if (t->json)
		printf("[");
	while (directory_next_account(d, &id, &a)) {
		if (t->json) {
			printf("%s\n  {\"id\": %llu, \"address\": ", between,
			    (unsigned long long)a.id);
			tool_json(a.address);
			printf(", \"quota\": %llu, \"without\": [",
			    (unsigned long long)a.quota);
			list_without(a.without, "\"", "\", \"");
			printf("]}");
			between = ",";
		} else {
			printf("%s%s", a.address,
			    a.without != 0 ? "\twithout " : "");
			list_without(a.without, "", " ");
			putchar('\n');
		}
	}
	if (t->json)
		printf("\n]\n");
	directory_close(&d);
	return TOOL_DONE;
}

int
tool_account_password(struct tool *t, int count, char **arguments)
{
	struct directory *d = tool_directory_to_read(t);
	struct directory_credential credential = { 0 };
	struct directory_account a;
	enum herr err;
	bool good = d != NULL && tool_account(d, arguments[0], &a);

	(void)count;
	directory_close(&d);
	if (!good || !get_credential(t, &credential) ||
	    (d = tool_directory(t)) == NULL)
		return TOOL_REFUSED;
	err = directory_set_credential(d, a.id, &credential);
	mem_wipe(&credential, sizeof(credential));
	directory_close(&d);
	return err == H_OK
	           ? TOOL_DONE
	           : tool_refuse("the password stays: %s", herr_text(err));
}

int
tool_account_remove(struct tool *t, int count, char **arguments)
{
	struct directory *d = tool_directory(t);
	struct directory_account a;
	enum herr err;
	int status = TOOL_REFUSED;

	(void)count;
	if (d == NULL)
		return TOOL_REFUSED;
	if (tool_account(d, arguments[0], &a)) {
		/* First nobody can reach it any more, then it goes. */
		err = directory_remove_account(d, a.id);
		if (err != H_OK)
			tool_refuse("%s stays: %s", a.address, herr_text(err));
		else if (tool_put_aside(a.id, NULL))
			status = TOOL_DONE;
	}
	directory_close(&d);
	return status;
}

/* The child has nothing to tell. */
static void
ignore(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

/* What counts stands in the account's store; the directory is told for its
 * list. */
static enum herr
set_quota(struct tool *t, struct directory *d, uint64_t account, uint64_t bytes)
{
	char folder[64], number[24];
	enum herr err;

	tool_folder_of(account, folder);
	snprintf(number, sizeof(number), "%" PRIu64, bytes);
	err = tool_child(t, "quota", folder, number, NULL, ignore, NULL);
	return err == H_OK ? directory_set_quota(d, account, bytes) : err;
}

/* All that was asked for, or nothing that comes before what failed. */
static enum herr
set_all(struct tool *t, struct directory *d, const struct directory_account *a,
    const uint64_t *quota)
{
	uint64_t without = (a->without | t->without) & ~t->with;
	enum herr err = H_OK;

	if (quota != NULL)
		err = set_quota(t, d, a->id, *quota);
	if (err == H_OK && without != a->without)
		err = directory_set_without(d, a->id, without);
	return err;
}

int
tool_account_set(struct tool *t, int count, char **arguments)
{
	struct directory *d;
	struct directory_account a;
	uint64_t bytes = 0;
	int status = TOOL_REFUSED;

	(void)count;
	if (t->quota == NULL && t->without == 0 && t->with == 0) {
		tool_refuse("what is to be set? --quota SIZE, --without "
			    "CAPABILITY, --with CAPABILITY");
		return TOOL_USAGE;
	}
	if (t->quota != NULL && !conf_value_size(t->quota, &bytes))
		return tool_refuse(
		    "\"%s\" is not a size such as 500M or 2G", t->quota);
	if ((d = tool_directory(t)) == NULL)
		return TOOL_REFUSED;
	if (tool_account(d, arguments[0], &a)) {
		enum herr err =
		    set_all(t, d, &a, t->quota != NULL ? &bytes : NULL);

		status = err == H_OK ? TOOL_DONE
		                     : tool_refuse("%s stays as it is: %s",
					   a.address, herr_text(err));
	}
	directory_close(&d);
	return status;
}
