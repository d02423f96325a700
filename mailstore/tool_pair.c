/* Who reads files and who holds mail: see tool_pair.h. */
#include "mailstore/tool_pair.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/privilege.h"
#include "mailstore/tool_child.h"
#include "mailstore/tool_folder.h"

/* Becomes the account's child. */
NORETURN static void
become_other(
    const struct tool *t, const char *address, const char *work, int socket)
{
	struct directory_account a;
	struct directory *d;
	char folder[64];
	bool found;

	identity_take(t->conf);
	tool_sweep();
	if ((d = tool_directory_to_read(t)) == NULL)
		_exit(TOOL_REFUSED);
	found = tool_account(d, address, &a);
	directory_close(&d);
	if (!found)
		_exit(TOOL_REFUSED);
	tool_folder_of(a.id, folder);
	tool_child_become(t, work, folder, socket);
}

/* Root reads and writes what belongs to others as they would. */
static bool
become_owner(const struct stat *owner)
{
	if (geteuid() != 0 || owner->st_uid == 0)
		return true;
	if (setgroups(0, NULL) != 0 || setgid(owner->st_gid) != 0 ||
	    setuid(owner->st_uid) != 0 || setuid(0) == 0)
		return false;
	return privilege_drop() == NULL;
}

bool
tool_pair_begin(struct tool_pair *p, const struct tool *t, const char *address,
    const char *work, const struct stat *owner)
{
	int ends[2];

	fflush(NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
	    (p->child = fork()) < 0) {
		tool_refuse("cannot start a process: %s", strerror(errno));
		return false;
	}
	if (p->child == 0)
		become_other(t, address, work, ends[1]);
	close(ends[1]);
	talk_init(&p->talk, ends[0]);
	if (become_owner(owner))
		return true;
	tool_refuse("cannot become user %u, to whom the files belong: %s",
	    (unsigned)owner->st_uid, strerror(errno));
	tool_pair_end(p, true);
	return false;
}

bool
tool_pair_end(struct tool_pair *p, bool done)
{
	int status = 0;

	talk_free(&p->talk);
	while (waitpid(p->child, &status, 0) < 0 && errno == EINTR)
		;
	if (done || (WIFEXITED(status) && WEXITSTATUS(status) == TOOL_REFUSED))
		return done;
	tool_refuse("the process that holds the mail ended; the log says why; "
		    "what was done stays, try again");
	return false;
}
