#!/bin/sh
# Shell scripts, as shellcheck sees them: all files that begin as one.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v shellcheck >/dev/null || { echo "skipped: shellcheck is not installed"; exit 0; }

find bootstrap .ci common mailstore smtpd imapd pop3d tests -type f ! -name '*.[cho]' | sort | while read -r file; do
	if head -n 1 "$file" | tr -d '\000' | grep -Eq '^#!.*[/ ](sh|bash)( |$)'; then
		echo "$file"
	fi
done | xargs shellcheck
