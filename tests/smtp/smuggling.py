"""Only CRLF.CRLF ends a message, however it is cut into segments: one message or a refusal, never two."""
import itertools

from appliance import Appliance
from talk import Talk, mailbox

ENDS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CRCRLF": b"\r\r\n", "CRLFLF": b"\r\n\n", "LFCR": b"\n\r"}
MORE = [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n..\r\n", b"\r\n\x0b.\x0b\r\n", b"\r\n\x0c.\x0c\r\n",
        b"\r\n\x85.\x85\r\n", b"\r\n\xe2\x80\xa8.\xe2\x80\xa8\r\n", b"\r\n.\r\0\n"]
SECOND = (b"MAIL FROM:<evil@far.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n")


def matrix():
    for (b, before), (x, after) in itertools.product(ENDS.items(), ENDS.items()):
        yield f"{b} . {x}", before + b"." + after
    for m in MORE:
        yield repr(m)[2:-1], m


def ends(middle):
    """does the message end in it?"""
    return b"\r\n.\r\n" in middle


def bare(middle):
    left = middle.replace(b"\r\n", b"")
    return (b"\r" in left, b"\n" in left, b"\0" in left)


def one(a, kind, place, middle, split):
    first = b"Subject: first\r\n\r\n" + place
    with Talk(a, kind, ehlo="x") as t:
        if kind == "submission":
            t.cmd("AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABzZWNyZXQ=", 235)
        t.send("MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
        for code in (250, 250, 354):
            t.expect(code)
        cr, lf, nul = bare(middle)
        bad = cr or nul or (lf and kind == "smtp")
        t.send(first + middle + SECOND + b"QUIT\r\n", len(first) + split if split is not None else None)
        t.expect(554 if bad else 250)
        t.expect(221)
        t.closed()


def run(results):
    with Appliance() as a:
        for kind in ("smtp", "submission"):
            before = len(mailbox(a))
            stored = 0
            for name, middle in matrix():
                if ends(middle):
                    continue
                with results.case(f"smuggling: {name} on {kind}"):
                    cr, lf, nul = bare(middle)
                    for place in (b"text", b"", b"y" * 998):
                        for split in [None, *range(len(middle) + 1)]:
                            one(a, kind, place, middle, split)
                            stored += not (cr or nul or (lf and kind == "smtp"))
            with results.case(f"smuggling: nothing came twice on {kind}"):
                new = mailbox(a)[before:]
                assert len(new) == stored, (len(new), stored)
                assert not [m for m in new if b"\r\nSubject: smuggled" in m.partition(b"\r\n\r\n")[0]]
        true_end(a, results)


def true_end(a, results):
    with results.case("smuggling: CRLF.CRLF ends it, and what follows is pipelined"):
        for split in [None, *range(6)]:
            before = len(mailbox(a))
            with Talk(a, ehlo="x") as t:
                t.send("MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
                for code in (250, 250, 354):
                    t.expect(code)
                first = b"Subject: first\r\n\r\ntext"
                t.send(first + b"\r\n.\r\n" + SECOND, len(first) + split if split is not None else None)
                for code in (250, 250, 250, 354, 250):
                    t.expect(code)
            assert len(mailbox(a)) == before + 2
    with results.case("smuggling: CRCRLF.CRLF is refused, at its end"):
        with Talk(a, ehlo="x") as t:
            t.send("MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
            for code in (250, 250, 354):
                t.expect(code)
            t.send(b"Subject: x\r\n\r\ntext\r\r\n.\r\nNOOP\r\n")
            t.expect(554, "5.6.0")
            t.expect(250)
