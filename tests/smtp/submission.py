"""The submission ports: logging in as real clients do, who may send as whom, what is mended."""
import base64
import re
import smtplib
import ssl

from appliance import DOMAIN, PASSWORD, Appliance
from delivery import prefix, wait_for
from talk import Talk, mailbox, split_header


def b64(text):
    return base64.b64encode(text.encode()).decode()


PLAIN = b64(f"\0alice@{DOMAIN}\0{PASSWORD}")
WRONG = b64(f"\0alice@{DOMAIN}\0wrong")
USER, PASS = b64(f"alice@{DOMAIN}"), b64(PASSWORD)

LOGINS = {
    "PLAIN at once": [(f"AUTH PLAIN {PLAIN}", 235)],
    "PLAIN asked for": [("AUTH PLAIN", 334), (PLAIN, 235)],
    "plain in lower case": [(f"auth plain {PLAIN}", 235)],
    "LOGIN": [("AUTH LOGIN", 334), (USER, 334), (PASS, 235)],
    "LOGIN with the name at once (Outlook)": [(f"AUTH LOGIN {USER}", 334), (PASS, 235)],
    "cancelled, then right": [("AUTH LOGIN", 334), ("*", 501), ("AUTH PLAIN", 334), ("*", 501), (f"AUTH PLAIN {PLAIN}", 235)],
    "malformed, then right": [("AUTH PLAIN %%%", 501), ("AUTH PLAIN", 334), ("!", 501), ("AUTH LOGIN", 334), ("\u00fc", 501), (f"AUTH PLAIN {PLAIN}", 235)],
    "unknown mechanism, then right": [("AUTH CRAM-MD5", 504), ("AUTH", 501), (f"AUTH PLAIN {PLAIN}", 235)],
    "wrong, then right": [(f"AUTH PLAIN {WRONG}", 535), (f"AUTH PLAIN {PLAIN}", 235)],
    "the bare local part": [("AUTH PLAIN " + b64("\0alice\0" + PASSWORD), 235)],
    "twice": [(f"AUTH PLAIN {PLAIN}", 235), (f"AUTH PLAIN {PLAIN}", 503)],
}


def run(results):
    with Appliance() as a:
        logins(a, results)
        senders(a, results)
        mending(a, results)
        outside(a, results)
    with Appliance(start=False) as a:
        with open(a.conf_file) as f:
            text = f.read().replace("plaintext_auth = true", "", 1)
        with open(a.conf_file, "w") as f:
            f.write(text)
        a.start()
        with results.case("submission: no password without TLS"):
            with Talk(a, "submission") as t:
                assert not [x for x in t.ehlo() if x.startswith("AUTH")]
                t.cmd(f"AUTH PLAIN {PLAIN}", 538, "5.7.11")
                t.starttls()
                assert "AUTH PLAIN LOGIN SCRAM-SHA-256" in t.ehlo()
                t.cmd(f"AUTH PLAIN {PLAIN}", 235)


def logins(a, results):
    for name, steps in LOGINS.items():
        with results.case(f"submission: {name}"):
            with Talk(a, "submission", ehlo="[192.168.42.52]") as t:
                for line, code in steps:
                    t.cmd(line, code)
                t.cmd("MAIL FROM:<alice@example.test>", 250 if steps[-1][1] != 501 else 530)
    with results.case("submission: prompts of LOGIN, word for word"):
        with Talk(a, "submission", ehlo="x") as t:
            assert t.cmd("AUTH LOGIN", 334) == ["VXNlcm5hbWU6"]
            assert t.cmd(USER, 334) == ["UGFzc3dvcmQ6"]
            t.cmd(PASS, 235, "2.7.0")
    with results.case("submission: three wrong passwords and it is over"):
        with Talk(a, "submission", ehlo="x") as t:
            for _ in range(3):
                t.cmd(f"AUTH PLAIN {WRONG}", 535, "5.7.8")
            t.closed()
    with results.case("submission: smtplib over STARTTLS and over TLS"):
        with a.submission() as s:
            s.sendmail("alice@example.test", ["bob@example.test"], "Subject: starttls\r\n\r\nx\r\n")
        with smtplib.SMTP_SSL("localhost", a.port["submissions"], context=a.tls_context(), timeout=60) as s:
            s.login("alice@example.test", PASSWORD)
            s.sendmail("alice@example.test", ["bob@example.test"], "Subject: tls\r\n\r\nx\r\n")
        got = [prefix(m)[0][3] for m in mailbox(a, "bob")[-2:]]
        assert got == ["ESMTPSA", "ESMTPSA"], got
    with results.case("submission: TLS 1.1 is not spoken"):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        try:
            smtplib.SMTP_SSL("localhost", a.port["submissions"], context=old, timeout=60)
            raise AssertionError("it was spoken")
        except (ssl.SSLError, OSError):
            pass


def logged_in(a, user="alice"):
    t = Talk(a, "submission", ehlo="client.example")
    t.cmd("AUTH PLAIN " + b64(f"\0{user}@{DOMAIN}\0{PASSWORD}"), 235)
    return t


def senders(a, results):
    a.tool("alias", "add", "sales@example.test", "alice@example.test")
    a.tool("alias", "add", "other@example.test", "bob@example.test")
    for sender, code in (("alice@example.test", 250), ("Alice+tag@Example.test", 250), ("sales@example.test", 250), ("", 250),
                         ("bob@example.test", 550), ("other@example.test", 550), ("nobody@example.test", 550), ("x@far.example", 550)):
        with results.case(f"submission: alice sends as <{sender}>: {code}"):
            with logged_in(a) as t:
                t.cmd(f"MAIL FROM:<{sender}>", code, "5.7.1" if code == 550 else "2.1.0")
                t.cmd("RCPT TO:<bob@example.test>", 250 if code == 250 else 503)
    with results.case("submission: Outlook's blanks and AUTH="):
        with logged_in(a) as t:
            t.cmd("MAIL FROM: <alice@example.test> SIZE=13343 AUTH=<>", 250)
            t.cmd("RCPT TO: <bob@example.test>", 250)
    with results.case("submission: unknown here is refused, though outside is taken"):
        with logged_in(a) as t:
            t.cmd("MAIL FROM:<alice@example.test>", 250)
            t.cmd("RCPT TO:<nobody@example.test>", 550, "5.1.1")
            t.cmd("RCPT TO:<x@far.example>", 250)


def mending(a, results):
    def send(data):
        before = len(mailbox(a, "bob"))
        with logged_in(a) as t:
            t.mail(to=("bob@example.test",), sender="alice@example.test", data=data)
        new = mailbox(a, "bob")[before:]
        assert len(new) == 1
        return split_header(prefix(new[0])[1])

    with results.case("submission: Date and Message-ID are given, Bcc is taken"):
        head, body = send("From: alice@example.test\r\nBcc: secret@far.example,\r\n\tmore@far.example\r\nTo: bob@example.test\r\n\r\nBcc: stays\r\n.\r\n")
        assert re.match(rb"Date: \w{3}, .* \+0000\r\nMessage-ID: <[0-9a-v]{16}@mail\.example\.test>\r\nFrom: alice@example.test\r\nTo: bob@example.test\r\n$", head), head
        assert body == b"Bcc: stays\r\n"
    with results.case("submission: what is there stays as it is"):
        given = b"Date: yesterday\r\nmessage-id: <x@y>\r\nSubject: z\r\n"
        assert send(given + b"\r\nx\r\n.\r\n") == (given, b"x\r\n")
    with results.case("submission: bare LF becomes CRLF, a bare CR or NUL is refused"):
        head, body = send("Date: d\nMessage-ID: m\nBcc: b\n\nline\n.\nline\r\n.\r\n")
        assert (head, body) == (b"Date: d\r\nMessage-ID: m\r\n", b"line\r\n.\r\nline\r\n"), (head, body)
        for bad in ("x: y\r\n\r\na\rb\r\n.\r\n", "x: y\r\n\r\na\0b\r\n.\r\n"):
            with logged_in(a) as t:
                t.mail(to=("bob@example.test",), sender="alice@example.test", data=bad, code=554)
    with results.case("submission: a header that is all of the message"):
        head, body = send("Bcc: secret@far.example\r\n.\r\n")
        assert b"secret" not in head + body
    with results.case("submission: a header beyond all bounds is refused"):
        with logged_in(a) as t:
            t.mail(to=("bob@example.test",), sender="alice@example.test", data="X: y\r\n" * 50000 + "\r\n.\r\n", code=552)
            t.mail(to=("bob@example.test",), sender="alice@example.test")


def outside(a, results):
    with results.case("submission: mail for the outside waits in the queue"):
        with logged_in(a) as t:
            lines = t.mail(to=("x@far.example", "bob@example.test"), sender="alice@example.test", data="Subject: out\r\n\r\nx\r\n.\r\n")
        trace = lines[0].split()[-1]
        wait_for(lambda: b"Subject: out" in (mailbox(a, "bob") or [b""])[-1])
        listed = a.tool("queue", "list").stdout
        assert "x@far.example" in listed, listed
        assert trace in a.log()
    with results.case("submission: the queue believes no front about reverse-paths"):
        # (what the queue itself checks is seen in its log line: it names the login)
        assert re.search(r"event=queued trace=\S+ login=[1-9]\d* from=alice@example.test", a.log())
