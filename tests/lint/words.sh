#!/bin/sh
# Words that are there twice, marks of work that was not done, and names of
# places that only its makers know.
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0

sources() {
	find common mailstore smtpd imapd pop3d tests -name '*.[ch]' | sort
}

# All that is written by hand.
texts() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -co --exclude-standard
	else
		find . -type f ! -name '*.o' ! -name '*.a' ! -path './autom4te.cache/*' ! -path './build*/*' | sed 's|^\./||'
	fi | grep -Ev '^tests/lint/words\.sh$|^tests/fuzz/corpus/|^COPYING$|\.(eml|mbox|gz|pem)$'
}

# The comments of C, word by word over the ends of lines.
# shellcheck disable=SC2016 # awk has its own dollars
sources | xargs awk '
	FNR == 1 { inside = 0; last = "" }
	{
		line = $0
		while (line != "") {
			if (!inside) {
				at = index(line, "/*")
				if (at == 0)
					break
				line = substr(line, at + 2)
				inside = 1
				last = ""
			}
			end = index(line, "*/")
			text = end ? substr(line, 1, end - 1) : line
			sub(/^[ \t]*\*[ \t]/, "", text)
			n = split(text, words, /[ \t]+/)
			for (i = 1; i <= n; i++) {
				if (words[i] == "")
					continue
				if (words[i] ~ /^[a-z]+$/ && words[i] == last) {
					print FILENAME ":" FNR ": \"" last " " words[i] "\": one of them is enough"
					bad = 1
				}
				last = tolower(words[i])
			}
			if (!end)
				break
			line = substr(line, end + 2)
			inside = 0
		}
	}
	END { exit bad }
' || status=1

found=$(texts | tr '\n' '\0' | xargs -0 grep -nIE '(^|[^A-Za-z])(TODO|FIXME|XXX|HACK)([^A-Za-z]|$)')
if [ -n "$found" ]; then
	echo "$found" | sed 's/$/   <- do it, or leave the mark out/'
	status=1
fi

found=$(texts | tr '\n' '\0' | xargs -0 grep -nIE '(^|[^A-Za-z0-9_.*$}/-])(/work|/tmp/w)(/|[^A-Za-z0-9_./]|$)')
if [ -n "$found" ]; then
	echo "$found" | sed 's/$/   <- a place on one machine only/'
	status=1
fi
exit $status
