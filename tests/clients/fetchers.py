"""fetchmail, getmail and mpop: mail stays on the server, and nothing is fetched twice."""
import os
import signal
import subprocess

from appliance import PASSWORD
from household import command, wait_until

BODY = "line\r\n.\r\n..two dots\r\n\r\n"


def files(maildir):
    return [os.path.join(maildir, d, x) for d in ("cur", "new") for x in os.listdir(os.path.join(maildir, d))]


def make_maildir(path):
    for d in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, d))
    return path


def subjects(maildir):
    out = []
    for name in files(maildir):
        with open(name, newline="") as f:
            text = f.read().replace("\r\n", "\n")
        head, _, body = text.partition("\n\n")
        assert body.rstrip("\n").endswith(BODY.replace("\r\n", "\n").rstrip("\n")), text
        out.append(next(x[9:] for x in head.split("\n") if x.startswith("Subject: ")))
    return sorted(out)


def keeping(h, me, fetch, here):
    """what every one of them must be able to do: fetch() gets mail into the folder `here`, and leaves it on the server"""
    h.deliver(me, "one", "two", "two", body=BODY)       # two of them the same in all but their UIDL
    fetch()
    assert subjects(here) == ["one", "two", "two"], subjects(here)
    fetch()
    assert len(files(here)) == 3
    h.do(me, "INBOX", ("store", "1", "+FLAGS", "(\\Deleted)"), ("expunge",))
    h.deliver(me, "three", body=BODY)
    fetch()
    assert subjects(here) == ["one", "three", "two", "two"], subjects(here)
    fetch()
    assert len(files(here)) == 4
    assert {*h.mailbox(me)} == {"two", "three"}


# ---- fetchmail ----

class Fetchmail:
    def __init__(self, h, me, *words):
        self.home = h.home("fetchmail")
        self.env = h.environment(self.home)
        self.rc = os.path.join(self.home, "rc")
        with open(self.rc, "w") as f:
            f.write(f"poll localhost {' '.join(words)}\n user \"{me}\" password \"{PASSWORD}\"\n sslcertck sslcertfile \"{h.ca}\"\n")
        os.chmod(self.rc, 0o600)
        self.words = ["fetchmail", "-f", self.rc, "-i", os.path.join(self.home, "ids"), "--pidfile", os.path.join(self.home, "pid"), "--nosyslog"]

    def add(self, text):
        with open(self.rc, "a") as f:
            f.write(" " + text + "\n")

    def run(self, *words, ok=(0, 1)):          # 1: there was nothing new
        return command(*self.words, *words, ok=ok, env=self.env)


def fetchmail_keeps(h):
    """POP3, TLS at once, into a maildir by a program of ours"""
    me = h.person()
    f = Fetchmail(h, me, "protocol pop3 port", str(h.port["pop3s"]), "uidl")
    here = make_maildir(os.path.join(f.home, "mail"))
    f.add(f'ssl keep mda "cat >{here}/tmp/$$ && mv {here}/tmp/$$ {here}/new/"')
    keeping(h, me, f.run, here)


def fetchmail_moves(h):
    """from one account's POP3 (STLS) into another's SMTP; then nothing is left; then the same from IMAP"""
    me, you = h.person(), h.person()
    for protocol in ("pop3", "imap"):
        h.deliver(me, *(f"{protocol} {i}" for i in range(20)), body=BODY)
        f = Fetchmail(h, me, f"protocol {protocol} port", str(h.port[protocol]))
        f.add(f'sslproto "TLS1.2+" smtphost "127.0.0.1/{h.port["smtp"]}" smtpname "{you}"')
        said = f.run("-v", ok=(0,))
        assert ("STARTTLS" if protocol == "imap" else "STLS") in said, said
        assert h.mailbox(me) == {}
        got = h.mailbox(you)
        assert all(got[f"{protocol} {i}"].text.endswith("\r\n\r\n" + BODY) for i in range(20))


def fetchmail_waits(h):
    """follows INBOX by IDLE"""
    me, you = h.person(), h.person()
    f = Fetchmail(h, me, "protocol imap port", str(h.port["imaps"]))
    f.add(f'ssl idle keep smtphost "127.0.0.1/{h.port["smtp"]}" smtpname "{you}"')
    h.deliver(me, "waiting")
    with open(os.path.join(f.home, "out"), "w") as out:
        p = subprocess.Popen([*f.words, "-v"], env=f.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    said = lambda: open(os.path.join(f.home, "out")).read()
    try:
        wait_until(lambda: "waiting" in h.mailbox(you), 20, said)
        wait_until(lambda: "IDLE" in said().split("waiting")[-1], 20, said)
        h.deliver(me, "pushed")
        wait_until(lambda: "pushed" in h.mailbox(you), 20, said)
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait(20)
    assert set(h.mailbox(you)) == {"waiting", "pushed"}


# ---- getmail ----

class Getmail:
    def __init__(self, h, me, kind, port, more=""):
        self.home = h.home("getmail")
        self.env = h.environment(self.home)
        self.here = make_maildir(os.path.join(self.home, "mail"))
        with open(os.path.join(self.home, "getmailrc"), "w") as f:
            f.write(f"[retriever]\ntype = {kind}\nserver = localhost\nport = {port}\nusername = {me}\npassword = {PASSWORD}\nca_certs = {h.ca}\n{more}"
                    f"[destination]\ntype = Maildir\npath = {self.here}/\n"
                    "[options]\nread_all = false\ndelete = false\ndelivered_to = false\nreceived = false\n")
        self.words = ["getmail", "--getmaildir", self.home]
        self.who = h.ordinary(self.home)        # it does not deliver as root

    def run(self):
        return command(*self.words, env=self.env, **self.who)


def getmail_keeps(h):
    me = h.person()
    g = Getmail(h, me, "SimplePOP3SSLRetriever", h.port["pop3s"])
    keeping(h, me, g.run, g.here)


def getmail_imap(h):
    me = h.person()
    g = Getmail(h, me, "SimpleIMAPSSLRetriever", h.port["imaps"], 'mailboxes = ("INBOX", "Archive")\n')
    keeping(h, me, g.run, g.here)
    h.append_many(me, "Archive", 200)             # it starts a process for each
    g.run()
    assert len(files(g.here)) == 204
    g.run()
    assert len(files(g.here)) == 204


def getmail_waits(h):
    """getmail --idle"""
    me = h.person()
    g = Getmail(h, me, "SimpleIMAPSSLRetriever", h.port["imaps"])
    h.deliver(me, "waiting", body=BODY)
    with open(os.path.join(g.home, "out"), "w") as out:
        p = subprocess.Popen([*g.words, "--idle", "INBOX"], env=g.env, **g.who, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    said = lambda: open(os.path.join(g.home, "out")).read()
    try:
        wait_until(lambda: len(files(g.here)) == 1, 20, said)
        h.deliver(me, "pushed", body=BODY)
        wait_until(lambda: subjects(g.here) == ["pushed", "waiting"], 20, said)
    finally:
        p.send_signal(signal.SIGINT)
        p.wait(20)


# ---- mpop ----

class Mpop:
    def __init__(self, h, me, port, *more):
        self.home = h.home("mpop")
        self.env = h.environment(self.home)
        self.here = make_maildir(os.path.join(self.home, "mail"))
        rc = os.path.join(self.home, ".mpoprc")
        with open(rc, "w") as f:
            f.write("\n".join(["defaults", "tls on", f"tls_trust_file {h.ca}", f"uidls_file {self.home}/uidls", "account default", "host localhost",
                               f"port {port}", f"user {me}", f"password {PASSWORD}", f"delivery maildir {self.here}", *more]) + "\n")
        os.chmod(rc, 0o600)

    def run(self, *words):
        return command("mpop", *words, env=self.env)


def mpop_keeps(h):
    me = h.person()
    m = Mpop(h, me, h.port["pop3s"], "tls_starttls off", "keep on", "received_header off")
    keeping(h, me, m.run, m.here)


def mpop_many(h):
    """some thousand messages by STLS, pipelined, and gone from the server"""
    me = h.person()
    h.append_many(me, "INBOX", 3000)
    m = Mpop(h, me, h.port["pop3"], "keep off")
    said = m.run("--serverinfo")
    assert "PIPELINING" in said and "UIDL" in said, said
    m.run("-q")
    assert len(files(m.here)) == 3000
    assert h.mailbox(me) == {}


CASES = [
    ("fetchmail -k with UIDL: nothing twice", fetchmail_keeps),
    ("fetchmail: from POP3 and IMAP into SMTP, nothing left", fetchmail_moves),
    ("fetchmail: follows INBOX by IDLE", fetchmail_waits),
    ("getmail by POP3: nothing twice", getmail_keeps),
    ("getmail by IMAP: nothing twice, two mailboxes, 200 messages", getmail_imap),
    ("getmail --idle", getmail_waits),
    ("mpop: keeps mail on the server, nothing twice", mpop_keeps),
    ("mpop: 3,000 messages, deleting", mpop_many),
]
