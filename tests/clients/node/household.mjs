// What a program on Node does with its mail: imapflow reads, nodemailer sends.
//   node household.mjs WHAT '{"imaps": PORT, ...}'
// Ends with 0 and a line of JSON, or says what went wrong.  The authority comes
// by NODE_EXTRA_CA_CERTS.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [what, given] = process.argv.slice(2);
const { modules, imaps, imap, submissions, submission, me, you, password } = JSON.parse(given);
const require = createRequire(modules + "/");
const { ImapFlow } = require("imapflow");
const nodemailer = require("nodemailer");

const FOLDER = "Entwürfe & 📦";
const auth = { user: me, pass: password };
const reader = (secure) => new ImapFlow({ host: "localhost", port: secure ? imaps : imap, secure, auth, logger: false });

const within = (promise, ms, name) => Promise.race([promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${name}: not within ${ms} ms`)), ms).unref())]);

async function send() {
    for (const [port, secure] of [[submissions, true], [submission, false]]) {
        const transport = nodemailer.createTransport({ host: "localhost", port, secure, requireTLS: true, auth });
        await transport.verify();
        const sent = await transport.sendMail({
            from: { name: "Zoë", address: me }, to: you, subject: `Grüße ${port == submissions ? "TLS" : "STARTTLS"}`,
            text: "Umlauts: äöü\n.\nA line after a dot.\n", html: "<p>äöü</p>",
            attachments: [{ filename: "Übersicht.bin", content: Buffer.alloc(300000, 0xa5) }],
        });
        assert.deepEqual(sent.accepted, [you]);
        await assert.rejects(transport.sendMail({ from: you, to: you, subject: "forged", text: "x" }), { responseCode: 550 });
    }
    const wrong = nodemailer.createTransport({ host: "localhost", port: submissions, secure: true, auth: { user: me, pass: "wrong" } });
    await assert.rejects(wrong.verify(), { code: "EAUTH", responseCode: 535 });
}

async function read() {
    const c = reader(false);            // it starts TLS by itself
    await c.connect();
    assert.ok(c.secureConnection || c.socket.encrypted);
    const roles = new Map((await c.list()).map((m) => [m.specialUse, m.path]));
    for (const role of ["\\Inbox", "\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\Archive"]) assert.ok(roles.has(role), role);
    assert.equal((await c.mailboxCreate(FOLDER)).created, true);
    const lock = await c.getMailboxLock("INBOX");
    try {
        const all = [];
        for await (const m of c.fetch("1:*", { uid: true, envelope: true, flags: true, bodyStructure: true, source: true })) all.push(m);
        assert.deepEqual(all.map((m) => m.envelope.subject).sort(), ["Grüße STARTTLS", "Grüße TLS"]);
        assert.equal(all[0].envelope.from[0].name, "Zoë");
        const part = await c.download(String(all[0].uid), "2", { uid: true });
        let size = 0;
        for await (const chunk of part.content) size += chunk.length;
        assert.equal(part.meta.filename, "Übersicht.bin");
        assert.equal(size, 300000);
        assert.deepEqual(await c.search({ subject: "grüße starttls" }), [all.findIndex((m) => m.envelope.subject == "Grüße STARTTLS") + 1]);
        assert.ok(await c.messageFlagsAdd("1", ["\\Seen", "$Forwarded"]));
        const flags = (await c.fetchOne("1", { flags: true })).flags;
        assert.ok(flags.has("\\Seen") && flags.has("$Forwarded"));
        const moved = await c.messageMove("1", FOLDER);
        assert.equal(moved.uidMap.size, 1);
        assert.ok(await c.messageDelete("1"));
    } finally {
        lock.release();
    }
    const put = await c.append(FOLDER, "Subject: put here\r\n\r\ntext\r\n", ["\\Draft"], new Date(0));
    assert.ok(put.uid == 2 && put.uidValidity > 0n);
    assert.equal((await c.status(FOLDER, { messages: true, uidNext: true })).messages, 2);
    assert.equal((await c.mailboxRename(FOLDER, "Ablage/tiefer")).newPath, "Ablage/tiefer");
    await c.mailboxDelete("Ablage/tiefer");
    await c.logout();
}

// Follows INBOX; says "ready" when it does, and waits for one message more.
async function idle() {
    const c = reader(true);
    await c.connect();
    await c.mailboxOpen("INBOX");
    const had = c.mailbox.exists;
    const told = new Promise((resolve) => c.on("exists", resolve));
    const idling = c.idle();
    console.log("ready");
    const { count } = await within(told, 20000, "EXISTS");
    assert.equal(count, had + 1);
    await c.noop();
    await idling;
    await c.logout();
}

// A few thousand, by what changed since.
async function many() {
    const c = reader(true);
    await c.connect();
    await c.mailboxOpen("Archive");
    let n = 0;
    for await (const m of c.fetch("1:*", { uid: true, flags: true, envelope: true })) n += m.uid > 0;
    assert.equal(n, 3000);
    const before = c.mailbox.highestModseq;
    await c.messageFlagsAdd("100:199", ["\\Flagged"]);
    n = 0;
    for await (const m of c.fetch("1:*", { flags: true }, { changedSince: before })) n += m.flags.has("\\Flagged");
    assert.equal(n, 100);
    await c.logout();
}

await within({ send, read, idle, many }[what](), 60000, what);
console.log("done");
process.exit(0);
