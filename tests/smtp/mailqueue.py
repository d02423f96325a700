"""The queue: several accounts, restarts, deaths in the midst; everything acknowledged arrives once."""
import base64
import collections
import os
import re
import signal

from appliance import Appliance
from delivery import wait_for
from talk import Talk, mailbox


def pid_of(a, program, role=None):
    for pid, words in a.pids().items():
        if words and os.path.basename(words[0]) == program and (role is None or role in words[1:]):
            return pid
    return None


def account_of(a, name):
    """the account's number, as a role's last argument says it"""
    found = re.findall(rf"event=login .*account=(\d+) address={name}@", a.log())
    return found[-1]


def numbers(messages):
    return collections.Counter(int(x) for m in messages for x in re.findall(rb"\r\nSubject: n(\d+)\r\n", b"\r\n" + m))


def send(t, n, to=("alice@example.test", "bob@example.test")):
    t.mail(to=to, data=f"Subject: n{n}\r\n\r\nx\r\n.\r\n")


def arrived(a, wanted):
    wait_for(lambda: all(numbers(mailbox(a, u)) == wanted for u in ("alice", "bob")), 30)


def run(results):
    with Appliance() as a:
        with results.case("queue: to several accounts, each once"):
            with Talk(a, ehlo="x") as t:
                for n in range(200):
                    send(t, n)
            arrived(a, collections.Counter(range(200)))
        with results.case("queue: a restart in the midst loses and doubles nothing"):
            with Talk(a, ehlo="x") as t:
                for n in range(200, 400):
                    send(t, n)
            a.stop()
            a.start()
            arrived(a, collections.Counter(range(400)))
        with results.case("queue: a dead queue is back, and has everything that was acknowledged"):
            acknowledged = 400
            for _ in range(3):
                with Talk(a, ehlo="x") as t:
                    for n in range(acknowledged, acknowledged + 50):
                        send(t, n)
                acknowledged += 50
                os.kill(pid_of(a, "hearth-smtp-queue"), signal.SIGKILL)
            arrived(a, collections.Counter(range(acknowledged)))
        with results.case("queue: dead deliver roles delay, and double nothing"):
            for _ in range(2):
                with Talk(a, ehlo="x") as t:
                    for n in range(acknowledged, acknowledged + 50):
                        send(t, n)
                        if n % 25 == 10:
                            victim = pid_of(a, "hearth-smtp-deliver")
                            if victim:
                                os.kill(victim, signal.SIGKILL)
                acknowledged += 50
            arrived(a, collections.Counter(range(acknowledged)))
        with results.case("queue: a deliver role that dies under a receiver: the client notices nothing"):
            with Talk(a, ehlo="x") as t:
                for n in range(20):
                    send(t, 100000 + n, to=("alice@example.test",))
                    if n % 8 != 3:
                        continue
                    victim = pid_of(a, "hearth-smtp-deliver")
                    if victim:
                        os.kill(victim, signal.SIGKILL)
            got = numbers(mailbox(a))
            assert all(got[100000 + n] == 1 for n in range(20)), got
        with results.case("queue: a slow commit is no failed one, and holds up nobody else"):
            with Talk(a, ehlo="x") as t, Talk(a, ehlo="x") as other:
                t.mail(to=("bob@example.test",))  # so that both roles run
                t.send("MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
                for code in (250, 250, 354):
                    t.expect(code)
                stopped = [p for p, w in a.pids().items() if os.path.basename(w[0]) == "hearth-smtp-deliver" and w[-1] == account_of(a, "alice")]
                assert len(stopped) == 1, a.pids()
                os.kill(stopped[0], signal.SIGSTOP)
                try:
                    t.send("Subject: n100100\r\n\r\nx\r\n.\r\n")
                    before = len(mailbox(a, "bob"))
                    other.mail(to=("bob@example.test",))
                    assert len(mailbox(a, "bob")) == before + 1
                    t.sock.settimeout(0.5)
                    try:
                        raise AssertionError(f"who answered? {t.reply()}")
                    except TimeoutError:
                        pass
                finally:
                    os.kill(stopped[0], signal.SIGCONT)
                t.sock.settimeout(30)
                t.file = t.sock.makefile("rb")
                t.expect(250)
            assert numbers(mailbox(a))[100100] == 1
        with results.case("queue: who has no room keeps his mail waiting"):
            size = sum(map(len, mailbox(a, "bob")))
            a.tool("account", "set", "bob@example.test", "--quota", str(size + 3000))
            with Talk(a, ehlo="x") as t:
                t.mail(to=("alice@example.test", "bob@example.test"), data="Subject: n300000\r\n\r\n" + "y" * 4000 + "\r\n.\r\n")
            wait_for(lambda: numbers(mailbox(a))[300000] == 1)
            wait_for(lambda: "quota" in a.tool("queue", "list").stdout)
            a.tool("account", "set", "bob@example.test", "--quota", "10M")
            wait_for(lambda: numbers(mailbox(a, "bob"))[300000] == 1)
            assert numbers(mailbox(a))[300000] == 1
        with results.case("queue: who was logged in when it died is sent to log in again"):
            with Talk(a, "submission") as t:
                for _ in range(2):
                    t.ehlo()
                    t.cmd("AUTH PLAIN " + base64.b64encode(b"\0alice@example.test\0secret").decode(), 235)
                    t.mail(to=["x@far.example"], sender="alice@example.test", data="Subject: before\r\n\r\nx\r\n.\r\n")
                    victim = pid_of(a, "hearth-smtp-queue")
                    os.kill(victim, signal.SIGKILL)
                    wait_for(lambda: pid_of(a, "hearth-smtp-queue") not in (None, victim))
                    assert t.mail(to=["x@far.example"], sender="alice@example.test", code=421)[0].startswith("4.3.0 ")
                    t.closed()
                    t.__init__(a, "submission")
        with results.case("queue: what is for the outside outlasts a restart"):
            with a.submission() as s:
                s.sendmail("alice@example.test", ["x@far.example", "bob@example.test"], "Subject: out\r\n\r\nx\r\n")
            wait_for(lambda: mailbox(a, "bob")[-1].count(b"Subject: out") == 1)
            a.stop()
            assert "x@far.example" in a.tool("queue", "list").stdout  # also while nothing runs
            a.start()
            listed = a.tool("queue", "list").stdout
            assert listed.count("x@far.example") == 3, listed  # and two of the case before
            assert sum(m.count(b"Subject: out") for m in mailbox(a, "bob")) == 1
