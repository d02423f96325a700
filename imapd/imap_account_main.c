/* hearth-imap-account: one account's mail, after login.  Started by
 * hearth-imapd. */
#include "imapd/imap_role.h"

int
main(void)
{
	imap_role_main();
}
