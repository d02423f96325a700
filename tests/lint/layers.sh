#!/bin/sh
# Who may include whom.  The README of each folder lists its files from the
# bottom up ("name.{c,h}  what it is for"); a file includes only what stands
# above it, and what lower folders offer.  Every file is listed, once; names are
# unique in the tree.
set -u
cd "$(dirname "$0")/../.." || exit 1

# A folder, and what it may include from others: a folder/, or one header.
# shellcheck disable=SC2016 # awk has its own dollars
check_folder() {
	folder=$1
	offered=$2
	find "$folder" -maxdepth 1 -name '*.[ch]' | sort | awk -v folder="$folder" -v offered="$offered" '
	function complain(text) { print text; bad = 1 }

	# "name.c" or "name.h" is at this line of the list
	function list(name) {
		if (name in place)
			complain(folder "/README:" at ": " name " is listed twice; keep the line where it belongs")
		place[name] = at
	}

	# a line of the list: one name or more at its beginning
	function read_line(line,   n, words, i, stem) {
		n = split(line, words, " ")
		for (i = 1; i <= n; i++) {
			if (words[i] ~ /^[a-z0-9_]+\.\{c,h\}$/) {
				stem = substr(words[i], 1, length(words[i]) - 6)
				list(stem ".c")
				list(stem ".h")
			} else if (words[i] ~ /^[a-z0-9_]+\.[ch]$/)
				list(words[i])
			else
				return
		}
	}

	function may_include(path,   n, words, i) {
		n = split(offered, words, " ")
		for (i = 1; i <= n; i++)
			if (path == words[i] || (words[i] ~ /\/$/ && index(path, words[i]) == 1))
				return 1
		return 0
	}

	function check_include(file, line, path,   base, name) {
		if (path !~ /\//) {
			complain(file ":" line ": \"" path "\" lacks its folder; write \"" folder "/" path "\"")
			return
		}
		if (index(path, folder "/") != 1) {
			if (!may_include(path))
				complain(file ":" line ": " folder " may not include \"" path "\"; it may: its own files, " offered)
			return
		}
		name = substr(file, length(folder) + 2)
		base = substr(path, length(folder) + 2)
		if (!(base in place) || !(name in place))
			return # said already
		if (place[base] > place[name])
			complain(file ":" line ": includes " base ", which stands below it in " folder "/README (line " place[base] " below " place[name] "); move the lines, or the code")
	}

	BEGIN {
		readme = folder "/README"
		while ((getline line < readme) > 0) {
			at++
			read_line(line)
		}
		close(readme)
	}

	{
		name = substr($0, length(folder) + 2)
		there[name] = 1
		if (!(name in place)) {
			stem = substr(name, 1, length(name) - 2)
			# "name.c" stands for its header too, unless that has a line of its own
			if (name ~ /\.h$/ && ((stem ".c") in place))
				place[name] = place[stem ".c"]
			else
				complain(readme ": " name " is not in the list; add a line \"" name "  what it is for\", above all that include it")
		}
		files[++nfiles] = $0
	}

	END {
		for (name in place)
			if (!(name in there))
				complain(readme ":" place[name] ": lists " name ", which does not exist; remove or rename it")
		for (i = 1; i <= nfiles; i++) {
			n = 0
			while ((getline line < files[i]) > 0) {
				n++
				if (match(line, /^#[ \t]*include[ \t]*"[^"]*"/)) {
					path = line
					sub(/^[^"]*"/, "", path)
					sub(/".*/, "", path)
					check_include(files[i], n, path)
				}
			}
			close(files[i])
		}
		exit bad
	}'
}

status=0
check_folder common '' || status=1
check_folder mailstore 'common/' || status=1
check_folder smtpd 'common/ mailstore/store.h mailstore/spool.h' || status=1
check_folder imapd 'common/ mailstore/store.h' || status=1
check_folder pop3d 'common/ mailstore/store.h' || status=1

# Each foreign library is known to one file, or to as few as can be.
check_library() {
	header=$1
	file=$2
	find common mailstore smtpd imapd pop3d -name '*.[ch]' ! -path "$file" -print0 |
		xargs -0 grep -nE "^#[ 	]*include[ 	]*<$header" | sed "s|\$|   <- only $file knows this library; ask it|" | grep . && status=1
}
check_library 'event2/' common/loop.c
check_library 'openssl/ssl\.h' common/tls.c
check_library 'seccomp\.h' common/sandbox.c
check_library 'confuse\.h' common/conf.c
check_library 'idn2\.h' common/conf_value.c
check_library 'lmdb\.h' mailstore/store_env.h
check_library 'lz4.*\.h' mailstore/store_body.c
check_library 'gsasl\.h' mailstore/auth_sasl.c

twice=$(find common mailstore smtpd imapd pop3d tests -name '*.[ch]' -exec basename {} \; | sort | uniq -d)
for name in $twice; do
	echo "$name: more than one file has this name ($(find common mailstore smtpd imapd pop3d tests -name "$name" | tr '\n' ' ')); rename one"
	status=1
done
exit $status
