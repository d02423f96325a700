"""Moving in and out: hearth import and hearth export."""
import fcntl
import json
import mailbox
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from appliance import DOMAIN, TOOL, Appliance, message  # noqa: E402
from generator import Generator  # noqa: E402

ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"
FROM = b"From x@far.example Sun Nov 22 20:53:10 2026\n"


def folder_of(a, address):
    number = next(x["id"] for x in json.loads(a.tool("account", "list", "--json").stdout) if x["address"] == address)
    return os.path.join(a.folder, "state", "accounts", f"{number:016x}")


def give(a, path):
    """the folder belongs to whom the tool reads it for"""
    if os.getuid() == 0:
        for folder, _, files in os.walk(path):
            for x in [folder, *(os.path.join(folder, f) for f in files)]:
                os.lchown(x, a.user.pw_uid, a.user.pw_gid)


def put(path, content=b"", mtime=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    if mtime is not None:
        os.utime(path, (mtime, mtime))


def fetch(a, user="alice"):
    """{mailbox: [(flags, date, bytes)]} of all that is there"""
    with a.imap(user) as c:
        out = {}
        for line in c.list()[1]:
            name = re.search(rb' "/" (.*)$', line).group(1).strip(b'"')
            if b"\\Noselect" in line or b"\\NonExistent" in line:
                continue
            c.select(b'"' + name + b'"', readonly=True)
            rows = []
            for part in c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1] or []:
                if isinstance(part, tuple):
                    flags = sorted(re.search(rb"FLAGS \(([^)]*)\)", part[0]).group(1).split())
                    rows.append(([f for f in flags if f != b"\\Recent"], re.search(rb'INTERNALDATE "([^"]*)"', part[0]).group(1), part[1]))
            out[name.decode()] = rows
        return out


def roles(a, user="alice"):
    with a.imap(user) as c:
        return {re.search(rb"\\(Drafts|Sent|Junk|Trash|Archive)\b", x).group(1).decode(): re.search(rb' "/" (.*)$', x).group(1).strip(b'"').decode()
                for x in c.list()[1] if re.search(rb"\\(Drafts|Sent|Junk|Trash|Archive)\b", x)}


def bodies(rows):
    return [r[2] for r in rows]


def imported(a, *words, status=0, user=ALICE):
    r = a.tool("import", "--json", user, *words, check=False)
    assert r.returncode == status, r
    return json.loads(r.stdout)


def counts(answer):
    return answer["added"], answer["known"]


# ---- import ----

def a_maildir(case, a):
    d = os.path.join(a.folder, "maildir")
    m = lambda n: f"Subject: {n}\n\ntext {n}\n".encode()
    for sub in ("cur", "new", "tmp", ".Sent Items/cur", ".Sent Items.2024/cur", ".Entw&APw-rfe/cur", ".v1&AC4-0/cur", ".empty/cur", ".nothing"):
        os.makedirs(os.path.join(d, sub))
    put(d + "/cur/1000000001.M1.host,S=12:2,FRS", m(1), 1000000001)
    put(d + "/cur/1000000002.M2.host:2,TDac", m(2), 1000000002)
    put(d + "/new/1000000003.M3.host", m(3), 1000000003)
    put(d + "/tmp/1000000004.M4.host", m(4))
    put(d + "/cur/.hidden", m(5))
    put(d + "/cur/1000000006.M6.host:2,S", b"Subject: 6\r\n\r\nCRLF\r\n", 1000000006)
    put(d + "/cur/1000000007.M7.host:2,S", b"Subject: 7\n\nNUL \0 and bare \r CR\n no end", 1000000007)
    put(d + "/cur/1000000008.M8.host:2,S", m(1), 1000000008)  # the same bytes again
    put(d + "/dovecot-keywords", "0 $Label1\n1 unused\n2 work\n")
    put(d + "/dovecot-uidlist", "3 V1 N9\n")
    put(d + "/subscriptions", "V\t2\n\nSent Items\nSent Items\t2024\n")
    put(d + "/.Sent Items/cur/1:2,S", m("sent"), 1000000011)
    put(d + "/.Sent Items.2024/cur/1:2,", m("sent 2024"), 1000000012)
    put(d + "/.Entw&APw-rfe/cur/1:2,P", m("draft"), 1000000013)
    put(d + "/.v1&AC4-0/cur/1:2,", m("dots"), 1000000014)
    give(a, d)
    with case("import: a Maildir++ with flags, keywords, dates and folders"):
        answer = imported(a, d)
        assert counts(answer) == (10, 0) and answer["refused"] == [], answer
        got = fetch(a)
        crlf = lambda b: re.sub(rb"(?<!\r)\n", b"\r\n", b)
        assert got["INBOX"] == [
            ([b"\\Answered", b"\\Flagged", b"\\Seen"], b" 9-Sep-2001 01:46:41 +0000", crlf(m(1))),
            ([b"$Label1", b"\\Deleted", b"\\Draft", b"work"], b" 9-Sep-2001 01:46:42 +0000", crlf(m(2))),
            ([], b" 9-Sep-2001 01:46:43 +0000", crlf(m(3))),
            ([b"\\Seen"], b" 9-Sep-2001 01:46:46 +0000", b"Subject: 6\r\n\r\nCRLF\r\n"),
            ([b"\\Seen"], b" 9-Sep-2001 01:46:47 +0000", b"Subject: 7\r\n\r\nNUL \x80 and bare \r CR\r\n no end"),
            ([b"\\Seen"], b" 9-Sep-2001 01:46:48 +0000", crlf(m(1)))], got["INBOX"]
        assert bodies(got["Sent"]) == [crlf(m("sent"))] and bodies(got["Sent/2024"]) == [crlf(m("sent 2024"))]
        assert got["Entw&APw-rfe"] == [([b"$Forwarded"], b" 9-Sep-2001 01:46:53 +0000", crlf(m("draft")))]
        assert bodies(got["v1.0"]) == [crlf(m("dots"))] and got["empty"] == []
        assert sorted(got) == sorted(["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive", "Sent/2024", "Entw&APw-rfe", "v1.0", "empty"])
        with a.imap() as c:
            subscribed = [x.split(b' "/" ')[1].decode() for x in c.lsub()[1]]
        assert sorted(subscribed) == sorted(["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive", "Sent/2024"]), subscribed
    with case("import: a second run adds nothing, whatever became of the mail"):
        with a.imap() as c:
            c.select("INBOX")
            c.store("1", "+FLAGS.SILENT", "\\Deleted")
            c.expunge()
            c.copy("1:2", "Archive")
            c.store("3", "FLAGS.SILENT", "()")
            c.rename("v1.0", "other")
            c.delete("empty")
            c.unsubscribe("Sent/2024")
        os.rename(d + "/cur/1000000001.M1.host,S=12:2,FRS", d + "/cur/1000000001.M1.host,S=12:2,")
        before = fetch(a)
        assert counts(imported(a, d)) == (0, 10)
        assert fetch(a) == before
        with a.imap() as c:
            assert b"Sent/2024" not in b" ".join(c.lsub()[1])
    with case("import: what is new since then comes in"):
        put(d + "/cur/1000000009.M9.host:2,S", m(9), 1000000009)
        put(d + "/cur/1000000010.M10.host:2,S", m(1), 1000000010)  # a third like it
        put(d + "/.v1&AC4-0/cur/2:2,", m("more dots"))
        assert counts(imported(a, d)) == (3, 10)
        assert bodies(fetch(a)["v1.0"]) == [b"Subject: more dots\r\n\r\ntext more dots\r\n"]
        assert counts(imported(a, d)) == (0, 13)
    with case("import: --mailbox puts all of it below"):
        assert counts(imported(a, "--mailbox", "Old", d)) == (13, 0)
        got = fetch(a)
        assert len(got["Old"]) == 8 and len(got["Old/Sent Items/2024"]) == 1 and len(got["Sent"]) == 1
        assert counts(imported(a, "--mailbox", "Old", d)) == (0, 13)


def other_folders(case, a):
    with case("import: nested Maildirs"):
        d = os.path.join(a.folder, "nested")
        for sub in ("inbox", "work", "work/2024", "Spam"):
            for x in ("cur", "new", "tmp"):
                os.makedirs(f"{d}/{sub}/{x}")
            put(f"{d}/{sub}/cur/1:2,S", f"Subject: {sub}\n\n1\n")
        give(a, d)
        assert counts(imported(a, d, user=BOB)) == (4, 0)
        got = fetch(a, "bob")
        assert [k for k, v in sorted(got.items()) if v] == ["INBOX", "Junk", "work", "work/2024"], got
        assert bodies(got["Junk"]) == [b"Subject: Spam\r\n\r\n1\r\n"]
    with case("import: Thunderbird's local folders"):
        d = os.path.join(a.folder, "thunderbird")
        mozilla = lambda status, keys, n: (f"From - Sun Nov 22 20:53:10 2026\nX-Mozilla-Status: {status}\nX-Mozilla-Status2: 00000000\n"
                                           f"X-Mozilla-Keys: {keys:<80}\nSubject: {n}\n\ntext {n}\n\n")
        put(d + "/Inbox", mozilla("0001", "$label1", 1) + mozilla("0009", "", 2) + mozilla("1007", "", 3))
        put(d + "/Inbox.msf", "// <!-- <mdb:mork:z v=\"1.4\"/> -->")
        put(d + "/Archives.sbd/2024", mozilla("0001", "", 4))
        put(d + "/Archives.sbd/2024.msf")
        put(d + "/Archives")
        put(d + "/Archives.msf")
        put(d + "/Work.sbd/R&D.sbd/Plans", "From \r\nSubject: 5\r\n\r\n>From here\r\n")
        put(d + "/msgFilterRules.dat", "version=\"9\"\n")
        put(d + "/notes.txt", "not mail\n")
        give(a, d)
        answer = imported(a, d, user=BOB, status=1)
        assert counts(answer) == (4, 0) and answer["passed"] == 1, answer
        assert [os.path.basename(x["file"]) for x in answer["refused"]] == ["notes.txt"]
        got = fetch(a, "bob")
        assert got["INBOX"][1] == ([b"$label1", b"\\Seen"], b"22-Nov-2026 20:53:10 +0000", b"Subject: 1\r\n\r\ntext 1\r\n"), got["INBOX"]
        assert got["INBOX"][2][0] == [b"$Forwarded", b"\\Answered", b"\\Flagged", b"\\Seen"]
        assert bodies(got["Archive/2024"]) == [b"Subject: 4\r\n\r\ntext 4\r\n"]
        assert bodies(got["Work/R&-D/Plans"]) == [b"Subject: 5\r\n\r\nFrom here\r\n"]


def an_mbox(case, a):
    f = os.path.join(a.folder, "mbox")
    with case("import: an mbox, with pseudo message, lengths and status"):
        put(f, FROM + b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nThis text\n\n"
            + FROM + b"Subject: 1\nStatus: RO\nX-Status: F\nX-Keywords: $Label2\n\n>From one\n\n"
            + FROM + b"Subject: 2\nContent-Length: %d\n\nFrom two\n\n" % (len(FROM) + 10) + FROM + b"\n"
            + FROM + b"Subject: 1\n\n>From one\n\n")
        give(a, f)
        os.chown(f, a.user.pw_uid, a.user.pw_gid) if os.getuid() == 0 else None
        answer = imported(a, "--mailbox", "mbox", f)
        assert counts(answer) == (3, 0) and answer["passed"] == 1, answer
        got = fetch(a)["mbox"]
        assert got[0] == ([b"$Label2", b"\\Flagged", b"\\Seen"], b"22-Nov-2026 20:53:10 +0000", b"Subject: 1\r\n\r\nFrom one\r\n"), got
        assert got[1][2] == b"Subject: 2\r\n\r\nFrom two\r\n\r\n" + FROM.replace(b"\n", b"\r\n")
        assert got[2] == ([], b"22-Nov-2026 20:53:10 +0000", b"Subject: 1\r\n\r\nFrom one\r\n")
        put(f, open(f, "rb").read().replace(b"Status: RO", b"Status: O").replace(b"X-Status: F\n", b""))
        assert counts(imported(a, "--mailbox", "mbox", f)) == (0, 3)
    with case("import: what Python's mailbox wrote"):
        box = mailbox.mbox(f + ".python")
        sent = [message(subject=f"m {i}", body=f"From {i}\n\n>From {i}\nFrom x\n").replace("\r\n", "\n").encode() for i in range(50)]
        for s in sent:
            box.add(s)
        box.flush()
        give(a, f + ".python")
        assert counts(imported(a, "--mailbox", "python", f + ".python")) == (50, 0)
        want = [s.replace(b"\n>From", b"\nFrom").replace(b"\n", b"\r\n") for s in sent]  # (mboxo: a quote cannot be told from one that was there)
        assert bodies(fetch(a)["python"]) == want


def refusals(case, a):
    with case("import: refuses"):
        for words, says in ((["nobody@" + DOMAIN, a.conf_file], "there is no account"), ([ALICE, "/nonexistent"], "No such file"),
                            ([ALICE, "/dev/null"], "neither a folder nor a file"), ([ALICE, "--mailbox", "", a.conf_file], "1 to 1000 bytes")):
            r = a.tool("import", *words, check=False)
            assert r.returncode == 1 and says in r.stderr and not r.stdout and r.stderr.count("\n") == 1, r
        assert a.tool("import", ALICE, check=False).returncode == 2
        empty = os.path.join(a.folder, "nothing-in-it")
        os.makedirs(empty + "/sub")
        give(a, empty)
        r = a.tool("import", ALICE, empty, check=False)
        assert r.returncode == 1 and "neither a Maildir nor an mbox" in r.stderr, r
        r = a.tool("import", ALICE, a.conf_file, check=False)
        assert r.returncode == 1 and "is not an mbox" in r.stderr, r
    with case("import: one bad file does not stop the rest; links are not followed"):
        d = os.path.join(a.folder, "bad")
        os.makedirs(d + "/cur")
        put(d + "/cur/1:2,S", "Subject: good 1\n\n")
        put(d + "/cur/2:2,S")
        os.symlink("/etc/passwd", d + "/cur/3:2,S")
        os.mkfifo(d + "/cur/4:2,S")
        os.makedirs(d + "/cur/5:2,S")
        os.symlink(d, d + "/.Loop")
        put(d + "/cur/6:2,S", "Subject: good 2\n\n")
        os.makedirs(d + "/.a" + ".a" * 40 + "/cur")
        give(a, d)
        answer = imported(a, "--mailbox", "bad", d, status=1)
        why = {os.path.basename(x["file"]): x["reason"] for x in answer["refused"]}
        assert counts(answer) == (2, 0) and why["2:2,S"] == "is empty" and why["3:2,S"] == "is a symbolic link", answer
        assert why["4:2,S"] == why["5:2,S"] == "is not a regular file" and len(why) == 5, why
        shown = a.tool("import", "--mailbox", "bad", ALICE, d, check=False)
        assert "2:2,S: is empty" in shown.stderr and "2 had come in before" in shown.stdout, shown
    if os.getuid() == 0:
        with case("import: root reads with the rights of the owner"):
            d = os.path.join(a.folder, "owned")
            put(d + "/cur/1:2,S", "Subject: mine\n\n")
            put(d + "/cur/2:2,S", "Subject: not mine\n\n")
            give(a, d)
            os.chown(d + "/cur/2:2,S", 0, 0)
            os.chmod(d + "/cur/2:2,S", 0o600)
            answer = imported(a, "--mailbox", "owned", d, status=1)
            assert counts(answer) == (1, 0) and answer["refused"][0]["reason"] == "Permission denied", answer
    with case("import: the quota ends it, and it goes on when there is room"):
        f = os.path.join(a.folder, "quota.mbox")
        put(f, b"".join(FROM + b"Subject: %d\n\n%s\n\n" % (i, b"x" * 5000) for i in range(400)))
        os.chown(f, os.stat(a.conf_file).st_uid, -1)
        a.tool("account", "set", BOB, "--quota", "1M")
        r = a.tool("import", BOB, f, check=False)
        first = int(r.stdout.split()[0])
        assert r.returncode == 1 and "quota" in r.stderr and 150 < first < 210, r
        a.tool("account", "set", BOB, "--quota", "0")
        assert counts(imported(a, f, user=BOB)) == (400 - first, first)


def at_work(case, a):
    with case("import: sessions see the mail come in; deliveries go on meanwhile"):
        f = os.path.join(a.folder, "busy.mbox")
        put(f, b"".join(FROM + b"Subject: %d\n\n%s\n\n" % (i, os.urandom(1500).hex().encode()) for i in range(20000)))
        c = a.imap()
        c.select("INBOX")
        count = len(c.search(None, "ALL")[1][0].split())
        runs = subprocess.Popen([TOOL, "-c", a.conf_file, "import", ALICE, f], stdout=subprocess.PIPE)
        delivered, longest = 0, 0.0
        with a.smtp() as s:
            while runs.poll() is None:
                t = time.monotonic()
                s.sendmail("x@far.example", [ALICE], message())
                longest = max(longest, time.monotonic() - t)
                delivered += 1
        assert runs.wait() == 0 and delivered > 3 and longest < 2, (delivered, longest)
        end = time.monotonic() + 20
        while len(c.search(None, "ALL")[1][0].split()) < count + 20000 + delivered and time.monotonic() < end:
            c.noop()
        assert len(c.search(None, "ALL")[1][0].split()) == count + 20000 + delivered
        c.logout()
    with case("import: two at a time are not let in"):
        folder = os.open(folder_of(a, ALICE), os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        r = a.tool("import", ALICE, f, check=False)
        assert r.returncode == 1 and "another import" in r.stderr and not r.stdout, r
        os.close(folder)
        assert counts(imported(a, f)) == (0, 20000)


def interrupted(case):
    with case("import: killed again and again, every message comes in once"):
        with Appliance(start=False) as a:
            f = os.path.join(a.folder, "mbox")
            put(f, b"".join(FROM + b"Subject: %d\n\n%s\n\n" % (i % 5000, b"z" * (i % 5000)) for i in range(6000))
                + FROM + b"Subject: large\n\n" + (os.urandom(3000000).hex().encode() + b"\n") * 2 + b"\n")
            os.chmod(f, 0o644)
            seed = random.randrange(1 << 30)
            rnd, kills = random.Random(seed), 0
            while True:
                p = subprocess.Popen([TOOL, "-c", a.conf_file, "import", ALICE, f], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                try:
                    p.wait(rnd.uniform(0.01, 0.05 + kills / 100))
                    break
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.communicate()
                    kills += 1
            out, err = p.communicate()
            assert p.returncode == 0 and kills > 0, (seed, kills, out, err)
            assert counts(imported(a, f)) == (0, 6001), seed
            assert a.tool("verify").stdout.endswith("0 faults\n")
            a.start()
            with a.imap() as c:
                assert c.select("INBOX")[1] == [b"6001"], (seed, kills)


# ---- export ----

def fill(a):
    """alice gets one of everything"""
    texts = ["Subject: a\r\n\r\ntext\r\n", "Subject: b\n\nbare LF\n", "Subject: c\r\n\nmixed\r\n", "Subject: d\r\n\r\nCR CR LF\r\r\n",
             "Subject: e\r\n\r\nno end", "Subject: f\r\n\r\nCR at the end\r", "Subject: g\r\n\r\n\r\n\r\n", "x", "\r\n", "\n", "\r",
             "Subject: h\r\n\r\nFrom here\r\n>From there\r\n", "Subject: i\r\n\r\n8 bit \xff\r\n",
             "Subject: large\r\n\r\n" + "0123456789abcdef\r\n" * 200000, "Subject: large, mixed\r\n\r\n" + "0123456789abcdef\n" * 200000]
    with a.imap() as c:
        c.rename("Sent", "Gesendet")
        c.delete("Junk")
        for name in ("v1.0", "Entw&APw-rfe", "work/2024/a.b", "A&-B", "x" * 300, "INBOX/below", "Spam"):
            assert c.create('"' + name + '"')[0] == "OK", name
        c.unsubscribe("work/2024/a.b")
        c.subscribe("elsewhere")
        for i, text in enumerate(texts):
            box = ("INBOX", "Gesendet", '"work/2024/a.b"', '"INBOX/below"', '"' + "x" * 300 + '"')[i % 5]
            flags = ("", "\\Seen", "\\Flagged \\Answered k1 $Forwarded", "\\Draft \\Deleted \\Seen", "$Label1 k27 k39")[i * 7 % 5]
            date = '"%02d-Nov-%d 20:53:10 +0000"' % (i + 1, (2026, 1969, 1999)[i % 3])
            assert c.append(box, f"({flags})", date, text.encode("latin-1"))[0] == "OK", text[:20]
        c.select("INBOX")
        c.store("1", "+FLAGS.SILENT", "(" + " ".join(f"k{i}" for i in range(40)) + ")")


def exported(case, a):
    with case("export: what is exported and imported is the same again"):
        fill(a)
        before, had = fetch(a), roles(a)
        d = os.path.join(a.folder, "out")
        r = a.tool("export", ALICE, d)
        assert r.stdout == f"{sum(map(len, before.values()))} messages in {len(before)} mailboxes\n", r.stdout
        a.add_account("carol")
        assert counts(imported(a, d, user="carol@" + DOMAIN)) == (sum(map(len, before.values())), 0)
        after = fetch(a, "carol")
        for k in {*before, *after}:
            assert sorted(before.get(k, ["missing"])) == sorted(after.get(k, ["missing"])), k
        assert roles(a, "carol") == had, (had, roles(a, "carol"))
        assert counts(imported(a, d, user="carol@" + DOMAIN)) == (0, sum(map(len, before.values())))
    with case("export: a Maildir as others know it"):
        box = mailbox.Maildir(d, create=False)
        assert sorted(box.list_folders()) == sorted(
            ["Gesendet", "Drafts", "Trash", "Archive", "v1&AC4-0", "Entw&APw-rfe", "work", "work.2024", "work.2024.a&AC4-b", "A&-B", "Spam", "INBOX.below",
             *[f for f in os.listdir(d) if f.startswith(".hearth-")][0:0], *[f[1:] for f in os.listdir(d) if f.startswith(".hearth-")]])
        assert len(box) == len(before["INBOX"])
        first = next(m for m in box if m["Subject"] == "a")
        assert set(first.get_flags()) >= set("defgz") and first.get_date() == 1793566390, (first.get_flags(), first.get_date())
        name = next(n for n in os.listdir(d + "/cur") if b"Subject: a\n" in open(f"{d}/cur/{n}", "rb").read())
        assert open(f"{d}/cur/{name}", "rb").read() == b"Subject: a\n\ntext\n" and ",S=17,W=20," in name, name
        assert "k5" in open(d + "/dovecot-keywords").read()
        lines = open(d + "/subscriptions").read().split("\n")
        assert "INBOX" in lines and "Gesendet" in lines and "work.2024.a&AC4-b" not in lines and "elsewhere" in lines, lines
        if os.getuid() == 0:
            assert os.stat(d).st_uid == os.stat(a.folder).st_uid
    with case("export: refuses"):
        for words, says in (([ALICE, d], "is not empty"), ([ALICE, a.conf_file], "Not a directory"), ([ALICE, "/nonexistent/x"], "No such file"),
                            (["nobody@" + DOMAIN, a.folder + "/new"], "there is no account")):
            r = a.tool("export", *words, check=False)
            assert r.returncode == 1 and says in r.stderr and not r.stdout and r.stderr.count("\n") == 1, r
        assert not os.path.exists(a.folder + "/new")
        os.mkdir(a.folder + "/empty")
        assert json.loads(a.tool("export", BOB, a.folder + "/empty", "--json").stdout)["messages"] == 0
    with case("export: a full disk is told"):
        if os.getuid() == 0:
            small = os.path.join(a.folder, "small")
            os.mkdir(small)
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True).returncode == 0:
                try:
                    r = a.tool("export", ALICE, small + "/out", check=False)
                    assert r.returncode == 1 and "No space left" in r.stderr and not r.stdout, r
                finally:
                    subprocess.run(["umount", small], check=True)


# ---- every byte ----

def unexported(folder):
    """the messages of an exported Maildir, as they are in the store"""
    for name in os.listdir(folder + "/cur"):
        with open(f"{folder}/cur/{name}", "rb") as f:
            data = f.read()
        yield data if ",R:2," in name else data.replace(b"\n", b"\r\n")


def every_byte(case):
    seed = random.randrange(1 << 30)
    rnd = random.Random(seed)
    with case(f"import: every byte of 10,000 generated messages and 2,000 that are noise (seed {seed})"):
        with Appliance(start=False) as a:
            mails = [Generator(seed + i, wire=True).message() for i in range(10000)]
            for i, m in enumerate(mails):
                put(f"{a.folder}/in/cur/{i}:2,", m if i % 2 else m.replace(b"\r\n", b"\n"))
            # (with CRLF ends as many wires have them; what else is in it is kept, but for bare LF)
            noise = [bytes(rnd.choices(range(256), k=rnd.randrange(1, 3000))).replace(b"\n", rnd.choice((b"\r\n", b"x"))) for _ in range(2000)]
            for i, m in enumerate(noise):
                put(f"{a.folder}/in/.noise/cur/{i}:2,", m)
            # (quotes are taken away in bodies alone: ">From " in a header may be UUCP's; the empty line behind
            # a message that is a header without end would be that end)
            quotable = [m for m in mails if re.search(rb"(?m)^\r\n", m) and not re.search(rb"(?m)^>*From ", m.split(b"\r\n\r\n")[0])]
            with open(a.folder + "/mbox", "wb") as f:
                for m in quotable:
                    f.write(FROM + re.sub(rb"(?m)^(>*From )", rb">\1", m.replace(b"\r\n", b"\n")) + b"\n")
            give(a, a.folder + "/in")
            os.chmod(a.folder + "/mbox", 0o644)
            assert counts(imported(a, a.folder + "/in")) == (12000, 0)
            assert counts(imported(a, "--mailbox", "mbox", a.folder + "/mbox")) == (len(quotable), 0)
            a.tool("export", ALICE, a.folder + "/out")
            own = re.compile(rb"(?im)^(Status|X-Status|X-Keywords|X-UID|Content-Length):")
            assert not any(own.search(m.split(b"\r\n\r\n")[0]) for m in mails)
            for folder, want in (("", mails), ("/.noise", noise), ("/.mbox", quotable)):
                got = sorted(unexported(a.folder + "/out" + folder))
                assert got == sorted(want), (seed, folder, next((x, y) for x, y in zip(got, sorted(want)) if x != y))
            assert a.tool("verify").stdout.endswith("0 faults\n")


def moving(results):
    case = results.case
    with Appliance() as a:
        a_maildir(case, a)
        other_folders(case, a)
        an_mbox(case, a)
        refusals(case, a)
        at_work(case, a)
        assert a.tool("verify").stdout.endswith("0 faults\n")
    with Appliance() as a:
        exported(case, a)
        assert a.tool("verify").stdout.endswith("0 faults\n")
    every_byte(case)
    interrupted(case)
