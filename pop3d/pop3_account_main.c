/* hearth-pop3-account: one account's maildrop, after login.  Started by
 * hearth-pop3d. */
#include "pop3d/pop3_account.h"

int
main(void)
{
	pop3_account_main();
}
