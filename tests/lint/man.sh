#!/bin/sh
# Manual pages, as mandoc sees them.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v mandoc >/dev/null || { echo "skipped: mandoc is not installed"; exit 0; }

find common mailstore smtpd imapd pop3d -name '*.[1-8]' | sort | xargs mandoc -Tlint -Wwarning
