"""A whole Hearth on free loopback ports in a temporary folder, for tests.

    with Appliance() as a:              # accounts alice and bob, password "secret"
        a.smtp().sendmail(...)          # smtplib, imaplib, poplib, logged in
    Appliance(conf='relay { ... }')     # more lines for hearth.conf

HEARTH_SRC names the built source tree (default: the one this file is in).
Everything is started by this process, ended by it by pid, and removed.
"""
import imaplib
import os
import poplib
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

SRC = os.environ.get("HEARTH_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(SRC, "mailstore", "hearth")
DOMAIN = "example.test"
PASSWORD = "secret"
imaplib._MAXLINE = 50_000_000

with open(os.path.join(SRC, "imapd", "hearth-imap-account"), "rb") as program:
    SANITIZED = b"__asan_init" in program.read()  # slower and larger than what people run: such a build is held to less

KINDS = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")


def free_ports(n):
    """n ports that were free a moment ago; bound together so that they differ"""
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def descendants(pid):
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                with open(f"/proc/{d}/stat") as f:
                    s = f.read()
            except OSError:
                continue
            kids.setdefault(int(s[s.rindex(")") + 2:].split()[1]), []).append(int(d))
    out, todo = [], [pid]
    while todo:
        for k in kids.get(todo.pop(), []):
            out.append(k)
            todo.append(k)
    return out


class Appliance:
    def __init__(self, accounts=("alice", "bob"), conf="", daemon_conf=None, start=True, wrap=(), folder=None, fresh=None):
        """daemon_conf: {"imapd": 'max_connections = 5', ...}; wrap: words before the command line;
        folder: an existing appliance's folder, to start it once more; with fresh=True an empty one to fill.
        A folder that was given is not removed."""
        self.wrap = list(wrap)
        self.process = None
        self.made = folder is None
        fresh = self.made if fresh is None else fresh
        self.folder = folder or tempfile.mkdtemp(prefix="hearth-test-")
        self.conf_file = os.path.join(self.folder, "hearth.conf")
        self.log_file = os.path.join(self.folder, "log")
        if fresh:
            self.port = dict(zip(KINDS, free_ports(len(KINDS))))
            self._certificate()
            self._write_conf(conf, daemon_conf or {})
            for a in accounts:
                self.add_account(a)
        else:
            with open(os.path.join(self.folder, "ports")) as f:
                self.port = {k: int(v) for k, v in (x.split() for x in f)}
        if start:
            self.start()

    def _certificate(self):
        f = self.folder
        os.chmod(f, 0o755)
        run = lambda *a: subprocess.run(a, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-subj", "/CN=mail.example.test", "-addext", "subjectAltName=DNS:mail.example.test,DNS:localhost,IP:127.0.0.1",
            "-keyout", f + "/key.pem", "-out", f + "/cert.pem")
        if os.getuid() == 0:
            self.user = pwd.getpwnam("hearth")
            os.chown(f + "/key.pem", self.user.pw_uid, self.user.pw_gid)

    def _write_conf(self, conf, daemon_conf):
        p = self.port
        d = lambda n: daemon_conf.get(n, "")
        many = "max_connections = 3000  max_connections_per_address = 3000"
        limits = lambda n: "" if "max_connections" in d(n) else many
        with open(self.conf_file, "w") as f:
            f.write(f"""hostname = "mail.example.test"
domains  = {{ "{DOMAIN}" }}
state    = "state"
tls {{ certificate = "cert.pem"  key = "key.pem" }}
smtpd {{ listen = {{ "127.0.0.1:{p['smtp']}" }}  submission = {{ "127.0.0.1:{p['submission']}" }}
        submissions = {{ "127.0.0.1:{p['submissions']}" }}  plaintext_auth = true  {limits('smtpd')} {d('smtpd')} }}
imapd {{ listen = {{ "127.0.0.1:{p['imap']}" }}  imaps = {{ "127.0.0.1:{p['imaps']}" }}  plaintext_auth = true  {limits('imapd')} {d('imapd')} }}
pop3d {{ listen = {{ "127.0.0.1:{p['pop3']}" }}  pop3s = {{ "127.0.0.1:{p['pop3s']}" }}  plaintext_auth = true  {limits('pop3d')} {d('pop3d')} }}
{conf}
""")
        with open(os.path.join(self.folder, "ports"), "w") as f:
            f.writelines(f"{k} {v}\n" for k, v in p.items())

    # ---- processes ----

    def tool(self, *words, stdin="", check=True):
        r = subprocess.run([TOOL, "-c", self.conf_file, *words], input=stdin, capture_output=True, text=True, timeout=300)
        if check and r.returncode:
            raise RuntimeError(f"hearth {' '.join(words)}: status {r.returncode}: {r.stderr}{r.stdout}")
        return r

    def add_account(self, name, password=PASSWORD):
        self.tool("account", "add", name if "@" in name else f"{name}@{DOMAIN}", "--password-stdin", stdin=password + "\n")

    def start(self, wait=True):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*self.wrap, TOOL, "-c", self.conf_file, "run"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            for kind in KINDS:
                self.wait_port(kind)

    def wait_port(self, kind, seconds=20.0):
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port[kind]), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{kind} does not listen; log:\n{self.log()[-3000:]}") from None
                time.sleep(0.01)

    def pids(self):
        """{pid: command line words} of every process of this appliance but the first"""
        out = {}
        for p in descendants(self.process.pid):
            try:
                with open(f"/proc/{p}/cmdline", "rb") as f:
                    out[p] = f.read().decode(errors="replace").split("\0")[:-1]
            except OSError:
                pass
        return out

    def stop(self, seconds=20):
        """ends the appliance; returns its exit status"""
        if self.process is None:
            return None
        everyone = list(self.pids())
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the appliance did not end within {seconds} s; log:\n{self.log()[-3000:]}") from None
        self.process = None
        end = time.monotonic() + 2
        while any(os.path.exists(f"/proc/{p}") for p in everyone):
            if time.monotonic() > end:
                raise RuntimeError("left running: " + str([p for p in everyone if os.path.exists(f'/proc/{p}')]))
            time.sleep(0.01)
        return status

    def kill(self):
        if self.process is not None:
            for p in [self.process.pid, *self.pids()]:
                try:
                    os.kill(p, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
            self.process = None

    def log(self):
        with open(self.log_file, errors="replace") as f:
            return f.read()

    def remove(self):
        if self.made:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is not None:
                sys.stderr.write("---- end of the appliance's log ----\n" + (self.log()[-4000:] if os.path.exists(self.log_file) else "") + "\n")
                self.kill()
            else:
                self.stop()
        finally:
            self.kill()
            self.remove()

    # ---- clients ----

    def tls_context(self):
        return ssl.create_default_context(cafile=os.path.join(self.folder, "cert.pem"))

    def smtp(self):
        return smtplib.SMTP("127.0.0.1", self.port["smtp"], timeout=60)

    def submission(self, user="alice", password=PASSWORD):
        s = smtplib.SMTP("localhost", self.port["submission"], timeout=60)
        s.starttls(context=self.tls_context())
        s.login(user if "@" in user else f"{user}@{DOMAIN}", password)
        return s

    def imap(self, user="alice", password=PASSWORD, tls=False):
        if tls:
            c = imaplib.IMAP4_SSL("localhost", self.port["imaps"], ssl_context=self.tls_context(), timeout=60)
        else:
            c = imaplib.IMAP4("127.0.0.1", self.port["imap"], timeout=60)
        c.login(user if "@" in user else f"{user}@{DOMAIN}", password)
        return c

    def pop3(self, user="alice", password=PASSWORD, tls=False):
        if tls:
            c = poplib.POP3_SSL("localhost", self.port["pop3s"], context=self.tls_context(), timeout=60)
        else:
            c = poplib.POP3("127.0.0.1", self.port["pop3"], timeout=60)
        c.user(user if "@" in user else f"{user}@{DOMAIN}")
        c.pass_(password)
        return c

    def raw(self, kind):
        """a plain socket as (socket, buffered reader)"""
        s = socket.create_connection(("127.0.0.1", self.port[kind]), timeout=60)
        return s, s.makefile("rb")


class Results:
    """Counts, and ends with the line that CI reads.  Use: with results.case("name"): ..."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    def case(self, name):
        return _Case(self, name)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


class _Case:
    def __init__(self, results, name):
        self.results, self.name = results, name

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.results.passed += 1
            print("ok", self.name, flush=True)
        elif issubclass(kind, Exception):
            import traceback
            self.results.failed += 1
            print("FAIL", self.name, flush=True)
            traceback.print_exception(kind, value, trace)
        return kind is not None and issubclass(kind, Exception)


def message(subject="hello", sender="carol@far.example", to=f"alice@{DOMAIN}", body="Hello there.\r\n", **fields):
    head = {"From": sender, "To": to, "Subject": subject, "Date": "Sun, 22 Nov 2026 20:53:10 +0000",
            "Message-ID": f"<{time.monotonic_ns()}@far.example>", **{k.replace("_", "-"): v for k, v in fields.items()}}
    return "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n" + body
