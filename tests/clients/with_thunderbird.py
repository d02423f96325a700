"""Thunderbird: IMAP, POP3, restarts."""
import time

from household import Household, wait_until
from thunderbird import Thunderbird

FOLDER = "Entwürfe & 📦"
FOLDER_ON_WIRE = "Entw&APw-rfe &- &2D3c5g-"


def idles():
    time.sleep(4)       # it goes into IDLE two seconds after it has shown a folder; nothing tells when


def reads_and_sends(h):
    me, you = h.person(), h.person()
    h.deliver(me, "waiting", body="It waited.\r\n")
    with Thunderbird(h, me) as t:
        t.open_inbox()
        t.wait_subject("waiting", 30)
        assert "It waited." in t.body("waiting")
        idles()
        h.deliver(me, "pushed")
        took = t.wait_subject("pushed", 20)
        t.send(you, "sent by Thunderbird", "A line to somebody.\n.\nA line after a dot.")
        t.wait_subject("sent by Thunderbird", 20, "Sent")
    assert "\r\n.\r\nA line after a dot." in h.mailbox(you)["sent by Thunderbird"].text
    return f"listed a new message {took:.2f} s after its 250, without asking"


def works_in_folders(h):
    """deletes, moves, tags, makes a folder, saves drafts; sees what others do; finds all again after a restart"""
    me = h.person()
    h.deliver(me, *"abcdef")
    with Thunderbird(h, me) as t:
        t.open_inbox()
        t.wait_subject("f", 30)
        t.make_folder(FOLDER)
        t.mark("a")
        t.move("b", FOLDER)
        t.delete("c")
        wait_until(lambda: set(h.mailbox(me)) == set("adef"), 20, lambda: str(h.mailbox(me).keys()))
        assert "b" in h.mailbox(me, FOLDER_ON_WIRE)
        assert "c" in h.mailbox(me, "Trash")
        wait_until(lambda: h.mailbox(me)["a"].flags >= {"\\Seen", "\\Flagged", "$label1"}, 20, lambda: str(h.mailbox(me)["a"].flags))
        t.draft("you@example.test", "a draft", "first thoughts ", "and second ones")
        drafts = wait_until(lambda: h.mailbox(me, "Drafts"), 20, "a draft")
        assert len(drafts) == 1 and "first thoughts" in drafts["a draft"].text and "\\Draft" in drafts["a draft"].flags, drafts
        idles()
        # another client: a flag, a deletion
        h.do(me, "INBOX", ("store", h.mailbox(me)["d"].uid, "+FLAGS", "(\\Seen $label2)"), ("store", h.mailbox(me)["e"].uid, "+FLAGS", "(\\Deleted)"), ("expunge",))
        t.wait_subject("e", 20, gone=True)
        wait_until(lambda: t.state("d")[0] and "$label2" in t.state("d")[2], 20, lambda: str(t.state("d")))
        t.restart()
        t.open_inbox()
        assert FOLDER in t.folders(), t.folders()
        h.deliver(me, "after the restart")
        t.wait_subject("after the restart", 30)
        assert sorted(t.subjects()) == sorted(["a", "d", "f", "after the restart"]), t.subjects()
        assert t.state("a")[:2] == (True, True) and "$label1" in t.state("a")[2], t.state("a")
        t.update(FOLDER)
        t.wait_subject("b", 20, FOLDER)


def survives_our_restart(_):
    with Household(people=1) as h:
        me = h.person()
        h.deliver(me, "before")
        with Thunderbird(h, me) as t:
            t.open_inbox()
            t.wait_subject("before", 30)
            idles()
            h.stop()
            h.start()
            h.deliver(me, "while it was away")
            t.open_inbox()
            t.wait_subject("while it was away", 30)
            idles()
            h.deliver(me, "pushed again")
            t.wait_subject("pushed again", 20)
            assert t.subjects().count("before") == 1


def pop3(h):
    """leaves mail on the server, fetches nothing twice, deletes there what is deleted here"""
    me, you = h.person(), h.person()
    h.deliver(me, "one", "two", "three", body="text\r\n.\r\nmore\r\n")
    with Thunderbird(h, me, kind="pop3", delete_left=True) as t:
        t.get_mail()
        assert sorted(t.subjects()) == ["one", "three", "two"], t.subjects()
        assert "\n.\r\nmore" in t.body("one") or "\n.\nmore" in t.body("one"), t.body("one")
        t.get_mail()
        assert len(t.subjects()) == 3
        h.deliver(me, "four")
        t.get_mail()
        assert sorted(t.subjects()) == ["four", "one", "three", "two"]
        t.restart()
        t.get_mail()
        assert len(t.subjects()) == 4 and len(h.mailbox(me)) == 4
        t.delete("two")
        t.script("folderNamed('Trash').emptyTrash(null);")
        t.get_mail()
        wait_until(lambda: set(h.mailbox(me)) == {"one", "three", "four"}, 20, lambda: str(h.mailbox(me).keys()))
        t.send(you, "sent beside POP3", "text")
    assert "sent beside POP3" in h.mailbox(you)


CASES = [
    ("Thunderbird: reads INBOX, sees new mail by IDLE, sends", reads_and_sends),
    ("Thunderbird: deletes, moves, tags, saves drafts, makes folders, and knows it all after a restart", works_in_folders),
    ("Thunderbird: a restart of ours while it is connected", survives_our_restart),
    ("Thunderbird: POP3, leaving mail on the server", pop3),
]
