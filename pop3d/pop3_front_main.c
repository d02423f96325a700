/* hearth-pop3-front: takes connections, until and after they log in.  Started
 * by hearth-pop3d. */
#include "pop3d/pop3_front.h"

int
main(void)
{
	front_main(&pop3_front);
}
