/* hearth-imap-front: takes connections, until and after they log in.  Started
 * by hearth-imapd. */
#include "imapd/imap_front.h"

int
main(void)
{
	front_main(&imap_front);
}
