/* Listening sockets: see bind.h. */
#include "common/bind.h"

#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "common/mem.h"

enum { BACKLOG = 1024 };

static bool
listens(int fd, const struct sockaddr *address, socklen_t len)
{
	int on = 1, off = 0;

	return fd >= 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       /* "*:25" is one socket for both families. */
	       (address->sa_family != AF_INET6 ||
		   setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		       sizeof(off)) == 0) &&
	       bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0;
}

/* "127.0.0.1:25", "[::1]:25", "*:25"; conf.c has checked the form. */
int
bind_listener(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct span host = { text, colon != NULL ? (size_t)(colon - text) : 0 };
	bool any = host.len == 1 && host.ptr[0] == '*';
	struct addrinfo want = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE },
			*found = NULL;
	char *name;
	int fd = -1;

	if (colon == NULL)
		return -1;
	if (host.len >= 2 && host.ptr[0] == '[')
		host = (struct span){ host.ptr + 1, host.len - 2 };
	name = any ? NULL : mem_string(host);
	want.ai_family = any ? AF_INET6 : AF_UNSPEC;
	for (int attempt = 0; attempt < 2 && fd < 0; attempt++) {
		if (getaddrinfo(name, colon + 1, &want, &found) != 0)
			break;
		fd = socket(found->ai_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (!listens(fd, found->ai_addr, found->ai_addrlen)) {
			int why = errno;

			if (fd >= 0)
				close(fd);
			fd = -1;
			errno = why;
		}
		freeaddrinfo(found);
		if (!any || errno == EADDRINUSE || errno == EACCES)
			break;
		want.ai_family = AF_INET; /* a kernel without IPv6 */
	}
	mem_free(&name);
	return fd;
}
