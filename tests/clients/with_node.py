"""imapflow and nodemailer, on Node; installed from the npm registry into build/node.

What is installed stands in node/package-lock.json, with its digests.  Without the
registry (and without an earlier installation) these cases fail, and say so: a
client that was not tried is not known to work.
"""
import json
import os
import shutil
import subprocess

from appliance import PASSWORD
from household import command

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = os.path.join(HERE, "node")
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "node")


def installed():
    """the folder with the modules in it"""
    lock = os.path.join(BUILD, "package-lock.json")
    with open(os.path.join(NODE, "package-lock.json")) as f:
        wanted = f.read()
    if os.path.exists(os.path.join(BUILD, "complete")):
        with open(lock) as f:
            if f.read() == wanted:
                return BUILD
    shutil.rmtree(BUILD, ignore_errors=True)
    os.makedirs(BUILD)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(NODE, name), BUILD)
    r = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-timeout=30000"], cwd=BUILD, capture_output=True,
                       text=True, timeout=240)
    assert r.returncode == 0, f"the npm registry did not give what node/package-lock.json lists; nothing was tried:\n{r.stderr[-1500:]}"
    with open(os.path.join(BUILD, "complete"), "w"):
        pass
    return BUILD


def words(h, what, me, you=""):
    given = {"modules": installed(), "me": me, "you": you, "password": PASSWORD, **h.port}
    return ["node", os.path.join(NODE, "household.mjs"), what, json.dumps(given)]


def environment(h):
    return dict(h.environment(h.home("node")), NODE_EXTRA_CA_CERTS=h.ca)


def sends_and_reads(h):
    me, you = h.person(), h.person()
    env = environment(h)
    command(*words(h, "send", me, you), env=env)
    assert len(h.mailbox(you)) == 2
    command(*words(h, "read", you), env=env)
    assert h.mailbox(you) == {}


def idles(h):
    me = h.person()
    with subprocess.Popen(words(h, "idle", me), env=environment(h), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        said = p.stdout.readline()
        if said == "ready\n":
            h.deliver(me, "pushed")
        said += p.stdout.read()
    assert p.returncode == 0 and said == "ready\ndone\n", said


def many(h):
    me = h.person()
    h.append_many(me, "Archive", 3000)
    command(*words(h, "many", me), env=environment(h))


CASES = [
    ("nodemailer sends, imapflow reads, searches, moves, makes folders", sends_and_reads),
    ("imapflow: IDLE", idles),
    ("imapflow: 3,000 messages, and those changed since", many),
]
