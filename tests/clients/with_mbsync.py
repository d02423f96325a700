"""mbsync: both ways, and a second run has nothing to do."""
import os

from appliance import PASSWORD, message
from household import command

RC = """IMAPStore far
Host localhost
Port {port}
SSLType IMAPS
CertificateFile {ca}
User {me}
Pass {password}

MaildirStore near
Path {box}/
Inbox {box}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
"""


PLANS = "Entw&APw-rfe &- Pl&AOQ-ne"     # mbsync takes names as they are on the wire


class Mbsync:
    def __init__(self, h, me):
        self.home = h.home("mbsync")
        self.env = h.environment(self.home)
        self.box = os.path.join(self.home, "mail")
        os.makedirs(self.box)
        self.rc = os.path.join(self.home, "rc")
        with open(self.rc, "w") as f:
            f.write(RC.format(port=h.port["imaps"], ca=h.ca, me=me, password=PASSWORD, box=self.box))

    def sync(self):
        command("mbsync", "-c", self.rc, "-a", env=self.env)

    def files(self, name):
        return sorted(os.path.join(self.box, name, d, x) for d in ("cur", "new") for x in os.listdir(os.path.join(self.box, name, d)))

    def write(self, mailbox, name, text):
        for d in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.box, mailbox, d), exist_ok=True)
        with open(os.path.join(self.box, mailbox, "cur" if ":2," in name else "new", name), "w", newline="\n") as f:
            f.write(text.replace("\r\n", "\n"))


def both_ways(h):
    me = h.person()
    m = Mbsync(h, me)
    h.deliver(me, *(f"sync {i}" for i in range(50)))
    m.sync()
    assert len(m.files("INBOX")) == 50
    assert os.path.isdir(os.path.join(m.box, "Drafts", "cur"))
    # there -> here: a flag, a deletion, a folder
    h.do(me, "INBOX", ("store", "1", "+FLAGS", "(\\Seen \\Flagged)"), ("store", "2", "+FLAGS", "(\\Deleted)"), ("expunge",))
    c = h.imap(me)
    c.create("There")
    c.logout()
    m.sync()
    assert len(m.files("INBOX")) == 49
    assert len([x for x in m.files("INBOX") if x.endswith("FS")]) == 1
    assert m.files("There") == []
    # here -> there: new messages, new folders, a deletion
    victim = next(x for x in m.files("INBOX") if not x.endswith("FS"))
    os.unlink(victim)
    m.write("INBOX", "1.local.host", message("written here", to=me))
    m.write("Kept", "2.local.host:2,S", message("kept here", to=me))
    m.write(PLANS, "3.local.host:2,S", message("umlauts", to=me))
    m.sync()
    there = h.mailbox(me)
    assert "written here" in there and len(there) == 49, len(there)
    assert "\\Seen" in h.mailbox(me, "Kept")["kept here"].flags
    assert "umlauts" in h.mailbox(me, PLANS)
    before = m.files("INBOX")
    m.sync()
    assert m.files("INBOX") == before and len(h.mailbox(me)) == 49


def many(h):
    """some thousand messages down, their flags up"""
    me = h.person()
    m = Mbsync(h, me)
    h.append_many(me, "Archive", 3000)
    m.sync()
    assert len(m.files("Archive")) == 3000
    for f in m.files("Archive"):
        os.rename(f, f.replace("/new/", "/cur/").split(":2,")[0] + ":2,S")
    m.sync()
    c = h.imap(me)
    c.select("Archive")
    assert len(c.search(None, "SEEN")[1][0].split()) == 3000
    c.logout()


CASES = [
    ("mbsync: both ways, and nothing left to do", both_ways),
    ("mbsync: 3,000 messages down, 3,000 flags up", many),
]
