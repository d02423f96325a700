"""A conversation with an SMTP server, byte for byte."""
import os
import poplib
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

poplib._MAXLINE = 10_000_000


class Talk:
    def __init__(self, appliance, kind="smtp", greet=True, ehlo=None, tls=False):
        self.a = appliance
        self.sock = socket.create_connection(("127.0.0.1", appliance.port[kind]), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.wrap()
        self.file = self.sock.makefile("rb")
        if greet:
            self.expect(220)
        if ehlo:
            self.ehlo(ehlo)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def wrap(self):
        self.sock = self.a.tls_context().wrap_socket(self.sock, server_hostname="localhost")

    def starttls(self):
        self.cmd("STARTTLS", 220)
        self.wrap()
        self.file = self.sock.makefile("rb")

    def send(self, data, split=None):
        """`split`: where to cut it into segments, or 1: every byte on its own"""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        if split == "bytes":
            pieces = [data[i:i + 1] for i in range(len(data))]
        else:
            pieces = [data[:split], data[split:]] if split else [data]
        for piece in pieces:
            try:
                self.sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return  # the server has closed: what it said before is still to be read

    def reply(self):
        """(code, [lines without it]); (None, []) when the server has closed"""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except ConnectionResetError:
                line = b""
            if not line:
                return None, lines
            assert line.endswith(b"\r\n") and len(line) <= 514, line
            text = line[:-2].decode()
            lines.append(text[4:])
            if text[3:4] != "-":
                return int(text[:3]), lines

    def expect(self, code, status=None):
        got, lines = self.reply()
        assert got == code, f"wanted {code}, got {got} {lines}"
        if status:
            assert lines[-1].startswith(status + " "), f"wanted {code} {status}, got {lines}"
        return lines

    def cmd(self, line, code, status=None):
        self.send(line + "\r\n")
        return self.expect(code, status)

    def ehlo(self, name="client.example"):
        return self.cmd("EHLO " + name, 250)

    def mail(self, to=("alice@example.test",), sender="carol@far.example", data=None, code=250):
        """a whole transaction, pipelined; returns the last reply's lines"""
        self.send(f"MAIL FROM:<{sender}>\r\n" + "".join(f"RCPT TO:<{r}>\r\n" for r in to) + "DATA\r\n")
        self.expect(250)
        for _ in to:
            self.expect(250)
        self.expect(354)
        self.send(data if data is not None else "Subject: x\r\n\r\nx\r\n.\r\n")
        return self.expect(code)

    def closed(self):
        """nothing more comes"""
        got, lines = self.reply()
        assert got is None, f"not closed: {got} {lines}"


def mailbox(appliance, user="alice"):
    """all messages of INBOX, as bytes, in order"""
    p = appliance.pop3(user)
    try:
        n = len(p.list()[1])
        return [b"\r\n".join(p.retr(i + 1)[1]) + b"\r\n" for i in range(n)]
    finally:
        p.quit()


def split_header(message):
    head, _, body = message.partition(b"\r\n\r\n")
    return head + b"\r\n", body
