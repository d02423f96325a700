"""What clients say, as grammars, and what becomes of it on the way from a mad one.

A grammar is {name: [form, ...]}; in a form ~name stands for one of its forms.
A unit is what makes sense together (a command with its literals, DATA with its
message); Speaker.unit() gives one, mutated or not.
"""
import random
import re

SPECIALS = [b"\0", b"\r", b"\n", b"\r\n", b" ", b"\t", b'"', b"\\", b"(", b")", b"{", b"}", b"[", b"]", b"<", b">", b"@", b":", b"*", b"%",
            b"+", b"-", b".", b"=", b"&", b"\x7f", b"\x80", b"\xff", b"\xc3\xa4", b"\xe2\x80\xa8", b"{0}", b"{1+}", b"{4294967296}", b"<>"]
NUMBERS = [b"0", b"-1", b"1", b"2147483648", b"4294967295", b"4294967296", b"18446744073709551615", b"18446744073709551616", b"99999999999999999999999",
           b"00000000000001"]
BLANKS = re.compile(rb"[^ ]+")


class Speaker:
    def __init__(self, seed, grammar, start, mutated=0.5):
        self.r = random.Random(seed)
        self.grammar = {k: [x.encode("latin-1") if isinstance(x, str) else x for x in v] for k, v in grammar.items()}
        self.start, self.mutated = start, mutated
        self.kinds = (self.flip, self.insert, self.delete, self.double, self.cut, self.number, self.swap, self.long, self.case, self.word, self.many)

    def expand(self, form):
        return re.sub(rb"~([a-z0-9-]+)", lambda m: self.expand(self.r.choice(self.grammar[m.group(1).decode()])), form)

    def say(self, name):
        return self.expand(self.r.choice(self.grammar[name]))

    def unit(self):
        """(bytes, mutated?)"""
        text = self.say(self.start)
        if self.r.random() >= self.mutated:
            return text, False
        first, *rest = text.split(b"\r\n", 1)
        for _ in range(self.r.choice((1, 1, 1, 2, 3))):
            first = self.r.choice(self.kinds)(first)
        return b"\r\n".join([first, *rest]), True

    def at(self, s):
        return self.r.randint(0, len(s))

    def flip(self, s):
        at = self.r.randrange(len(s)) if s else 0
        return s[:at] + bytes([self.r.randrange(256)]) + s[at + 1:]

    def insert(self, s):
        at = self.at(s)
        return s[:at] + self.r.choice(SPECIALS) + s[at:]

    def delete(self, s):
        at = self.at(s)
        return s[:at] + s[at + self.r.choice((1, 1, 2, 5)):]

    def double(self, s):
        a, b = sorted((self.at(s), self.at(s)))
        return s[:b] + s[a:b] * self.r.choice((1, 2, 30)) + s[b:]

    def cut(self, s):
        return s[:self.at(s)]

    def number(self, s):
        found = list(re.finditer(rb"\d+", s))
        if not found:
            return self.flip(s)
        m = self.r.choice(found)
        return s[:m.start()] + self.r.choice(NUMBERS) + s[m.end():]

    def swap(self, s):
        words = s.split(b" ")
        a, b = self.r.randrange(len(words)), self.r.randrange(len(words))
        words[a], words[b] = words[b], words[a]
        return b" ".join(words)

    def long(self, s):
        at = self.at(s)
        return s[:at] + self.r.choice((b"a", b"(", b'"', b"1:", b"\\", b" ", b"*", b"\xff", b"=?")) * self.r.choice((100, 300, 3000, 20000)) + s[at:]

    def case(self, s):
        return s.swapcase()

    def word(self, s):
        """another word in place of one"""
        found = list(BLANKS.finditer(s))
        if not found:
            return s
        m = self.r.choice(found)
        other = BLANKS.findall(self.say(self.start))
        return s[:m.start()] + (self.r.choice(other) if other else b"") + s[m.end():]

    def many(self, s):
        """a word again and again"""
        found = list(BLANKS.finditer(s))
        if not found:
            return s
        m = self.r.choice(found)
        return s[:m.end()] + (b" " + m.group()) * self.r.choice((1, 3, 50)) + s[m.end():]


# ---- SMTP ----

SMTP = {
    "unit": ["~hello", "~hello", "~mail", "~mail\r\n~rcpt", "~mail\r\n~rcpt\r\n~data", "RSET", "NOOP", "NOOP ~word", "VRFY ~address", "HELP",
             "~rcpt", "~transaction", "~transaction"],
    "transaction": ["~mail\r\n~rcpt\r\n~data", "RSET\r\n~mail\r\n~rcpt\r\n~rcpt\r\n~data"],
    "hello": ["EHLO ~host", "HELO ~host"],
    "mail": ["MAIL FROM:~path", "MAIL FROM:~path ~mail-param", "mail from:~path ~mail-param ~mail-param", "MAIL FROM:<>"],
    "rcpt": ["RCPT TO:<~local>", "RCPT TO:<~local>", "RCPT TO:~path", "RCPT TO: <~local>"],
    "data": ["DATA\r\n~message\r\n."],
    "message": ["Subject: a\r\n\r\nb", "~word: ~word\r\n\r\n..dots", "", "Content-Type: multipart/mixed; boundary=~word\r\n\r\n--~word\r\n\r\nx"],
    "path": ["<~address>", "<~address>", "<@~host,@~host:~address>", "<\"~word ~word\"@~host>"],
    "mail-param": ["SIZE=~number", "BODY=8BITMIME", "BODY=7BIT", "AUTH=<>", "SMTPUTF8"],
    "address": ["~word@~host", "~local", "~word.~word@~host", "~word@[127.0.0.1]", "~word@[IPv6:::1]"],
    "local": ["alice@example.test", "bob@example.test", "alice+~word@example.test", "POSTMASTER@EXAMPLE.TEST"],
    "host": ["far.example", "client.example", "[127.0.0.1]", "~word.example"],
    "word": ["a", "bc", "x-y", "word", "k\xc3\xa4se"],
    "number": ["0", "100", "4096"],
}

SUBMISSION = {**SMTP,
              "mail": ["MAIL FROM:<alice@example.test>", "MAIL FROM:<alice@example.test> ~mail-param", "MAIL FROM:~path"],
              "rcpt": ["RCPT TO:<~local>", "RCPT TO:<~local> NOTIFY=NEVER", "RCPT TO:<~local>"],
              "unit": [*SMTP["unit"], "AUTH PLAIN ~word", "AUTH LOGIN\r\n*"]}

# ---- POP3 ----

POP3_BEFORE = {
    "unit": ["CAPA", "CAPA", "USER ~name", "USER ~name", "AUTH", "NOOP", "STAT", "USER ~name\r\nCAPA", "AUTH PLAIN\r\n*", "LIST 1", "UTF8", "LANG"],
    "name": ["alice", "alice@example.test", "nobody@example.test", "k\xc3\xa4se", "a b c"],
}
POP3_AFTER = {
    "unit": ["STAT", "LIST", "LIST ~number", "UIDL", "UIDL ~number", "RETR ~number", "TOP ~number ~lines", "DELE ~number", "RSET", "NOOP", "CAPA",
             "RSET\r\nRETR ~number"],
    "number": ["1", "2", "3", "9", "0", "10", "99"],
    "lines": ["0", "1", "10", "999999"],
}

# ---- IMAP ----

IMAP_BEFORE = {
    "unit": ["~tag CAPABILITY", "~tag NOOP", "~tag ID NIL", "~tag ID (\"name\" ~string)", "~tag AUTHENTICATE PLAIN\r\n*", "~tag CAPABILITY",
             "~tag NOOP", "~tag ENABLE CONDSTORE", "~tag ID (\"~word\" NIL \"~word\" {3+}\r\nabc)"],
    "tag": ["~letter~letter~letter"], "letter": list("abcdefghijkABCDEFGHIJK0123456789"),
    "string": ['"~word"', "{4+}\r\nword", '""'], "word": ["a", "word", "x-y"],
}
IMAP_KNOWN = {
    "unit": ["~tag ~command", "~tag ~command", "~tag ~command", "~tag IDLE\r\nDONE"],
    "command": ["NOOP", "CAPABILITY", "NAMESPACE", "CREATE ~mailbox", "DELETE ~mailbox", "RENAME ~mailbox ~mailbox", "SUBSCRIBE ~mailbox",
                "UNSUBSCRIBE ~mailbox", "LIST \"\" ~pattern", "LIST ~mailbox ~pattern", "LSUB \"\" ~pattern", "STATUS ~mailbox (~status)",
                "STATUS ~mailbox (~status ~status)", "APPEND ~mailbox ~literal", "APPEND INBOX (~flag ~flag) \"~date-time\" ~literal",
                "EXAMINE ~mailbox", "SELECT INBOX", "SELECT INBOX", "ENABLE CONDSTORE", "ID (\"name\" \"x\")",
                "LIST (SUBSCRIBED) \"\" (~pattern ~pattern) RETURN (CHILDREN SPECIAL-USE STATUS (~status))",
                "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" ~pattern RETURN (SUBSCRIBED)", "XLIST \"\" ~pattern", "ENABLE ~extension",
                "CREATE ~mailbox (USE (~use))", "APPEND ~mailbox UTF8 (~~literal8)"],
    "extension": ["IMAP4rev2", "UTF8=ACCEPT", "QRESYNC", "NOTHING"],
    "use": ["\\Sent", "\\Junk", "\\All", ""],
    "literal8": ["{25+}\r\nSubject: a\r\n\r\nbody text\r\n", "{5+}\r\na:\n\n\0"],
    "mailbox": ["INBOX", "inbox", "Sent", "Trash", "one", "one/two", "\"one\"", "\"a b\"", "{3+}\r\none", "&AOQ-", "\"K&AOQ-se\"", "Drafts"],
    "pattern": ["*", "%", "\"*\"", "\"\"", "in%", "*o*/%", "\"one/%\"", "{1+}\r\n*"],
    "status": ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "RECENT", "HIGHESTMODSEQ", "SIZE", "DELETED", "APPENDLIMIT"],
    "flag": ["\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "\\Draft", "$Label1", "work"],
    "date-time": ["22-Nov-2026 20:53:10 +0000", " 1-Jan-2000 00:00:00 -0500"],
    "literal": ["{25+}\r\nSubject: a\r\n\r\nbody text\r\n"],
    "tag": IMAP_BEFORE["tag"], "letter": IMAP_BEFORE["letter"], "word": ["a", "body", "x-y", "Subject"],
    "string": ['"~word"', "{4+}\r\nbody", "~word"],
}
IMAP_SELECTED = {
    **IMAP_KNOWN,
    "command": ["FETCH ~set ~items", "FETCH ~set (~item ~item ~item)", "UID FETCH ~set (FLAGS ~item)", "UID FETCH ~set ~items (CHANGEDSINCE ~number)",
                "STORE ~set ~how (~flag)", "UID STORE ~set ~how (~flag ~flag)", "SEARCH ~key", "UID SEARCH ~key ~key",
                "SEARCH CHARSET UTF-8 ~key ~key ~key", "COPY ~set Trash", "UID COPY ~set ~mailbox", "MOVE ~set Trash", "EXPUNGE", "UID EXPUNGE ~set",
                "NOOP", "CHECK", "SEARCH RETURN (MIN MAX COUNT ALL) ~key", "FETCH ~set FLAGS", "FETCH ~set ENVELOPE", "STATUS INBOX (MESSAGES)",
                "APPEND INBOX ~literal", "SEARCH RETURN (SAVE ~option) ~key", "UID SEARCH RETURN (~option ~option) ~key", "FETCH $ FLAGS", "ENABLE ~extension"],
    "option": ["MIN", "MAX", "ALL", "COUNT", "SAVE"],
    "set": ["1", "1:*", "*", "1,2,3", "2:4,7", "*:1", "1:1000", "5", "$"],
    "number": ["0", "1", "100"],
    "items": ["ALL", "FAST", "FULL", "FLAGS", "UID"],
    "item": ["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "MODSEQ", "RFC822.HEADER", "BODY.PEEK[~section]",
             "BODY.PEEK[~section]<~number.5>", "BODY.PEEK[HEADER.FIELDS (~word From)]", "BODY.PEEK[HEADER.FIELDS.NOT (Subject)]", "RFC822.TEXT",
             "BINARY.PEEK[~binary]", "BINARY.PEEK[~binary]<~number.5>", "BINARY.SIZE[~binary]"],
    "binary": ["", "1", "2", "1.1"],
    "section": ["", "HEADER", "TEXT", "1", "1.MIME", "2.1", "1.HEADER", "1.1.TEXT", "9"],
    "how": ["FLAGS", "+FLAGS", "-FLAGS", "+FLAGS.SILENT", "FLAGS.SILENT"],
    "key": ["ALL", "SEEN", "UNSEEN", "~set", "UID ~set", "FROM ~string", "SUBJECT ~string", "BODY ~string", "TEXT ~string", "HEADER ~word ~string",
            "SINCE 1-Jan-2020", "BEFORE \"22-Nov-2026\"", "NOT ~key", "OR ~key ~key", "(~key ~key)", "LARGER 10", "SMALLER 100000", "KEYWORD work",
            "MODSEQ ~number", "SENTON 1-Jan-2000", "DELETED"],
}
