/* hearth status: what runs, as the parents tell. */
#include "common/ipc.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/tool.h"

static const char *const daemons[] = { "smtpd", "imapd", "pop3d" };

enum { STATUS_MAX = 64 * 1024 };

/* "role KIND account N pid P since S [STATE]" as an object. */
static void
json_line(struct span line, const char **between)
{
	struct scan s = scan_over(line);
	struct span role;

	if (!scan_try_word(&s, "role "))
		return;
	role = scan_until(&s, " ", 64);
	printf(
	    "%s\n    {\"role\": \"%.*s\"", *between, (int)role.len, role.ptr);
	while (scan_try(&s, ' ')) {
		struct span key = scan_until(&s, " ", 64), value;

		if (!scan_try(&s, ' ')) { /* a state stands alone */
			printf(", \"state\": \"%.*s\"", (int)key.len, key.ptr);
			break;
		}
		value = scan_until(&s, " ", 64);
		printf(", \"%.*s\": %.*s", (int)key.len, key.ptr,
		    (int)value.len, value.ptr);
	}
	printf("}");
	*between = ",";
}

static void
print_lines(struct span text, bool json)
{
	struct scan s = scan_over(text);
	const char *between = "";

	while (scan_more(&s)) {
		struct span line = scan_until(&s, "\n", STATUS_MAX);

		(void)scan_try(&s, '\n');
		if (json)
			json_line(line, &between);
		else if (span_starts_nocase(line, "role "))
			printf("  %.*s\n", (int)line.len, line.ptr);
	}
}

int
tool_status(struct tool *t, int count, char **arguments)
{
	int running = 0;

	(void)count;
	(void)arguments;
	if (t->json)
		printf("[");
	for (size_t i = 0; i < COUNT_OF(daemons); i++) {
		struct buf answer = BUF_INIT(STATUS_MAX);
		enum herr err = tool_ask_daemon(
		    daemons[i], IPC_CTL_STATUS, NO_SPAN, &answer);
		struct wire w = wire_over(buf_span(&answer));
		struct span text = wire_bytes(&w, STATUS_MAX);

		running += err == H_OK;
		if (t->json)
			printf("%s\n  {\"daemon\": \"%s\", \"running\": %s, "
			       "\"roles\": [",
			    i > 0 ? "," : "", daemons[i],
			    err == H_OK ? "true" : "false");
		else
			printf("%s %s\n", daemons[i],
			    err == H_OK         ? "runs"
			    : err == H_NOTFOUND ? "does not run"
						: "does not answer");
		print_lines(text, t->json);
		if (t->json)
			printf("]}");
		buf_free(&answer);
	}
	if (t->json)
		printf("\n]\n");
	return running > 0 ? TOOL_DONE : TOOL_REFUSED;
}
