"""What arrives is what was sent: fields in front, bytes behind; who it is for; sizes; what is full."""
import os
import re
import threading
import time

from appliance import Appliance
from talk import Talk, mailbox, split_header

PREFIX = re.compile(rb"Return-Path: <([^>]*)>\r\nDelivered-To: ([^\r]*)\r\nReceived: from (\S+) \(\[127\.0\.0\.1\]\)\r\n"
                    rb"\tby mail\.example\.test with (\S+) id ([0-9a-v]{16})(?:\r\n\tfor <([^>]*)>)?;\r\n"
                    rb"\t\w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n")


def prefix(message):
    m = PREFIX.match(message)
    assert m, message[:400]
    return [None if x is None else x.decode() for x in m.groups()], message[m.end():]


def run(results):
    with Appliance(accounts=("alice", "bob", "carol")) as a:
        fields(a, results)
        addresses(a, results)
        sizes(a, results)
        quota(a, results)
        many(a, results)


def fields(a, results):
    with results.case("delivery: the fields in front"):
        sent = b"Subject: x\r\n\r\nline\r\n.dot\r\n\r\nlast\r\n"
        with Talk(a, ehlo="client.example") as t:
            lines = t.mail(data=sent.replace(b"\r\n.", b"\r\n..") + b".\r\n", sender="carol@far.example")
        (path, to, helo, proto, trace, for_), rest = prefix(mailbox(a)[-1])
        assert (path, to, helo, proto, for_) == ("carol@far.example", "alice@example.test", "client.example", "ESMTP", "alice@example.test")
        assert rest == sent, rest
        assert trace in lines[0], lines
        log = a.log()
        assert re.search(rf"event=received trace={trace} from=carol@far.example peer=127.0.0.1 tls=no size={len(sent)} rcpt=1 result=250", log), log[-500:]
        assert re.search(rf"event=delivered trace={trace} account=\d+ mailbox=INBOX .*uid=\d+", log)
    with results.case("delivery: the null sender, and no 'for' when there are several"):
        with Talk(a, ehlo="client.example") as t:
            t.mail(to=("alice@example.test", "bob@example.test"), sender="")
        wait_for(lambda: len(mailbox(a, "bob")) == 1)
        (path, to, _, _, _, for_), _ = prefix(mailbox(a, "bob")[-1])
        assert (path, to, for_) == ("", "bob@example.test", None)
    with results.case("delivery: bytes of every kind, unchanged"):
        # (POP3 ends lines in CRLF and dot-stuffs; everything else must be there)
        body = bytes(x for x in range(1, 256) if x not in (10, 13)) + b"\r\n" + b"y" * 60000 + b"\r\n" + b"..\r\n." + b"z\r\n"
        with Talk(a, ehlo="x") as t:
            t.mail(data=b"X: y\r\n\r\n" + body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        got = split_header(mailbox(a)[-1])[1]
        assert got == body, (len(got), len(body))
    with results.case("delivery: no header, only a header, nothing"):
        # An empty line ends our own fields where text would pass for header, or a blank for more of the last one.
        for between, sent in ((b"", b"\r\nbody\r\n"), (b"", b"A: b\r\n"), (b"", b""), (b"", b"no field\r\nA: b\r\n\r\nx\r\n"),
                              (b"\r\n", b"no field at all\r\n"), (b"\r\n", b" folded\r\n\r\nx\r\n")):
            with Talk(a, ehlo="x") as t:
                t.mail(data=sent + b".\r\n")
            got = prefix(mailbox(a)[-1])[1]
            assert got.rstrip(b"\r\n") == (between + sent).rstrip(b"\r\n"), (sent, got)
    with results.case("delivery: outsiders' words are escaped in the log"):
        with Talk(a, ehlo="x") as t:
            t.cmd('MAIL FROM:<"a b\\"=\\\\ event=login"@far.example>', 250)
            t.cmd("RCPT TO:<\"x event=forged\"@example.test>", 550)
        forged = [x for x in a.log().splitlines() if "event=forged" in x]
        assert forged and all(re.match(r'(<\d>)?smtpd/mx\[\d+\]: event=rcpt-refused .*address="[^"]*event=forged', x) for x in forged), forged


def addresses(a, results):
    with results.case("delivery: +tags, case, quotes, postmaster"):
        for to in ("alice+lists@example.test", "ALICE@EXAMPLE.test", '"alice"@example.test', "postmaster@example.test", "Postmaster", "abuse@example.test"):
            before = len(mailbox(a))
            with Talk(a, ehlo="x") as t:
                t.mail(to=(to,))
            new = mailbox(a)[before:]
            assert len(new) == 1, to
            assert prefix(new[0])[0][1] == (to if "@" in to else to + "@example.test")
    with results.case("delivery: each recipient once"):
        before = len(mailbox(a))
        with Talk(a, ehlo="x") as t:
            t.mail(to=("alice@example.test", "ALICE@example.test", "alice+x@example.test", "postmaster@example.test"))
            t.mail(data="Subject: behind it\r\n\r\nx\r\n.\r\n")
        wait_for(lambda: b"behind it" in mailbox(a)[-1])
        assert len(mailbox(a)) == before + 2
    with results.case("delivery: a new alias works at once, for one and for several"):
        a.tool("alias", "add", "info@example.test", "bob@example.test")
        a.tool("alias", "add", "team@example.test", "alice@example.test", "bob@example.test", "carol@example.test")
        before = {u: len(mailbox(a, u)) for u in ("alice", "bob", "carol")}
        with Talk(a, ehlo="x") as t:
            t.mail(to=("info@example.test",))
            t.mail(to=("team@example.test",), data="Subject: team\r\n\r\nx\r\n.\r\n")
        wait_for(lambda: len(mailbox(a, "carol")) == before["carol"] + 1)
        wait_for(lambda: len(mailbox(a, "bob")) == before["bob"] + 2)
        wait_for(lambda: len(mailbox(a)) == before["alice"] + 1)
        (_, to, _, _, _, for_), rest = prefix(mailbox(a, "carol")[-1])
        assert (to, for_) == ("team@example.test", "team@example.test") and rest.startswith(b"Subject: team\r\n")
    with results.case("delivery: an address in UTF-8 needs SMTPUTF8, a sender may have one"):
        with Talk(a, ehlo="x") as t:
            t.cmd("MAIL FROM:<j\u00fcrgen@far.example>", 553, "5.6.7")
            t.cmd("MAIL FROM:<j\u00fcrgen@far.example> SMTPUTF8", 250)
            t.cmd("RCPT TO:<alice@example.test>", 250)
            t.cmd("DATA", 354)
            t.send("Subject: \u00fc\r\n\r\nx\r\n.\r\n")
            t.expect(250)
        (path, _, _, proto, _, _), _ = prefix(mailbox(a)[-1])
        assert (path, proto) == ("j\u00fcrgen@far.example", "UTF8SMTP")


def sizes(a, results):
    with results.case("delivery: messages of every size, by packet, memory and file"):
        with Talk(a, ehlo="x") as t:
            for size in (100, 16000, 40000, 49000, 52000, 66000, 300_000, 1_000_000, 1_048_576, 1_200_000, 5_000_000):
                line = os.urandom(37).hex().encode() + b"\r\n"
                body = (line * (size // len(line) + 1))[:size - 2] + b"\r\n"
                t.mail(data=b"Subject: %d\r\n\r\n" % size + body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
                got = split_header(mailbox(a, "alice")[-1])[1]
                assert got == body, (size, len(got), len(body))
    with results.case("delivery: a large message to several, through the queue"):
        body = os.urandom(30).hex().encode() + b"\r\n"
        body = body * (3_000_000 // len(body))
        before = len(mailbox(a, "bob"))
        with Talk(a, ehlo="x") as t:
            t.mail(to=("alice@example.test", "bob@example.test"), data=b"Subject: big\r\n\r\n" + body + b".\r\n")
        wait_for(lambda: len(mailbox(a, "bob")) == before + 1)
        assert split_header(mailbox(a, "bob")[-1])[1] == body
    with results.case("delivery: more than the limit is refused, before or behind DATA, and the session goes on"):
        with Appliance(daemon_conf={"smtpd": 'message_size_limit = "1M"'}) as small:
            with Talk(small, ehlo="x") as t:
                t.cmd("MAIL FROM:<a@b.example> SIZE=1048577", 552, "5.3.4")
                line = b"x" * 998 + b"\r\n"
                t.mail(data=b"\r\n" + line * 1048 + b"y" * 572 + b"\r\n.\r\n")  # 1,048,576 to the byte
                t.mail(data=b"\r\n" + line * 1048 + b"y" * 573 + b"\r\n.\r\n", code=552)
                t.mail(data=b"\r\n" + line * 3000 + b".\r\n", code=552)
                t.mail()
            assert len(mailbox(small)) == 2


def quota(a, results):
    with results.case("delivery: a full mailbox is refused at RCPT, and by size"):
        a.tool("account", "set", "carol@example.test", "--quota", "100K")
        with Talk(a, ehlo="x") as t:
            t.cmd("MAIL FROM:<a@b.example> SIZE=200000", 250)
            t.cmd("RCPT TO:<carol@example.test>", 452, "4.2.2")
            t.cmd("RCPT TO:<alice@example.test>", 250)
            t.cmd("RSET", 250)
            body = b"Subject: x\r\n\r\n" + b"z" * 60000 + b"\r\n.\r\n"
            t.mail(to=("carol@example.test",), data=body)
            t.mail(to=("carol@example.test",), data=body, code=452)  # it did not say its size
            t.cmd("MAIL FROM:<a@b.example> SIZE=60000", 250)
            t.cmd("RCPT TO:<carol@example.test>", 452, "4.2.2")
            a.tool("account", "set", "carol@example.test", "--quota", "1M")
            t.cmd("RCPT TO:<carol@example.test>", 250)


def many(a, results):
    with results.case("delivery: many at once, each once"):
        before = len(mailbox(a))
        errors = []

        def sender(n):
            try:
                with Talk(a, ehlo="x") as t:
                    for i in range(50):
                        t.mail(data=f"Subject: many {n} {i}\r\n\r\nx\r\n.\r\n")
            except Exception as e:  # noqa: BLE001: told below
                errors.append(e)

        threads = [threading.Thread(target=sender, args=(n,)) for n in range(10)]
        for x in threads:
            x.start()
        for x in threads:
            x.join()
        assert not errors, errors
        got = sorted(re.search(rb"Subject: many \d+ \d+", m)[0] for m in mailbox(a)[before:])
        assert got == sorted(b"Subject: many %d %d" % (n, i) for n in range(10) for i in range(50))
    with results.case("delivery: who goes in the middle of a message leaves nothing"):
        before = len(mailbox(a))
        for cut in (b"Subject: x\r\n", b"Subject: x\r\n\r\nx\r\n.", b"Subject: x\r\n\r\nx\r\n.\r"):
            with Talk(a, ehlo="x") as t:
                t.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
                for code in (250, 250, 354):
                    t.expect(code)
                t.send(cut)
        with Talk(a, ehlo="x") as t:
            t.mail()
        assert len(mailbox(a)) == before + 1
    with results.case("delivery: too many recipients"):
        with Talk(a, ehlo="x") as t:
            t.cmd("MAIL FROM:<a@b.example>", 250)
            codes = []
            for i in range(1200):
                t.send(f"RCPT TO:<alice+{i}@example.test>\r\n")
                codes.append(t.reply()[0])
                if codes[-1] != 250:
                    break
            assert 100 <= len(codes) - 1 <= 1000 and codes[-1] == 452, (len(codes), codes[-1])
            t.cmd("DATA", 354)
            t.send("x: y\r\n\r\n.\r\n")
            t.expect(250)


def wait_for(what, seconds=15):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)

