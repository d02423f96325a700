#!/bin/sh
# Layout, as clang-format sees it.  Headers are not asked: there a comment may
# stand behind what it explains, however long the line becomes.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null || { echo "skipped: clang-format is not installed"; exit 0; }

if said=$(find common mailstore smtpd imapd pop3d tests -name '*.c' | sort |
	xargs clang-format --style=file:tests/lint/clang-format --dry-run --Werror 2>&1); then
	exit 0
fi
files=$(echo "$said" | sed -n 's/:.*code should be clang-formatted.*//p' | sort -u)
if [ -z "$files" ]; then # it could not even look
	echo "$said"
	exit 1
fi
for file in $files; do
	echo "$file: run clang-format --style=file:tests/lint/clang-format -i $file"
done
exit 1
