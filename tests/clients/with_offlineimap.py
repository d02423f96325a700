"""offlineimap: both ways, and nothing left to do."""
import os

from appliance import PASSWORD, message
from household import command

RC = """[general]
accounts = all
metadata = {home}/metadata
ui = quiet
[Account all]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {box}
sync_deletes = yes
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {port}
ssl = {ssl}
starttls = {starttls}
sslcacertfile = {ca}
remoteuser = {me}
remotepass = {password}
maxconnections = 2
"""
FOLDER = "Entw&APw-rfe &- 2026"        # it keeps names as they are on the wire


class Offlineimap:
    def __init__(self, h, me, tls=True):
        self.home = h.home("offlineimap")
        self.env = h.environment(self.home)
        self.box = os.path.join(self.home, "mail")
        with open(os.path.join(self.home, "rc"), "w") as f:
            f.write(RC.format(home=self.home, box=self.box, port=h.port["imaps" if tls else "imap"], ssl="yes" if tls else "no", starttls="no" if tls else "yes",
                              ca=h.ca, me=me, password=PASSWORD))

    def sync(self):
        return command("offlineimap", "-o", "-c", os.path.join(self.home, "rc"), env=self.env, seconds=180)

    def files(self, name):
        return sorted(os.path.join(self.box, name, d, x) for d in ("cur", "new") for x in os.listdir(os.path.join(self.box, name, d)))

    def write(self, mailbox, name, text):
        for d in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.box, mailbox, d), exist_ok=True)
        with open(os.path.join(self.box, mailbox, "cur" if ":2," in name else "new", name), "w", newline="\n") as f:
            f.write(text.replace("\r\n", "\n"))

    def file_of(self, mailbox, subject):
        for name in self.files(mailbox):
            with open(name) as f:
                if f"Subject: {subject}\n" in f.read():
                    return name
        raise AssertionError(f"no {subject} in {mailbox}")


def both_ways(h):
    me = h.person()
    o = Offlineimap(h, me)
    h.deliver(me, "a", "b", "c", "d")
    c = h.imap(me)
    c.create(f'"{FOLDER}"')
    c.logout()
    o.sync()
    assert len(o.files("INBOX")) == 4 and o.files(FOLDER) == [] and o.files("Drafts") == []
    # there -> here: flags and a deletion
    uid = {k: m.uid for k, m in h.mailbox(me).items()}
    h.do(me, "INBOX", ("store", uid["a"], "+FLAGS", "(\\Seen \\Flagged)"), ("store", uid["b"], "+FLAGS", "(\\Deleted)"), ("expunge",))
    o.sync()
    assert len(o.files("INBOX")) == 3 and o.file_of("INBOX", "a").endswith(":2,FS")
    # here -> there: flags, a deletion, a new message, a new folder with one
    os.unlink(o.file_of("INBOX", "c"))
    name = o.file_of("INBOX", "d")
    os.rename(name, os.path.join(o.box, "INBOX", "cur", os.path.basename(name).split(":2,")[0] + ":2,RS"))
    o.write("INBOX", "1.local.host:2,", message("written here", to=me))
    o.write("Kept", "2.local.host:2,S", message("kept here", to=me))
    o.sync()
    there = h.mailbox(me)
    assert set(there) == {"a", "d", "written here"}, there.keys()
    assert there["d"].flags >= {"\\Seen", "\\Answered"} and "kept here" in h.mailbox(me, "Kept")
    before = o.files("INBOX"), o.files("Kept")
    o.sync()
    o.sync()
    assert (o.files("INBOX"), o.files("Kept")) == before
    assert len(h.mailbox(me)) == 3 and len(h.mailbox(me, "Kept")) == 1


def many(h):
    """a thousand by STARTTLS, down and up"""
    me = h.person()
    o = Offlineimap(h, me, tls=False)
    h.append_many(me, "Archive", 1000)
    o.sync()
    assert len(o.files("Archive")) == 1000
    for i in range(100):
        o.write("Archive", f"{i}.local.host:2,S", message(f"up {i}", to=me))
    o.sync()
    assert len(h.mailbox(me, "Archive")) == 1100
    o.sync()
    assert len(h.mailbox(me, "Archive")) == 1100 and len(o.files("Archive")) == 1100


CASES = [
    ("offlineimap: both ways, and nothing left to do", both_ways),
    ("offlineimap: 1,000 messages down, 100 up, nothing twice", many),
]
