"""Conversations in files, and their running.

A file tests/dialog/PROTOCOL-BEHAVIOUR.dlg holds lines

    # ...               a comment; "# pipeline: no" and "# bytes: no" are obeyed
    C: text             the client says this and CRLF
    C| text             the same without CRLF
    S: text             the next answer begins with this
    S= text             the next answer is this
    S? text             the last answer holds this, in one of its lines
    S! text             the last answer holds this nowhere
    S~ text             some later answer begins with this; others are passed over
    S/ regex            the next answer matches; its named groups become variables
    TLS                 the client starts TLS
    EOF                 the server closes the connection
    CLOSE               the client is gone, without a word
    WAIT                what follows is not said before the answers so far are there
    ON name protocol    the following lines belong to that connection, which is opened if it is new

An answer is a line, with the literals in it (IMAP), or all lines of a reply
(SMTP: "S:" looks at the last of them).  In what the client says, and in what is expected of an answer (but for "S/"), \\r \\n \\t \\0 \\\\
\\xHH are bytes, and ${...} variables:

    alice bob           addresses of two accounts that are new in each run
    password            of both
    unique              a word that no other run has
    plain:USER:PASSWORD base64 of a SASL PLAIN message, b64:TEXT of any text
    repeat:N:TEXT       N times the text

Each file is run three times: as it stands; with every byte sent by itself; and
with all lines sent together that RFC 2920 or its kin let a client send together,
which ends at an answer that asks for more (354, 334, "+"), at TLS, ON, EOF, WAIT,
and where an answer gives a variable.
"""
import base64
import re
import socket
import threading

TIMEOUT = 30

STEP = re.compile(r"^(C:|C\||S:|S=|S\?|S!|S~|S/)(?: (.*))?$")


class Wrong(Exception):
    """the conversation went another way than its file says"""


class Step:
    def __init__(self, kind, text, line):
        self.kind, self.text, self.line = kind, text, line


class Dialogue:
    def __init__(self, path, name):
        self.name, self.steps = name, []
        self.protocol = name.split("-")[0]
        self.modes = ["whole", "bytes", "pipelined"]
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                self._add(line.rstrip("\n"), number)
        self.text = "\n".join(s.text for s in self.steps)

    def _add(self, line, number):
        if line.startswith("#"):
            for what, mode in (("pipeline", "pipelined"), ("bytes", "bytes")):
                if re.fullmatch(rf"# {what}: no\b.*", line):
                    self.modes.remove(mode)
            return
        if not line.strip():
            return
        m = STEP.match(line)
        word = line.split()[0]
        if m:
            self.steps.append(Step(m[1], m[2] or "", number))
        elif word in ("TLS", "EOF", "CLOSE", "WAIT") and line == word:
            self.steps.append(Step(word, "", number))
        elif word == "ON" and len(line.split()) in (2, 3):
            self.steps.append(Step("ON", line[3:], number))
        else:
            raise SystemExit(f"{self.name}:{number}: what is this: {line}")


class Connection:
    def __init__(self, appliance, protocol, source):
        self.appliance, self.protocol = appliance, protocol
        self.smtp = protocol.startswith("s")
        self.sock = socket.create_connection(("127.0.0.1", appliance.port[protocol]), timeout=TIMEOUT, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""
        self.last = ""
        if protocol in ("imaps", "pop3s", "submissions"):
            self.tls()

    def tls(self):
        if self.held:
            raise Wrong(f"the server said more before TLS: {self.held!r}")
        context = self.appliance.tls_context()
        context.check_hostname = False
        self.sock = context.wrap_socket(self.sock)

    def close(self):
        self.sock.close()

    def send(self, data, by_bytes):
        try:
            if by_bytes:
                for i in range(len(data)):
                    self.sock.sendall(data[i:i + 1])
            else:
                self.sock.sendall(data)
        except OSError:
            pass        # what the server said before it closed is still to be read

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            raise Wrong(f"no answer within {TIMEOUT} s; so far {self.held!r}") from None
        except OSError:
            data = b""
        if not data:
            raise Wrong(f"the server closed the connection; so far {self.held!r}")
        self.held += data

    def _until(self, n):
        while len(self.held) < n:
            self._more()

    def _line(self, start):
        """the end of the line that begins there"""
        while True:
            end = self.held.find(b"\n", start)
            if end >= 0:
                return end + 1
            self._more()

    def answer(self):
        end = self._line(0)
        if self.smtp:
            start = 0
            while self.held[start + 3:start + 4] == b"-":
                start, end = end, self._line(end)
        elif self.protocol.startswith("imap"):
            while (m := re.search(rb"\{(\d+)\+?\}\r\n$", self.held[:end])):
                self._until(end + int(m[1]))
                end = self._line(end + int(m[1]))
        text, self.held = self.held[:end], self.held[end:]
        if not text.endswith(b"\r\n"):
            raise Wrong(f"an answer that does not end in CRLF: {text!r}")
        self.last = text[:-2].decode("latin-1")
        return self.last

    def eof(self):
        if self.held:
            raise Wrong(f"the server said more: {self.held!r}")
        try:
            data = self.sock.recv(1000)
        except TimeoutError:
            raise Wrong("the connection is still open") from None
        except OSError:
            data = b""
        if data:
            raise Wrong(f"the server said more: {data!r}")


class Run:
    """one dialogue in one mode"""

    counter = 0
    lock = threading.Lock()

    def __init__(self, appliance, dialogue, mode):
        with Run.lock:
            Run.counter += 1
            n = Run.counter
        self.appliance, self.dialogue, self.mode = appliance, dialogue, mode
        # Every run from a net of its own: wrong passwords of one must not slow down another.
        self.source = f"127.{n % 250 + 1}.{n // 250 + 1}.1"
        self.connections, self.here = {}, None
        self.pending, self.expected = b"", []
        self.transcript = []
        self.variables = {"unique": f"unique{n}x{mode}", "password": "secret"}
        for who in ("alice", "bob"):
            if "${" + who + "}" in dialogue.text or f"plain:{who}:" in dialogue.text:
                self.variables[who] = f"{who}{n}@example.test"
                appliance.add_account(self.variables[who])

    # ---- text ----

    def _variable(self, m):
        name, *args = m[1].split(":")
        if name == "plain":
            user = self.variables.get(args[0], args[0])
            return base64.b64encode(f"\0{user}\0{':'.join(args[1:])}".encode("latin-1")).decode()
        if name == "b64":
            return base64.b64encode(self.expand(":".join(args)).encode("latin-1")).decode()
        if name == "repeat":
            return self.expand(":".join(args[1:])) * int(args[0])
        if name not in self.variables:
            raise Wrong(f"no variable {name}")
        return self.variables[name]

    def expand(self, text):
        return re.sub(r"\$\{((?:[^{}]|\$\{[^{}]*\})*)\}", self._variable, text)

    def _escaped(self, m):
        simple = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
        return simple[m[1]] if m[1] in simple else chr(int(m[1][1:], 16))

    def bytes_of(self, text):
        plain = re.sub(r"\\(r|n|t|0|\\|x[0-9a-fA-F]{2})", self._escaped, self.expand(text))
        return plain.encode("utf-8" if any(ord(c) > 255 for c in plain) else "latin-1")

    # ---- steps ----

    def say(self, data):
        self.transcript.append("C: " + repr(data)[1:300])
        if self.mode == "pipelined":
            self.pending += data
        else:
            self.here.send(data, self.mode == "bytes")

    def flush(self):
        """says what was held back, and looks at the answers to it"""
        if self.pending:
            self.here.send(self.pending, False)
        self.pending = b""
        expected, self.expected = self.expected, []
        for step in expected:
            self.check(step)

    def check(self, step):
        try:
            self._check(step)
        except Wrong as e:
            raise Wrong(f"line {step.line}: {e}") from None

    def _check(self, step):
        c, kind = self.here, step.kind
        if kind == "S/":
            got = self._heard(c)
            m = re.match(self.expand(step.text), got, re.S)
            if not m:
                raise Wrong(f"expected /{step.text}/, got {got!r}")
            self.variables.update({k: v for k, v in m.groupdict().items() if v is not None})
            return
        want = self.bytes_of(step.text).decode("latin-1")
        if kind == "S~":
            while not self._heard(c).startswith(want):
                pass
        elif kind in ("S:", "S="):
            got = self._heard(c)
            last = got.rsplit("\r\n", 1)[-1] if c.smtp else got
            if not (last == want if kind == "S=" else last.startswith(want)):
                raise Wrong(f"expected {want!r}, got {got!r}")
        elif (want in c.last) != (kind == "S?"):
            raise Wrong(f"{'no' if kind == 'S?' else 'unwanted'} {want!r} in {c.last!r}")

    def _heard(self, connection):
        got = connection.answer()
        self.transcript.append("S: " + repr(got)[1:600])
        return got

    def on(self, text, step):
        name, *protocol = text.split()
        if name not in self.connections:
            if not protocol:
                raise Wrong(f"line {step.line}: no protocol for {name}")
            self.connections[name] = Connection(self.appliance, protocol[0], self.source)
        self.here = self.connections[name]

    def asks_for_more(self, step):
        text = step.text
        return step.kind in ("S:", "S=") and (text.startswith(("354", "334")) or (not self.here.smtp and text.startswith("+") and not text.startswith("+OK")))

    def run(self):
        try:
            self.on(f"first {self.dialogue.protocol}", None)
            for step in self.dialogue.steps:
                self.step(step)
            self.flush()
        finally:
            for c in self.connections.values():
                c.close()

    def step(self, step):
        if step.kind in ("C:", "C|"):
            self.say(self.bytes_of(step.text) + (b"\r\n" if step.kind == "C:" else b""))
        elif step.kind in ("TLS", "EOF", "CLOSE", "ON", "WAIT"):
            self.flush()
            self.transcript.append(step.kind + " " + step.text)
            if step.kind == "TLS":
                self.here.tls()
            elif step.kind == "ON":
                self.on(step.text, step)
            elif step.kind == "CLOSE":
                self.here.close()
            elif step.kind == "EOF":
                try:
                    self.here.eof()
                except Wrong as e:
                    raise Wrong(f"line {step.line}: {e}") from None
        elif self.mode != "pipelined":
            self.check(step)
        else:
            self.expected.append(step)
            if step.kind == "S/" or self.asks_for_more(step):
                self.flush()
