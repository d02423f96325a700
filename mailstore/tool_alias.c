/* hearth alias: add, list, remove. */
#include "common/mem.h"
#include "mailstore/tool.h"

int
tool_alias_add(struct tool *t, int count, char **arguments)
{
	char address[ADDRESS_SIZE];
	char(*targets)[ADDRESS_SIZE];
	struct span *spans;
	struct directory *d;
	enum herr err = H_INVALID;
	int n = count - 1;

	if (n > DIRECTORY_TARGETS_MAX)
		return tool_refuse(
		    "an alias has at most %d targets", DIRECTORY_TARGETS_MAX);
	if (!tool_own_address(t, arguments[0], address) ||
	    (d = tool_directory(t)) == NULL)
		return TOOL_REFUSED;
	targets = mem_array((size_t)n, sizeof(*targets));
	spans = mem_array((size_t)n, sizeof(*spans));
	for (int i = 0; i < n; i++) {
		if (!tool_address(arguments[i + 1], targets[i]))
			goto out;
		spans[i] = span_of(targets[i]);
	}
	err = directory_add_alias(d, span_of(address), spans, (size_t)n);
	if (err == H_EXISTS)
		tool_refuse("%s is an account", address);
	else if (err != H_OK)
		tool_refuse("%s was not made: %s", address, herr_text(err));
out:
	mem_free(&targets);
	mem_free(&spans);
	directory_close(&d);
	return err == H_OK ? TOOL_DONE : TOOL_REFUSED;
}

static void
print_json(const struct directory_alias *a, const char *between)
{
	printf("%s\n  {\"address\": ", between);
	tool_json(a->address);
	printf(", \"targets\": [");
	for (size_t i = 0; i < a->ntargets; i++) {
		printf("%s", i > 0 ? ", " : "");
		tool_json(a->targets[i]);
	}
	printf("]}");
}

int
tool_alias_list(struct tool *t, int count, char **arguments)
{
	struct directory *d = tool_directory_to_read(t);
	struct directory_alias a;
	char last[ADDRESS_SIZE] = "";
	const char *between = "";

	(void)count;
	(void)arguments;
	if (d == NULL)
		return TOOL_REFUSED;
	if (t->json)
		printf("[");
	while (directory_next_alias(d, last, &a)) {
		if (t->json) {
			print_json(&a, between);
			between = ",";
			continue;
		}
		printf("%s:", a.address);
		for (size_t i = 0; i < a.ntargets; i++)
			printf(" %s", a.targets[i]);
		printf("\n");
	}
	if (t->json)
		printf("\n]\n");
	directory_close(&d);
	return TOOL_DONE;
}

int
tool_alias_remove(struct tool *t, int count, char **arguments)
{
	char address[ADDRESS_SIZE];
	struct directory *d;
	enum herr err;

	(void)count;
	if (!tool_address(arguments[0], address) ||
	    (d = tool_directory(t)) == NULL)
		return TOOL_REFUSED;
	err = directory_remove_alias(d, span_of(address));
	directory_close(&d);
	if (err == H_NOTFOUND)
		return tool_refuse(
		    "there is no alias %s; \"hearth alias list\" shows them",
		    address);
	if (err != H_OK)
		return tool_refuse("%s stays: %s", address, herr_text(err));
	return TOOL_DONE;
}
