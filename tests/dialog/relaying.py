"""Nobody relays without logging in: every way of writing a recipient elsewhere
that a server ever fell for, under every pretence, is refused at RCPT.
"""
from appliance import DOMAIN, PASSWORD

import base64
import socket

HERE, IP, FAR = DOMAIN, "127.0.0.1", "far.example"
V = "victim"

# What stands behind "RCPT TO:".
FORMS = [
    f"<{V}@{FAR}>", f"{V}@{FAR}", f"<{V}%{FAR}@{HERE}>", f"<{V}%{FAR}@[{IP}]>", f'<"{V}@{FAR}">', f'<"{V}%{FAR}">', f"<{V}@{FAR}@{HERE}>",
    f'<"{V}@{FAR}"@{HERE}>', f"<{V}@{FAR}@[{IP}]>", f"<@{HERE}:{V}@{FAR}>", f"<@[{IP}]:{V}@{FAR}>", f"<@{HERE},@{FAR}:{V}@{FAR}>",
    f"<{FAR}!{V}>", f"<{FAR}!{V}@{HERE}>", f"<{FAR}!{V}@[{IP}]>", f"<{HERE}!{FAR}!{V}>", f"<{V}@[192.0.2.25]>", f"<{V}@[IPv6:2001:db8::25]>",
    f"<{V}@{FAR}.>", f"<{V}@{HERE}.{FAR}>", f"<{V}@{HERE}%00{FAR}>", f"<{V}@{HERE}\0{FAR}>", f"<{V}@{FAR.upper()}>", f"<{V}@{HERE},{FAR}>",
    f"<alice@{HERE}>{V}@{FAR}", f"<alice@{HERE}><{V}@{FAR}>", f"<alice@{HERE}>,<{V}@{FAR}>", f"<alice@{HERE} {V}@{FAR}>",
    f"<{V}@{FAR}> NOTIFY=SUCCESS", f"<{V}@{FAR}> ORCPT=rfc822;alice@{HERE}", f"<alice@{HERE}> ORCPT=rfc822;{V}@{FAR}", f"<{V}\uff20{FAR}@{HERE}>",
    f"<{V}@far\uff0eexample>", f"<alice+{V}%{FAR}@{HERE}>", f"<{V}@{FAR}\t>", f"< {V}@{FAR}>", f"<{V} @{FAR}>", f"<{V}@ {FAR}>", f"<\"{V}\"@{FAR}>",
    f"<{V}@{FAR}:25>", f"<smtp:{V}@{FAR}>", f"<mailto:{V}@{FAR}>", f"<{V}@localhost>", f"<{V}@{FAR}", f"{V}@{FAR}>",
]
WRONG = base64.b64encode(f"\0alice@{HERE}\0wrong".encode()).decode()
# What a client says before; "?" = any answer will do.
PRETENCES = {
    "plainly": ["MAIL FROM:<x@elsewhere.example>"],
    "as nobody": ["MAIL FROM:<>"],
    "as one of us": [f"MAIL FROM:<alice@{HERE}>"],
    "as our address": [f"MAIL FROM:<alice@[{IP}]>"],
    "as our name": ["MAIL FROM:<postmaster@mail.example.test>"],
    "with AUTH=": [f"?MAIL FROM:<alice@{HERE}> AUTH=alice", f"?MAIL FROM:<alice@{HERE}>"],
    "as localhost": ["EHLO localhost", f"MAIL FROM:<alice@{HERE}>"],
    "with our own name": ["HELO mail.example.test", f"MAIL FROM:<alice@{HERE}>"],
    "with our own number": [f"EHLO [{IP}]", f"MAIL FROM:<alice@{HERE}>"],
    "after AUTH on port 25": [f"?AUTH PLAIN {WRONG}", f"MAIL FROM:<alice@{HERE}>"],
    "after XCLIENT": [f"?XCLIENT ADDR=127.0.0.1 LOGIN=alice@{HERE}", f"MAIL FROM:<alice@{HERE}>"],
    "after XFORWARD": [f"?XFORWARD ADDR={IP}", f"MAIL FROM:<alice@{HERE}>"],
    "after ETRN and TURN": ["?ETRN far.example", "?TURN", "?EXPN alice", f"MAIL FROM:<alice@{HERE}>"],
    "after RSET": ["MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<alice@{HERE}>", "RSET", f"MAIL FROM:<alice@{HERE}>"],
    "after one of ours": ["MAIL FROM:<x@elsewhere.example>", f"RCPT TO:<alice@{HERE}>"],
    "after STARTTLS": ["STARTTLS", "EHLO client.example", f"MAIL FROM:<alice@{HERE}>"],
}


class Client:
    def __init__(self, appliance):
        self.appliance = appliance
        self.sock = socket.create_connection(("127.0.0.1", appliance.port["smtp"]), timeout=60)
        self.file = self.sock.makefile("rb")
        self.reply()
        self.ask("EHLO client.example")

    def reply(self):
        line = self.file.readline()
        while line[3:4] == b"-":
            line = self.file.readline()
        return line.decode("latin-1").strip()

    def ask(self, command):
        self.sock.sendall(command.encode("utf-8") + b"\r\n")
        answer = self.reply()
        if command == "STARTTLS":
            context = self.appliance.tls_context()
            context.check_hostname = False
            self.sock = context.wrap_socket(self.sock)
            self.file = self.sock.makefile("rb")
        return answer

    def close(self):
        self.file.close()
        self.sock.close()


def case(appliance, job):
    """what is wrong, or None"""
    pretence, form = job
    client = Client(appliance)
    try:
        for command in PRETENCES[pretence]:
            answer = client.ask(command.lstrip("?"))
            if not command.startswith("?") and answer[:1] != "2":
                return f"{pretence}: {command}: {answer}"
        answer = client.ask("RCPT TO:" + form)
        return None if answer[:1] == "5" else f"{pretence}: RCPT TO:{form}: {answer}"
    except OSError as e:
        return f"{pretence}: {form}: {e!r}"
    finally:
        client.close()


def run(appliance, pool):
    jobs = [(p, f) for p in PRETENCES for f in FORMS]
    bad = [wrong for wrong in pool.map(lambda job: case(appliance, job), jobs) if wrong]
    # Nothing was queued, and whoever logs in may send there: so it was not the form alone that was refused.
    if appliance.tool("queue", "list", check=False).stdout.strip():
        bad.append("something is in the queue")
    with appliance.submission("alice", PASSWORD) as s:
        s.mail(f"alice@{HERE}")
        code, answer = s.rcpt(f"{V}@{FAR}")
        if code != 250:
            bad.append(f"logged in: {code} {answer}")
    return len(jobs) + 1 - len(bad), bad
