"""Thunderbird, the real one, in a virtual screen, driven over Marionette.

    with Thunderbird(imap=..., smtp=..., user=..., password=..., ca=FILE) as t:
        t.subjects("INBOX"); t.send(...); ...

The account is set up in the profile as its own wizard would write it: IMAP over
TLS, sending over TLS, and nothing else.
"""
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from appliance import free_ports

PREFS = """
user_pref("app.update.enabled", false);
user_pref("app.donation.eoy.version.viewed", 999);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("mail.rights.version", 1);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("mail.winsearch.firstRunDone", true);
user_pref("mailnews.start_page.enabled", false);
user_pref("mailnews.start_page_override.mstone", "ignore");
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "http://127.0.0.1:9/");
user_pref("mail.accountmanager.accounts", "account1,account2");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.accountmanager.localfoldersserver", "server2");
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account2.server", "server2");
user_pref("mail.identity.id1.fullName", "Alice");
user_pref("mail.identity.id1.useremail", "%(address)s");
user_pref("mail.identity.id1.smtpServer", "smtp1");
user_pref("mail.identity.id1.valid", true);
user_pref("mail.server.server1.type", "imap");
user_pref("mail.server.server1.hostname", "localhost");
user_pref("mail.server.server1.port", %(imap)d);
user_pref("mail.server.server1.socketType", 3);
user_pref("mail.server.server1.authMethod", 3);
user_pref("mail.server.server1.userName", "%(user)s");
user_pref("mail.server.server1.name", "%(address)s");
user_pref("mail.server.server1.login_at_startup", false);
user_pref("mail.server.server2.type", "none");
user_pref("mail.server.server2.hostname", "Local Folders");
user_pref("mail.server.server2.userName", "nobody");
user_pref("mail.smtpservers", "smtp1");
user_pref("mail.smtp.defaultserver", "smtp1");
user_pref("mail.smtpserver.smtp1.type", "smtp");
user_pref("mail.smtpserver.smtp1.hostname", "localhost");
user_pref("mail.smtpserver.smtp1.port", %(smtp)d);
user_pref("mail.smtpserver.smtp1.try_ssl", %(smtp_tls)d);
user_pref("mail.smtpserver.smtp1.authMethod", 3);
user_pref("mail.smtpserver.smtp1.username", "%(user)s");
user_pref("marionette.port", %(marionette)d);
"""

# Run in the program itself; arguments[] come from Python, the last one is the callback.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.getAccount("account1");
const server = account.incomingServer;
const folderNamed = path => path == "INBOX" ? server.rootFolder.getFolderWithFlags(0x1000)
    : server.rootFolder.getChildNamed(path);
"""


class Marionette:
    """The protocol in short: LENGTH:[0, id, command, parameters] -> LENGTH:[1, id, error, value]"""

    def __init__(self, port, seconds):
        end = time.monotonic() + seconds
        while True:
            try:
                self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        self.data = b""
        self.count = 0
        self._receive()
        self.call("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": False, "unhandledPromptBehavior": "ignore"}}})
        self.call("Marionette:SetContext", {"value": "chrome"})
        self.call("WebDriver:SetTimeouts", {"script": 100000})

    def _receive(self):
        while b":" not in self.data:
            self._more()
        n, _, rest = self.data.partition(b":")
        self.data = rest
        while len(self.data) < int(n):
            self._more()
        body, self.data = self.data[:int(n)], self.data[int(n):]
        return json.loads(body)

    def _more(self):
        got = self.sock.recv(65536)
        if not got:
            raise EOFError("Thunderbird closed the connection")
        self.data += got

    def call(self, command, parameters):
        self.count += 1
        body = json.dumps([0, self.count, command, parameters]).encode()
        self.sock.sendall(str(len(body)).encode() + b":" + body)
        _, _, error, value = self._receive()
        if error:
            raise RuntimeError(f"{command}: {error.get('message')}\n{error.get('stacktrace', '')[:600]}")
        return value

    def script(self, text, *args):
        """`text` is the body of an async function; what it returns comes back"""
        body = ("const done = arguments[arguments.length - 1]; const args = arguments;"
                "(async () => { " + PRELUDE + text + " })().then(v => done({ok: v === undefined ? null : v}), e => done({bad: String(e) + '\\n' + (e && e.stack)}));")
        value = self.call("WebDriver:ExecuteAsyncScript", {"script": body, "args": list(args), "newSandbox": True})["value"]
        if "bad" in value:
            raise RuntimeError(value["bad"])
        return value["ok"]


class Thunderbird:
    def __init__(self, imap, smtp, user, password, ca, address=None, smtp_tls=3):
        self.home = tempfile.mkdtemp(prefix="hearth-thunderbird-")
        profile = os.path.join(self.home, "profile")
        os.makedirs(profile)
        marionette, display = free_ports(1)[0], None
        with open(os.path.join(profile, "user.js"), "w") as f:
            f.write(PREFS % {"imap": imap, "smtp": smtp, "user": user, "address": address or user, "marionette": marionette, "smtp_tls": smtp_tls})
        read, write = os.pipe()
        self.screen = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
                                       pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as f:
            display = f.readline().strip()
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MOZ_"))}
        env.update(DISPLAY=f":{display}", HOME=self.home, MOZ_CRASHREPORTER_DISABLE="1", LC_ALL="C.UTF-8")
        self.out = open(os.path.join(self.home, "out"), "w")
        self.program = subprocess.Popen(["thunderbird", "--profile", profile, "--marionette", "--remote-allow-system-access", "--no-remote"], env=env, stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.out, start_new_session=True)
        try:
            self.marionette = Marionette(marionette, 90)
            with open(ca) as f:
                pem = f.read()
            der = "".join(x for x in pem.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0].split())
            base64.b64decode(der)
            self.marionette.script("""
                // What a user does who accepts the certificate when asked.
                const cert = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).constructX509FromBase64(args[0]);
                const accepted = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
                for (const port of args[3]) accepted.rememberValidityOverride("localhost", port, {}, cert, false);
                for (const [origin, user] of [["imap://localhost", args[1]], ["smtp://localhost", args[1]]]) {
                    const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
                    login.init(origin, null, origin, user, args[2], "", "");
                    await Services.logins.addLoginAsync(login);
                }""", der, user, password, [imap, smtp])
        except BaseException:
            self.close()
            raise

    def open_inbox(self):
        """connects; from here on the program follows INBOX by IDLE"""
        self.marionette.script("""
            await new Promise((resolve, reject) => server.rootFolder.getFolderWithFlags(0x1000)
                ? resolve() : (server.performExpand(null), resolve()));
            const end = Date.now() + 30000;
            while (!server.rootFolder.getFolderWithFlags(0x1000)) {
                if (Date.now() > end) throw new Error("no INBOX after 30 s");
                await new Promise(r => setTimeout(r, 50));
            }
            server.rootFolder.getFolderWithFlags(0x1000).getNewMessages(null, null);""")

    def subjects(self, folder="INBOX"):
        return self.marionette.script("const f = folderNamed(args[0]); return f ? [...f.messages].map(m => m.mime2DecodedSubject) : [];", folder)

    def wait_subject(self, subject, seconds, folder="INBOX"):
        """seconds until a message of that subject is in the program's list; nothing is asked of the server for it"""
        begun = time.monotonic()
        while subject not in self.subjects(folder):
            if time.monotonic() - begun > seconds:
                raise AssertionError(f"{subject!r} is not among {self.subjects(folder)} after {seconds} s")
            time.sleep(0.02)
        return time.monotonic() - begun

    def body(self, subject, folder="INBOX"):
        """the source of a message, as the program got it"""
        return self.marionette.script("""
            const f = folderNamed(args[0]);
            const m = [...f.messages].find(x => x.mime2DecodedSubject == args[1]);
            const service = MailServices.messageServiceFromURI(f.getUriForMsg(m));
            return await new Promise((resolve, reject) => {
                let text = "";
                service.streamMessage(f.getUriForMsg(m), {
                    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener", "nsIRequestObserver"]),
                    onStartRequest() {},
                    onDataAvailable(request, stream, offset, count) {
                        const s = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(Ci.nsIScriptableInputStream);
                        s.init(stream);
                        text += s.readBytes(count);
                    },
                    onStopRequest(request, status) { status ? reject(new Error("status " + status)) : resolve(text); },
                }, null, null, false, "", false);
            });""", folder, subject)

    def send(self, to, subject, text):
        """writes and sends a message as the program's own compose code does; a copy goes to Sent"""
        self.marionette.script("""
            const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
            fields.from = account.defaultIdentity.fullAddress || account.defaultIdentity.email;
            fields.to = args[0];
            fields.subject = args[1];
            fields.body = args[2];
            const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
            params.composeFields = fields;
            params.identity = account.defaultIdentity;
            params.type = Ci.nsIMsgCompType.New;
            params.format = Ci.nsIMsgCompFormat.PlainText;
            const opened = new Promise(resolve => Services.ww.registerNotification(function watch(w, topic) {
                if (topic == "domwindowopened") w.addEventListener("load", () => {
                    if (w.document.documentURI.includes("messengercompose")) {
                        Services.ww.unregisterNotification(watch);
                        w.addEventListener("compose-editor-ready", () => resolve(w), { once: true });
                    }
                }, { once: true });
            }));
            MailServices.compose.OpenComposeWindowWithParams(null, params);
            const w = await opened;
            const closed = new Promise(resolve => w.addEventListener("unload", resolve, { once: true }));
            w.goDoCommand("cmd_sendNow");
            await closed;""", to, subject, text)

    def close(self):
        for p in (self.program, self.screen):
            try:
                if p is self.program:
                    os.killpg(p.pid, 15)
                else:
                    p.terminate()
                p.wait(10)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                p.kill()
                p.wait()
        self.out.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is not None:
            with open(os.path.join(self.home, "out"), errors="replace") as f:
                print("---- Thunderbird's output ----\n" + f.read()[-2000:])
        self.close()
