"""curl, which speaks all three protocols, and those that only send: swaks, msmtp."""
import os
import subprocess

from appliance import PASSWORD, message
from household import command


def curl(h):
    me, you = h.person(), h.person()
    f = os.path.join(h.home("curl"), "m")
    with open(f, "w", newline="") as out:
        out.write(message("from curl", to=you))
    run = lambda *words: command("curl", "-sS", "--cacert", h.ca, *words)
    login = ["-u", f"{you}:{PASSWORD}"]
    run(f"smtp://127.0.0.1:{h.port['smtp']}/client.example", "--mail-from", "carol@far.example", "--mail-rcpt", you, "--upload-file", f)
    for url in (f"smtp://localhost:{h.port['submission']}", f"smtps://localhost:{h.port['submissions']}"):
        run("--ssl-reqd", url, "-u", f"{me}:{PASSWORD}", "--mail-from", me, "--mail-rcpt", you, "--upload-file", f)
    imaps, pop3 = f"imaps://localhost:{h.port['imaps']}", f"pop3://localhost:{h.port['pop3']}"
    assert "Subject: from curl" in run(*login, f"{imaps}/INBOX;MAILINDEX=3")
    assert '"Archive"' in run(*login, imaps + "/") or "Archive" in run(*login, imaps + "/")
    run(*login, imaps + "/Archive", "-T", f)
    assert "from curl" in h.mailbox(you, "Archive")
    assert "Subject: from curl" in run(*login, "--ssl-reqd", pop3 + "/3")
    assert len(run(*login, "--ssl-reqd", pop3 + "/").splitlines()) == 3
    assert run(*login, "--ssl-reqd", "-X", "UIDL", pop3 + "/").count("\n") == 3


def swaks(h):
    me, you = h.person(), h.person()
    common = ["swaks", "--silent", "2", "--timeout", "30", "--to", you]
    login = ["--from", me, "--auth-user", me, "--auth-password", PASSWORD]
    verify = ["--tls-verify", "--tls-ca-path", h.ca, "--tls-sni", "localhost"]
    mx, submission, submissions = ([*common, "--server", f"localhost:{h.port[x]}"] for x in ("smtp", "submission", "submissions"))
    subject = lambda s: ["--h-Subject", s]
    command(*mx, "--from", "x@far.example", *subject("25"))
    command(*mx, "--from", "x@far.example", "-tls", *verify, *subject("25 with TLS"))
    for mechanism in ("PLAIN", "LOGIN"):
        command(*submission, *login, "-tls", *verify, "--auth", mechanism, *subject("587 " + mechanism))
        command(*submissions, *login, "-tlsc", *verify, "--auth", mechanism, *subject("465 " + mechanism))
    wrong = subprocess.run([*submission, "-tls", "--from", me, "--auth", "PLAIN", "--auth-user", me, "--auth-password", "wrong"],
                           capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 28, (wrong.returncode, wrong.stdout)     # "authentication failed"
    assert set(h.mailbox(you)) == {"25", "25 with TLS", "587 PLAIN", "465 PLAIN", "587 LOGIN", "465 LOGIN"}


def msmtp(h):
    """chooses how it logs in by itself; everything it is told is where, who and whom to believe"""
    me, you = h.person(), h.person()
    home = h.home("msmtp")
    rc = os.path.join(home, ".msmtprc")
    with open(rc, "w") as f:
        f.write(f"""defaults
tls on
tls_trust_file {h.ca}
auth on
host localhost
from {me}
user {me}
password {PASSWORD}
account starttls
port {h.port['submission']}
account implicit
port {h.port['submissions']}
tls_starttls off
account wrong : implicit
password wrong
""")
    os.chmod(rc, 0o600)
    env = h.environment(home)
    for account in ("starttls", "implicit"):
        text = message("msmtp " + account, sender=me, to=you, body="line\r\n.\r\n..dots\r\n").replace("\r\n", "\n")
        command("msmtp", "-a", account, "-t", "--read-envelope-from", input=text, env=env)
    got = h.mailbox(you)
    assert got["msmtp starttls"].text.endswith("\r\n\r\nline\r\n.\r\n..dots\r\n") and "msmtp implicit" in got
    said = command("msmtp", "-a", "implicit", "--serverinfo", env=env)
    assert "SIZE" in said and "PIPELINING" in said and "AUTH" in said, said
    said = subprocess.run(["msmtp", "-a", "wrong", you], input="Subject: x\n\nx\n", capture_output=True, text=True,
                          env=env, timeout=60)
    assert said.returncode == 77 and "535 5.7.8" in said.stderr, (said.returncode, said.stderr)
    assert len(h.mailbox(you)) == 2


CASES = [
    ("curl: SMTP, submission, IMAP, POP3", curl),
    ("swaks: 25, 587, 465, PLAIN and LOGIN", swaks),
    ("msmtp: STARTTLS and TLS at once, a wrong password", msmtp),
]
