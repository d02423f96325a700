"""Thunderbird, the real one, in a virtual screen, driven over Marionette.

    with Thunderbird(h, address) as t:              # kind="pop3" for the other protocol
        t.open_inbox(); t.wait_subject("..."); t.move(...); t.restart(); ...

The account stands in the profile as its own wizard would write it: TLS from the
first byte, "normal password", and nothing else.  Our authority is imported, and
every certificate verified.
"""
import os
import shutil
import subprocess
import tempfile
import time

from appliance import PASSWORD, free_ports
from marionette import Marionette

PREFS = """
app.update.enabled false
app.donation.eoy.version.viewed 999
datareporting.policy.dataSubmissionEnabled false
extensions.update.enabled false
mail.rights.version 1
mail.shell.checkDefaultClient false
mail.spotlight.firstRunDone true
mail.winsearch.firstRunDone true
mailnews.start_page.enabled false
mailnews.start_page_override.mstone "ignore"
network.captive-portal-service.enabled false
network.connectivity-service.enabled false
services.settings.server "http://127.0.0.1:9/"
mail.accountmanager.accounts "account1,account2"
mail.accountmanager.defaultaccount "account1"
mail.accountmanager.localfoldersserver "server2"
mail.account.account1.identities "id1"
mail.account.account1.server "server1"
mail.account.account2.server "server2"
mail.identity.id1.fullName "Somebody"
mail.identity.id1.useremail "{user}"
mail.identity.id1.smtpServer "smtp1"
mail.identity.id1.valid true
mail.identity.id1.showSaveMsgDlg false
mail.server.server1.type "{kind}"
mail.server.server1.hostname "localhost"
mail.server.server1.port {port}
mail.server.server1.socketType 3
mail.server.server1.authMethod 3
mail.server.server1.userName "{user}"
mail.server.server1.name "{user}"
mail.server.server1.login_at_startup false
mail.server.server2.type "none"
mail.server.server2.hostname "Local Folders"
mail.server.server2.userName "nobody"
mail.smtpservers "smtp1"
mail.smtp.defaultserver "smtp1"
mail.smtpserver.smtp1.type "smtp"
mail.smtpserver.smtp1.hostname "localhost"
mail.smtpserver.smtp1.port {smtp}
mail.smtpserver.smtp1.try_ssl 3
mail.smtpserver.smtp1.authMethod 3
mail.smtpserver.smtp1.username "{user}"
marionette.port {marionette}
"""
POP3_PREFS = """
mail.server.server1.leave_on_server true
mail.server.server1.check_new_mail false
mail.server.server1.delete_mail_left_on_server {delete}
"""

# Run in the program itself, before each script.
PRELUDE = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.getAccount("account1");
const server = account.incomingServer;
const folderNamed = path => path == "INBOX" ? server.rootFolder.getFolderWithFlags(0x1000)
    : server.rootFolder.getChildNamed(path);
const message = (path, subject) => {
    const found = [...folderNamed(path).messages].find(m => m.mime2DecodedSubject == subject);
    if (!found) throw new Error("no " + subject + " in " + path);
    return found;
};
const pause = ms => new Promise(r => setTimeout(r, ms));
const copying = start => new Promise((resolve, reject) => start({
    QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
    onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
    onStopCopy(status) { status ? reject(new Error("status " + status.toString(16))) : resolve(); },
}));
"""

# Opens a window to write in, with args[0..2]: to, subject, text.
COMPOSE = """
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
"""


def preference(line):
    name, value = line.split(" ", 1)
    return f'user_pref("{name}", {value});\n'


class Thunderbird:
    def __init__(self, h, user, kind="imap", delete_left=False):
        self.h, self.user, self.kind = h, user, kind
        self.program = self.screen = None
        self.home = tempfile.mkdtemp(prefix="hearth-thunderbird-")
        self.profile = os.path.join(self.home, "profile")
        os.makedirs(self.profile)
        self.port = free_ports(1)[0]
        text = PREFS + (POP3_PREFS if kind == "pop3" else "")
        text = text.format(user=user, kind=kind, port=h.port[kind + "s"], smtp=h.port["submissions"], marionette=self.port, delete=str(delete_left).lower())
        with open(os.path.join(self.profile, "user.js"), "w") as f:
            f.writelines(preference(line) for line in text.split("\n") if line)
        self.out = open(os.path.join(self.home, "out"), "w")
        try:
            self._start_screen()
            self.start()
            self._trust()
        except BaseException:
            self.close()
            raise

    def _start_screen(self):
        read, write = os.pipe()
        self.screen = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
                                       pass_fds=[write], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as f:
            self.display = f.readline().strip()

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "MOZ_"))}
        env.update(DISPLAY=f":{self.display}", HOME=self.home, MOZ_CRASHREPORTER_DISABLE="1", LC_ALL="C.UTF-8")
        self.program = subprocess.Popen(["thunderbird", "--profile", self.profile, "--marionette", "--remote-allow-system-access", "--no-remote"], env=env,
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out, start_new_session=True)
        self.marionette = Marionette(self.port, 90, PRELUDE)
        self.script = self.marionette.script

    def _trust(self):
        """what a user does who imports an authority, and lets the program keep the password"""
        with open(self.h.ca) as f:
            der = "".join(f.read().split("-----")[2].split())
        self.script("""
            Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(args[0], "C,,");
            for (const origin of [args[3], "smtp://localhost"]) {
                const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
                login.init(origin, null, origin, args[1], args[2], "", "");
                await Services.logins.addLoginAsync(login);
            }""", der, self.user, PASSWORD, ("imap" if self.kind == "imap" else "mailbox") + "://localhost")

    def restart(self):
        """ends the program as its menu does, and starts it again"""
        try:
            self.script("setTimeout(() => Services.startup.quit(Ci.nsIAppStartup.eForceQuit), 0);")
        except EOFError:
            pass
        self.marionette.close()
        self.program.wait(60)
        self.start()

    # ---- reading ----

    def open_inbox(self):
        """connects and asks for mail; from here on the program follows INBOX by IDLE"""
        self.script("""
            if (!folderNamed("INBOX")) server.performExpand(null);
            for (const end = Date.now() + 30000; !folderNamed("INBOX"); await pause(50))
                if (Date.now() > end) throw new Error("no INBOX after 30 s");
            folderNamed("INBOX").getNewMessages(null, null);""")

    def update(self, folder):
        """looks into a folder, as a click on it does"""
        self.script("folderNamed(args[0]).updateFolder(null);", folder)

    def get_mail(self):
        """POP3: everything that is new, into the local Inbox"""
        self.script("""
            await new Promise((resolve, reject) => server.getNewMessages(folderNamed("INBOX"), null, {
                QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
                OnStartRunningUrl() {},
                OnStopRunningUrl(url, status) { status ? reject(new Error("status " + status.toString(16))) : resolve(); },
            }));""")

    def folders(self):
        return self.script("return server.rootFolder.descendants.map(f => f.prettyName || f.localizedName || f.name);")

    def subjects(self, folder="INBOX"):
        return self.script("const f = folderNamed(args[0]); return f ? [...f.messages].map(m => m.mime2DecodedSubject) : [];", folder)

    def wait_subject(self, subject, seconds, folder="INBOX", gone=False):
        """seconds until a message of that subject is in the program's list, or no longer; nothing is asked of the server for it"""
        begun = time.monotonic()
        while (subject in self.subjects(folder)) == gone:
            if time.monotonic() - begun > seconds:
                raise AssertionError(f"{subject!r} is {'still' if gone else 'not'} among {self.subjects(folder)} after {seconds} s")
            time.sleep(0.02)
        return time.monotonic() - begun

    def state(self, subject, folder="INBOX"):
        """(read, flagged, keywords)"""
        return tuple(self.script("const m = message(args[0], args[1]); return [m.isRead, m.isFlagged, m.getStringProperty('keywords')];", folder, subject))

    def body(self, subject, folder="INBOX"):
        """the source of a message, as the program got it"""
        return self.script("""
            const uri = folderNamed(args[0]).getUriForMsg(message(args[0], args[1]));
            return await new Promise((resolve, reject) => {
                let text = "";
                MailServices.messageServiceFromURI(uri).streamMessage(uri, {
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

    # ---- changing ----

    def delete(self, subject, folder="INBOX"):
        self.script("folderNamed(args[0]).deleteMessages([message(args[0], args[1])], null, false, false, null, true);", folder, subject)

    def move(self, subject, to, folder="INBOX"):
        self.script("await copying(l => MailServices.copy.copyMessages(folderNamed(args[0]), [message(args[0], args[1])], folderNamed(args[2]), true, l, null, true));",
                    folder, subject, to)

    def mark(self, subject, folder="INBOX", tag="$label1"):
        """read, starred and tagged"""
        self.script("""
            const m = message(args[0], args[1]);
            folderNamed(args[0]).markMessagesRead([m], true);
            folderNamed(args[0]).markMessagesFlagged([m], true);
            folderNamed(args[0]).addKeywordsToMessages([m], args[2]);""", folder, subject, tag)

    def make_folder(self, name):
        self.script("""
            server.rootFolder.createSubfolder(args[0], null);
            for (const end = Date.now() + 20000; !folderNamed(args[0]); await pause(50))
                if (Date.now() > end) throw new Error("no " + args[0] + " after 20 s");""", name)

    # ---- writing ----

    def send(self, to, subject, text):
        """writes and sends a message as the program's own compose code does; a copy goes to Sent"""
        self.script(COMPOSE + "w.goDoCommand('cmd_sendNow'); await closed;", to, subject, text)

    def draft(self, to, subject, *texts):
        """writes, and saves a draft with each text; then closes the window"""
        self.script(COMPOSE + """
            const saved = () => new Promise(resolve => w.addEventListener("aftersave", resolve, { once: true }));
            for (const text of args[3]) {
                w.GetCurrentEditor().insertText(text);
                const done = saved();
                w.goDoCommand("cmd_saveAsDraft");
                await done;
                while (w.gSaveOperationInProgress) await pause(20);
            }
            w.close();
            await closed;""", to, subject, "", list(texts))

    def close(self):
        for p in (self.program, self.screen):
            if p is None:
                continue
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
