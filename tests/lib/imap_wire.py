"""IMAP's answers as values, fast: for tests that read tens of thousands.

    w = Wire(port, "alice@example.test", "secret")
    lines, end = w.command(b"SELECT INBOX")             # [values of each untagged line], b"OK ..."
    for values in w.untagged(b"FETCH 1:* (BODY[])"):    # while they come in
        number, items = fetched(values)                 # items: {"BODY[]": b"..."}

Atoms are str, NIL is None, strings and literals are bytes, lists are lists.
"""
import re
import socket

TOKEN = re.compile(rb'[ \r\n]*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"\[]*(?:\[[^\]]*\](?:<\d+>)?)?[^\s()"\[]*))')


class Gone(Exception):
    pass


def values(pieces):
    """pieces: text, literal, text, literal, ..., text"""
    top = []
    stack = [top]
    for i, piece in enumerate(pieces):
        if i % 2:
            stack[-1].append(piece)
            continue
        at, end = 0, len(piece)
        while at < end:
            m = TOKEN.match(piece, at)
            if m.end() == at:
                raise ValueError(f"cannot be read: {piece[at:at + 80]!r}")
            at = m.end()
            opens, closes, quoted, atom = m.groups()
            if opens:
                stack.append([])
            elif closes:
                inner = stack.pop()
                stack[-1].append(inner)
            elif quoted is not None:
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted) if b"\\" in quoted else quoted)
            elif atom:
                stack[-1].append(None if atom == b"NIL" else atom.decode("latin-1"))
    if len(stack) != 1:
        raise ValueError("parentheses do not match")
    return top


def fetched(line):
    """(number, {item: value}) of * n FETCH (...)"""
    items = line[3]
    return int(line[1]), {items[i].upper(): items[i + 1] for i in range(0, len(items), 2)}


class Wire:
    def __init__(self, port, user=None, password=None):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.file = self.sock.makefile("rb", 1 << 20)
        self.tags = 0
        self.greeting = self.line()
        if user:
            self.command(f'LOGIN {user} "{password}"'.encode())

    def close(self):
        self.file.close()
        self.sock.close()

    def pieces(self):
        """a line with its literals"""
        out = []
        while True:
            text = self.file.readline()
            if not text.endswith(b"\r\n"):
                raise Gone(out + [text])
            m = re.search(rb"~?\{(\d+)\}\r\n$", text)
            if not m:
                return out + [text[:-2]]
            size = int(m.group(1))
            literal = self.file.read(size)
            if len(literal) != size:
                raise Gone(out)
            out += [text[:m.start()], literal]

    def line(self):
        return b"".join(self.pieces())

    def send(self, data):
        self.sock.sendall(data)

    def tag(self):
        self.tags += 1
        return b"t%d" % self.tags

    def answers(self, tag):
        """yields what is untagged, as pieces, and at last the tagged text as bytes"""
        while True:
            pieces = self.pieces()
            if pieces[0].startswith(tag + b" "):
                yield pieces[0][len(tag) + 1:]
                return
            yield pieces

    def untagged(self, command, want=b"OK"):
        """yields the values of each untagged line"""
        tag = self.tag()
        self.send(tag + b" " + command + b"\r\n")
        yield from self.untagged_of(tag, want)

    def untagged_of(self, tag, want=b"OK"):
        for x in self.answers(tag):
            if isinstance(x, bytes):
                if not x.startswith(want):
                    raise AssertionError(x)
            elif x[0].startswith(b"* "):
                yield values(x) if b"FETCH" in x[0] else x

    def command(self, command, want=b"OK"):
        """the untagged lines as text, and the tagged text"""
        tag = self.tag()
        self.send(tag + b" " + command + b"\r\n")
        got = list(self.answers(tag))
        assert got[-1].startswith(want), (command[:200], got[-1])
        return [b"".join(x) for x in got[:-1]], got[-1]
