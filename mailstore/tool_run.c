/*
 * hearth run: all daemons in the foreground.  What stays is the small program
 * hearth-run, which this one becomes: the tool links every library, and those
 * would sit in memory for nothing.
 */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <unistd.h>

#include "common/file.h"
#include "common/mem.h"
#include "mailstore/tool.h"

static char *
beside(const char *folder, const char *source_tree, const char *installed)
{
	char *path = file_path(folder, source_tree);

	if (access(path, X_OK) == 0)
		return path;
	mem_free(&path);
	return mem_string(span_of(installed));
}

/* "UID:GID" that hearth-run becomes once its daemons are started; "" for who is
 * not root. */
static bool
identity_words(const struct conf *conf, char words[64])
{
	const struct passwd *pw;

	words[0] = '\0';
	if (getuid() != 0)
		return true;
	if ((pw = getpwnam(conf->user)) == NULL) {
		tool_refuse("the user \"%s\" is missing; make it with: useradd "
			    "--system --user-group --no-create-home %s",
		    conf->user, conf->user);
		return false;
	}
	snprintf(words, 64, "%u:%u", pw->pw_uid, pw->pw_gid);
	return true;
}

int
tool_run(struct tool *t, int count, char **arguments)
{
	const struct {
		const struct conf_daemon *section;
		const char *source_tree, *installed;
	} daemons[] = {
		{ &t->conf->smtpd, "../smtpd/hearth-smtpd",
		    HEARTH_SBIN "/hearth-smtpd" },
		{ &t->conf->imapd, "../imapd/hearth-imapd",
		    HEARTH_SBIN "/hearth-imapd" },
		{ &t->conf->pop3d, "../pop3d/hearth-pop3d",
		    HEARTH_SBIN "/hearth-pop3d" },
	};
	char self[PATH_MAX], who[64];
	char *argv[8] = { 0 };
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *folder;
	int argc = 0;

	(void)count;
	(void)arguments;
	if (n <= 0)
		return tool_refuse("/proc is needed");
	self[n] = '\0';
	folder = dirname(self);
	if (!identity_words(t->conf, who))
		return TOOL_REFUSED;
	argv[argc++] =
	    beside(folder, "hearth-run", HEARTH_LIBEXEC "/hearth-run");
	argv[argc++] = who;
	argv[argc++] = t->conf->file;
	for (size_t i = 0; i < COUNT_OF(daemons); i++)
		if (daemons[i].section->nlisteners > 0)
			argv[argc++] = beside(folder, daemons[i].source_tree,
			    daemons[i].installed);
	if (argc == 3)
		return tool_refuse(
		    "no daemon has a listener in %s", t->conf->file);
	execv(argv[0], argv);
	return tool_refuse("%s: %s", argv[0], strerror(errno));
}
