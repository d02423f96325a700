/* The names of errors, and the end of a process that found itself wrong. */
#include "common/base.h"

#include <unistd.h>

const char *
herr_text(enum herr err)
{
	switch (err) {
	case H_OK: return "done";
	case H_NOTFOUND: return "not found";
	case H_EXISTS: return "exists already";
	case H_INVALID: return "malformed";
	case H_DENIED: return "not allowed";
	case H_QUOTA: return "over quota";
	case H_LIMIT: return "over a limit";
	case H_FULL: return "disk full";
	case H_BUSY: return "busy";
	case H_CORRUPT: return "corrupt";
	case H_VERSION: return "written by a newer version";
	case H_IO: return "input or output failed";
	}
	return "unknown error";
}

/* Nothing is allocated or locked here: whatever is broken, this line gets out.
 */
void
panic_at(const char *file, int line, const char *why)
{
	char text[512];
	int len;

	len = snprintf(text, sizeof(text),
	    "<2>event=panic at=%s:%d why=\"%s\"\n", file, line, why);
	if (len >= (int)sizeof(text)) {
		len = sizeof(text) - 1;
		text[len - 1] = '\n';
	}
	if (len > 0 && write(STDERR_FILENO, text, (size_t)len) < 0)
		abort(); /* there is nobody left to tell */
	abort();
}
