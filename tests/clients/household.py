"""What the tests of clients share: a Hearth whose certificate comes from a
certificate authority of its own, people nobody else uses, and small helpers.

    with Household() as h:
        anna = h.person()               # an address; its password is PASSWORD
        h.deliver(anna, "subject")      # as if from outside
        h.mailbox(anna)                 # {subject: Message(uid, flags, text)}
"""
import collections
import os
import pwd
import subprocess
import tempfile
import threading
import time

from appliance import DOMAIN, PASSWORD, Appliance, message

PEOPLE = 50
Message = collections.namedtuple("Message", "uid flags text")


def command(*words, ok=(0,), seconds=120, **more):
    """runs a program to its end; its standard output"""
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    try:
        r = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds, **more)
    except subprocess.TimeoutExpired as e:
        said = b"".join(x for x in (e.stdout, e.stderr) if x).decode(errors="replace")
        raise AssertionError(f"{' '.join(words)}: not done within {seconds} s\n{said[-2500:]}") from None
    assert r.returncode in ok, f"{' '.join(words)}: status {r.returncode}\n{r.stdout[-2500:]}{r.stderr[-2500:]}"
    return r.stdout


def wait_until(what, seconds, say="it"):
    """what() once it is true; asked again and again"""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        assert time.monotonic() < end, f"{say() if callable(say) else say}: not within {seconds} s"
        time.sleep(0.05)


def signed_certificate(folder, ca):
    """key.pem and cert.pem (with the chain) in folder; the authority's certificate in ca"""
    run = lambda *words: subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key = os.path.join(folder, "ca.key")
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=Test Authority",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", ca)
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mail.example.test", "-keyout", folder + "/key.pem", "-out", folder + "/csr.pem")
    with open(folder + "/extensions", "w") as f:
        f.write("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n"
                "subjectAltName=DNS:mail.example.test,DNS:localhost,IP:127.0.0.1\n")
    run("x509", "-req", "-in", folder + "/csr.pem", "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "30", "-extfile", folder + "/extensions",
        "-out", folder + "/leaf.pem")
    with open(folder + "/cert.pem", "w") as out:
        for part in (folder + "/leaf.pem", ca):
            with open(part) as f:
                out.write(f.read())


class Household(Appliance):
    def __init__(self, people=PEOPLE, **more):
        """All accounts are made first: a new one sends logins away that are under way."""
        self.lock = threading.Lock()
        self.people = [f"person{i:02}@{DOMAIN}" for i in range(people)]
        super().__init__(accounts=[], start=False, **more)
        for p in self.people:
            self.add_account(p)
        self.free = list(self.people)
        self.work = tempfile.mkdtemp(prefix="work-", dir=self.folder)
        self.start()

    def _certificate(self):
        super()._certificate()          # whose key belongs to the right user
        self.ca = os.path.join(self.folder, "ca.pem")
        signed_certificate(self.folder, self.ca)

    def person(self):
        with self.lock:
            return self.free.pop(0)

    def home(self, name):
        """an empty folder, for a client's HOME"""
        return tempfile.mkdtemp(prefix=name + "-", dir=self.work)

    def ordinary(self, home):
        """arguments for subprocess: an ordinary user, who gets this HOME"""
        if os.getuid() != 0:
            return {}
        os.chmod(self.work, 0o711)
        nobody = pwd.getpwnam("nobody")
        for folder, _, files in os.walk(home):
            for path in (folder, *(os.path.join(folder, x) for x in files)):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def environment(self, home):
        """for a client that has nothing but this HOME, and believes our authority"""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "LC_", "LANG"))}
        return dict(keep, HOME=home, LC_ALL="C.UTF-8", SSL_CERT_FILE=self.ca, TERM="screen-256color")

    def deliver(self, to, *subjects, **more):
        with self.smtp() as s:
            for subject in subjects:
                s.sendmail("carol@far.example", [to], message(subject, to=to, **more))

    def mailbox(self, who, name="INBOX"):
        """{subject: Message}, by imaplib, without setting \\Seen; None where there is no such mailbox"""
        c = self.imap(who)
        try:
            if c.select(f'"{name}"', readonly=True)[0] != "OK":
                return None
            out = {}
            for item in c.uid("fetch", "1:*", "(UID FLAGS BODY.PEEK[])")[1]:
                if isinstance(item, tuple):
                    words = item[0].decode()
                    text = item[1].decode("utf-8", "replace")
                    subject = next((x[8:].strip() for x in text.split("\r\n\r\n")[0].split("\r\n") if x.lower().startswith("subject:")), "")
                    out[subject] = Message(words.split("UID ")[1].split()[0].rstrip(")"), set(words.split("FLAGS (")[1].split(")")[0].split()), text)
            return out
        finally:
            c.logout()

    def do(self, who, mailbox, *commands):
        """UID commands by imaplib in a mailbox: ("store", "1", "+FLAGS", "(\\Seen)"), ("expunge",), ..."""
        c = self.imap(who)
        assert c.select(f'"{mailbox}"')[0] == "OK"
        for name, *args in commands:
            status, got = c.expunge() if name == "expunge" else c.uid(name, *args)
            assert status == "OK", (name, args, got)
        c.logout()

    def append_many(self, who, mailbox, number, subject="number {}", size=0):
        """`number` messages by pipelined APPENDs"""
        s, f = self.raw("imap")
        f.readline()
        s.sendall(f"a LOGIN {who} {PASSWORD}\r\n".encode())
        while not f.readline().startswith(b"a OK"):
            pass
        for start in range(0, number, 100):
            for i in range(start, min(start + 100, number)):
                text = message(subject.format(i), to=who, body="x" * size + "\r\n").encode()
                s.sendall(b"b APPEND %s {%d+}\r\n%s\r\n" % (mailbox.encode(), len(text), text))
            for i in range(start, min(start + 100, number)):
                while not (line := f.readline()).startswith(b"b "):
                    pass
                assert line.startswith(b"b OK"), line
        s.close()
