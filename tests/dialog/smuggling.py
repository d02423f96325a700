"""SMTP smuggling (RFC 5321, 2.3.8, 4.1.1.4): whatever looks like the end of a
message to a laxer reader, but is not CRLF.CRLF, must not end it here.

36 pairs of line ends around a dot, less those that are a true end, and ten odd
bytes; each at six places of a message, cut into two pieces at every byte around
the dot.  Each message carries commands behind the false end.  What is right is
one answer to the one message, 250 or 554, the same however it was cut, and never
a second message.
"""
import collections
import socket

from appliance import DOMAIN

ENDS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CRCRLF": b"\r\r\n", "CRLFLF": b"\r\n\n", "LFCR": b"\n\r"}
CASES = {f"{a}.{b}": ENDS[a] + b"." + ENDS[b] for a in ENDS for b in ENDS}
CASES |= {
    "NUL before the dot": b"\r\n\0.\r\n", "NUL behind the dot": b"\r\n.\0\r\n", "blank behind": b"\r\n. \r\n", "tab behind": b"\r\n.\t\r\n",
    "two dots": b"\r\n..\r\n", "VT behind": b"\r\n.\x0b\r\n", "FF behind": b"\r\n.\x0c\r\n", "NEL behind": b"\r\n.\x85\r\n",
    "LINE SEPARATOR": b"\xe2\x80\xa8.\xe2\x80\xa8", "NEL around": b"\x85.\x85",
}
HEADER = b"From: <a@far.example>\r\nSubject: first\r\n"
PLACES = {
    "first line": (b"", b""),
    "in the header": (HEADER, b""),
    "in the body": (HEADER + b"\r\nsome text", b""),
    "behind a long line": (HEADER + b"\r\n" + b"x" * 998, b""),
    "over TLS": (HEADER + b"\r\nsome text", b"TLS"),
    "commands behind": (HEADER + b"\r\nsome text", b"NOOP\r\n"),
}
BEHIND = f"MAIL FROM:<evil@far.example>\r\nRCPT TO:<bob@{DOMAIN}>\r\nDATA\r\nSubject: second\r\n\r\nsmuggled\r\n.\r\n".encode()
END = b"\r\n.\r\n"


class Client:
    def __init__(self, appliance, tls):
        self.sock = socket.create_connection(("127.0.0.1", appliance.port["smtp"]), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.expect(b"220")
        self.ask(b"EHLO client.example", b"250")
        if tls:
            self.ask(b"STARTTLS", b"220")
            context = appliance.tls_context()
            context.check_hostname = False
            self.sock = context.wrap_socket(self.sock)
            self.file = self.sock.makefile("rb")
            self.ask(b"EHLO client.example", b"250")

    def reply(self):
        line = self.file.readline()
        while line[3:4] == b"-":
            line = self.file.readline()
        return line

    def expect(self, code):
        line = self.reply()
        if not line.startswith(code):
            raise AssertionError(f"expected {code!r}, got {line!r}")

    def ask(self, command, code):
        self.sock.sendall(command + b"\r\n")
        self.expect(code)

    def close(self):
        self.file.close()
        self.sock.close()


def answers(appliance, place, false_end, cut):
    """the codes of all replies from the message to the end"""
    before, how = PLACES[place]
    client = Client(appliance, how == b"TLS")
    try:
        client.ask(b"MAIL FROM:<a@far.example>", b"250")
        client.ask(f"RCPT TO:<alice@{DOMAIN}>".encode(), b"250")
        client.ask(b"DATA", b"354")
        data = before + false_end + BEHIND + (how if how != b"TLS" else b"") + b"QUIT\r\n"
        at = len(before) + cut
        client.sock.sendall(data[:at])
        client.sock.sendall(data[at:])
        codes = []
        while (line := client.reply()):
            codes.append(line[:3].decode("latin-1"))
        return codes
    finally:
        client.close()


def case(appliance, job):
    """what is wrong, or None; and how many messages were taken"""
    place, name = job
    false_end, verdicts = CASES[name], collections.Counter()
    tail = ["250"] if PLACES[place][1] == b"NOOP\r\n" else []
    for cut in range(-1 if PLACES[place][0] else 0, len(false_end) + 3):
        codes = answers(appliance, place, false_end, cut)
        if codes[1:] != tail + ["221"] or codes[0] not in ("250", "554"):
            return f"{name}, {place}, cut at {cut}: replies {codes}", 0
        verdicts[codes[0]] += 1
    if len(verdicts) > 1:
        return f"{name}, {place}: not the same verdict for every cut: {dict(verdicts)}", 0
    return None, verdicts["250"]


def run(appliance, pool):
    # Some of them do hold a true end, and what is behind it are commands.
    jobs = [(p, c) for p in PLACES for c in CASES if END not in CASES[c]]
    bad, stored = [], 0
    for wrong, taken in pool.map(lambda job: guarded(appliance, job), jobs):
        stored += taken
        if wrong:
            bad.append(wrong)
    alice, bob = appliance.imap("alice"), appliance.imap("bob")
    alice.select("INBOX", readonly=True)
    bob.select("INBOX", readonly=True)
    smuggled = len(bob.search(None, "SUBJECT", "second")[1][0].split())
    found = len(alice.search(None, "ALL")[1][0].split())
    alice.logout()
    bob.logout()
    if smuggled:
        bad.append(f"{smuggled} messages came through")
    if found != stored:
        bad.append(f"{stored} messages were taken, {found} are there")
    return len(jobs) - len(bad), bad


def guarded(appliance, job):
    try:
        return case(appliance, job)
    except (OSError, AssertionError) as e:
        return f"{job[1]}, {job[0]}: {e!r}", 0
