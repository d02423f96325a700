"""The queue: several accounts, restarts, deaths in the midst; everything acknowledged arrives once."""
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
        with results.case("queue: what is for the outside outlasts a restart"):
            with a.submission() as s:
                s.sendmail("alice@example.test", ["x@far.example", "bob@example.test"], "Subject: out\r\n\r\nx\r\n")
            wait_for(lambda: mailbox(a, "bob")[-1].count(b"Subject: out") == 1)
            a.stop()
            assert "x@far.example" in a.tool("queue", "list").stdout  # also while nothing runs
            a.start()
            listed = a.tool("queue", "list").stdout
            assert listed.count("x@far.example") == 1, listed
            assert sum(m.count(b"Subject: out") for m in mailbox(a, "bob")) == 1
