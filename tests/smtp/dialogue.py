"""What is said to what: the order of commands, limits, line ends, foreign protocols, STARTTLS."""
from appliance import Appliance
from talk import Talk, mailbox, split_header


def keywords(lines):
    return {x.split()[0]: x for x in lines[1:]}


SEQUENCES = [
    # [(line, code, enhanced status)]
    [("MAIL FROM:<a@b.example>", 503, "5.5.1")],
    [("RCPT TO:<alice@example.test>", 503, "5.5.1")],
    [("DATA", 503, "5.5.1")],
    [("STARTTLS", 503, "5.5.1")],
    [("NOOP", 250, "2.0.0"), ("NOOP x", 250, "2.0.0"), ("RSET", 250, "2.0.0"), ("HELP", 214, "2.0.0"), ("VRFY alice", 252, "2.1.5"), ("VRFY", 501, "5.5.2")],
    [("EHLO", 501, "5.5.4"), ("EHLO a b", 501, "5.5.4"), ("HELO (x)", 501, "5.5.4")],
    [("EHLO [192.168.42.52]", 250, None), ("EHLO PC_7", 250, None), ("HELO pc", 250, None)],
    [("HELO x", 250, None), ("RCPT TO:<alice@example.test>", 503, "5.5.1"), ("DATA", 503, "5.5.1")],
    [("EHLO x", 250, None), ("MAIL FROM:<a@b.example>", 250, "2.1.0"), ("MAIL FROM:<a@b.example>", 503, "5.5.1"), ("DATA", 554, "5.5.1"),
     ("RCPT TO:<alice@example.test>", 250, "2.1.5"), ("STARTTLS", 503, "5.5.1"), ("RSET", 250, "2.0.0"), ("DATA", 503, "5.5.1")],
    [("EHLO x", 250, None), ("MAIL FROM:<a@b.example>", 250, None), ("EHLO y", 250, None), ("RCPT TO:<alice@example.test>", 503, None)],
    [("EHLO x", 250, None), ("MAIL FROM:<>", 250, "2.1.0"), ("RCPT TO:<>", 501, "5.1.3"), ("RCPT TO:<nobody@example.test>", 550, "5.1.1"),
     ("RCPT TO:<x@far.example>", 550, "5.7.1"), ("DATA", 554, "5.5.1")],
    [("EHLO x", 250, None), ("MAIL FROM: <a@b.example>", 501, "5.1.7"), ("MAIL FROM:a@b.example", 501, "5.1.7"), ("MAIL FROM:<a b@c.example>", 501, "5.1.7")],
    [("EHLO x", 250, None), ("MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME", 250, None), ("RSET", 250, None),
     ("MAIL FROM:<a@b.example> SIZE=99999999999", 552, "5.3.4"), ("MAIL FROM:<a@b.example> RET=HDRS", 555, "5.5.4"),
     ("MAIL FROM:<a@b.example> SIZE=x", 501, "5.5.4"), ("MAIL FROM:<a@b.example> AUTH=<>", 555, "5.5.4")],
    [("EHLO x", 250, None), ("MAIL FROM:<a@b.example>", 250, None), ("RCPT TO:<alice@example.test> NOTIFY=NEVER", 555, "5.5.4"),
     ("RCPT TO:<alice@example.test>", 250, None), ("DATA now", 501, "5.5.2")],
    [("EHLO x", 250, None), ("AUTH PLAIN AGEAYg==", 502, "5.5.1")],
    [(x, 500, "5.5.1") for x in ("EXPN staff", "ETRN x", "TURN", "BDAT 5 LAST", "XCLIENT ADDR=127.0.0.1", "SAML FROM:<x>", "FOO", "", "MAIL\tFROM:<a@b.example>")],
    [("QUIT", 221, "2.0.0")],
]


def run(results):
    with Appliance() as a:
        sequences(a, results)
        offers(a, results)
        lines(a, results)
        tls(a, results)
        limits(a, results)
        data(a, results)


def sequences(a, results):
    for i, steps in enumerate(SEQUENCES):
        with results.case(f"dialogue: sequence {i}: {steps[0][0]!r} ..."):
            with Talk(a) as t:
                for line, code, status in steps:
                    t.cmd(line, code, status)
    with results.case("dialogue: the whole in one segment, and byte by byte"):
        text = ("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@example.test>\r\nRCPT TO:<alice@example.test>\r\n"
                "DATA\r\nSubject: one\r\n\r\none\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
                "Subject: two\r\n\r\n..two\r\n.\r\nNOOP\r\nQUIT\r\n")
        for split in (None, "bytes"):
            before = len(mailbox(a))
            with Talk(a) as t:
                t.send(text, split)
                for code in (250, 250, 550, 250, 354, 250, 250, 250, 354, 250, 250, 221):
                    t.expect(code)
                t.closed()
            new = mailbox(a)[before:]
            assert [split_header(m)[1] for m in new] == [b"one\r\n", b".two\r\n"], new
    with results.case("dialogue: half closed behind the last command, and still answered"):
        with Talk(a) as t:
            t.send("EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
            t.sock.shutdown(1)
            for code in (250, 250, 250, 354, 250):
                t.expect(code)
            t.closed()


def offers(a, results):
    with results.case("dialogue: EHLO on port 25"):
        with Talk(a) as t:
            k = keywords(t.ehlo())
            assert set(k) == {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS"}, k
            assert k["SIZE"] == "SIZE 52428800", k
    with results.case("dialogue: EHLO on 587, before and after TLS"):
        with Talk(a, "submission") as t:
            k = keywords(t.ehlo())
            assert k.get("AUTH") == "AUTH PLAIN LOGIN SCRAM-SHA-256" and "STARTTLS" in k, k  # plaintext_auth, from loopback
            t.starttls()
            k = keywords(t.ehlo())
            assert k.get("AUTH") == "AUTH PLAIN LOGIN SCRAM-SHA-256" and "STARTTLS" not in k, k
    with results.case("dialogue: EHLO on 465"):
        with Talk(a, "submissions", tls=True) as t:
            k = keywords(t.ehlo())
            assert "AUTH" in k and "STARTTLS" not in k, k


def lines(a, results):
    for what, line in (("bare LF", b"NOOP\n"), ("bare CR", b"NOOP\rNOOP\r\n"), ("NUL", b"NO\0OP\r\n"), ("CR CR LF", b"NOOP\r\r\n"),
                       ("too long", b"NOOP " + b"x" * 2100 + b"\r\n"), ("endless", b"x" * 70000)):
        for kind in ("smtp", "submission"):
            if kind == "submission" and b"x" * 2100 in line and len(line) < 12288:
                continue  # AUTH may be that long there
            with results.case(f"dialogue: {what} in a command on {kind}: 500 and closed"):
                with Talk(a, kind) as t:
                    try:
                        t.send(line + b"NOOP\r\n")
                    except OSError:
                        pass
                    t.expect(500, "5.5.2")
                    t.closed()
    for line in ("GET / HTTP/1.1", "POST /x HTTP/1.0", "CONNECT example.org:25 HTTP/1.1", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2"):
        with results.case(f"dialogue: {line.split()[0]} is not SMTP"):
            with Talk(a) as t:
                t.send(line + "\r\nHost: x\r\n\r\nMAIL FROM:<a@b.example>\r\n")
                t.expect(421, "4.7.0")
                t.closed()


def tls(a, results):
    with results.case("dialogue: STARTTLS forgets EHLO, and the mail says ESMTPS"):
        with Talk(a, ehlo="before.example") as t:
            t.starttls()
            t.cmd("MAIL FROM:<a@b.example>", 503, "5.5.1")
            t.ehlo("after.example")
            t.cmd("STARTTLS", 503, "5.5.1")
            t.mail()
        head = mailbox(a)[-1]
        assert b"from after.example ([127.0.0.1])\r\n\tby mail.example.test with ESMTPS id " in head, head
    with results.case("dialogue: commands behind STARTTLS are never run"):
        for split in (None, "bytes"):
            before = len(mailbox(a))
            with Talk(a, ehlo="x") as t:
                t.send("STARTTLS\r\nEHLO y\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\n", split)
                t.expect(220)
                t.closed()
            assert len(mailbox(a)) == before
    with results.case("dialogue: HELO is plain SMTP"):
        with Talk(a) as t:
            t.cmd("HELO old.example", 250)
            t.mail()
        assert b" with SMTP id " in mailbox(a)[-1]


def limits(a, results):
    with results.case("dialogue: commands without mail"):
        with Talk(a, ehlo="x") as t:
            t.send("NOOP\r\n" * 99)
            for _ in range(99):
                t.expect(250)
            t.mail()  # the count begins anew
            t.send("NOOP\r\n" * 101)
            for _ in range(100):
                t.expect(250)
            t.expect(421, "4.7.0")
            t.closed()
    with results.case("dialogue: errors end the session"):
        with Talk(a, ehlo="x") as t:
            t.send("FOO\r\n" * 30)
            for _ in range(20):
                t.expect(500)
            t.expect(421, "4.7.0")
            t.closed()
    with results.case("dialogue: more recipients than one message takes: the others are for the next"):
        with Talk(a, ehlo="x") as t:
            t.send("MAIL FROM:<x@far.example>\r\n" + "".join(f"RCPT TO:<alice+{i}@example.test>\r\n" for i in range(150)) + "DATA\r\n")
            t.expect(250)
            for i in range(150):
                t.expect(250 if i < 100 else 452)
            t.expect(354)
            t.send("Subject: many\r\n\r\n.\r\n")
            t.expect(250)
    with results.case("dialogue: recipients that are refused for now, without end"):
        with Talk(a, ehlo="x") as t:
            t.send("MAIL FROM:<x@far.example>\r\n" + "RCPT TO:<alice@example.test>\r\n" * 1200)
            t.expect(250)
            for i in range(1100):
                t.expect(250 if i < 100 else 452)
            t.expect(421, "4.7.0")
            t.closed()
    with results.case("dialogue: a thousand messages over one connection"):
        before = len(mailbox(a))
        with Talk(a, ehlo="x") as t:
            for _ in range(1000):
                t.mail()
        assert len(mailbox(a)) == before + 1000


def data(a, results):
    with results.case("dialogue: a message sent behind a refused DATA is not taken for commands"):
        before = len(mailbox(a))
        with Talk(a, ehlo="x") as t:
            t.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n"
                   "RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
            t.expect(250)
            t.expect(550)
            t.expect(554)
            t.closed()
        assert len(mailbox(a)) == before
    with results.case("dialogue: 100 Received fields are enough, 101 are a loop"):
        with Talk(a, ehlo="x") as t:
            t.mail(data="Received: x\r\n" * 100 + "\r\nx\r\n.\r\n")
            t.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
            for code in (250, 250, 354):
                t.expect(code)
            t.send("Received: x\r\n" * 101 + "\r\nx\r\n.\r\n")
            t.expect(554, "5.4.6")
            t.mail()
    with results.case("dialogue: our own Delivered-To is a loop"):
        with Talk(a, ehlo="x") as t:
            t.mail(data="Delivered-To: ALICE@example.test\r\n\r\nx\r\n.\r\n", code=554)
            t.mail(to=("bob@example.test",), data="Delivered-To: alice@example.test\r\n\r\nx\r\n.\r\n")
