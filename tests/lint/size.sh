#!/bin/sh
# Files of at most 600 lines, functions of at most 100: what is longer has two
# things to do.
set -u
cd "$(dirname "$0")/../.." || exit 1

# shellcheck disable=SC2016 # awk has its own dollars
find common mailstore smtpd imapd pop3d tests -name '*.[ch]' | sort | xargs awk '
	function file_ends() {
		if (lines > 600) {
			print file ": " lines " lines; 600 are the limit: move a part that can stand alone"
			bad = 1
		}
	}
	FNR == 1 { if (NR > 1) file_ends(); file = FILENAME; inside = 0 }
	{ lines = FNR }
	# style(9): the name of a function begins its line, and so do its braces
	/^[a-z_][a-z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name) }
	/^\{/ { inside = FNR }
	/^\}/ && inside {
		if (FNR - inside - 1 > 100) {
			print file ":" inside ": " name "() has " FNR - inside - 1 " lines; 100 are the limit: take a step of it out"
			bad = 1
		}
		inside = 0
	}
	END { file_ends(); exit bad }
'
