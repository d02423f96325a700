"""Nobody relays without logging in: every form that ever fooled somebody, from every standing."""
from appliance import Appliance
from talk import Talk, mailbox

FORMS = [
    "<victim@far.example>", "victim@far.example", "<victim%far.example@example.test>", "<victim%far.example@[127.0.0.1]>",
    '<"victim@far.example">', '<"victim%far.example">', "<victim@far.example@example.test>", '<"victim@far.example"@example.test>',
    "<victim@far.example@[127.0.0.1]>", "<@example.test:victim@far.example>", "<@[127.0.0.1]:victim@far.example>",
    "<@example.test,@far.example:victim@far.example>", "<far.example!victim>", "<far.example!victim@example.test>",
    "<far.example!victim@[127.0.0.1]>", "<example.test!far.example!victim>", "<victim@[192.0.2.1]>", "<victim@[IPv6:2001:db8::1]>",
    "<victim@far.example.>", "<victim@example.test.far.example>", "<victim@example.test%00far.example>", "<victim@FAR.EXAMPLE>",
    "<victim@example.test,far.example>", "<alice@example.test>victim@far.example", "<alice@example.test> <victim@far.example>",
    "<victim@example.test> ORCPT=rfc822;victim@far.example", "<victim\uff20far.example>", "<victim@far\uff0eexample>",
    "<alice+tag%far.example@example.test>", "<victim@mail.example.test>", "<victim@localhost>", "<victim@[]>", "<@>", "<victim@>",
    "<@far.example>", "<victim@far.example\\>", "<forward@example.test>", "< victim@far.example>", "<victim@far.example >",
]
SENDERS = ["<a@b.example>", "<>", "<alice@example.test>", "<alice@[127.0.0.1]>", "<alice@mail.example.test>"]
GREETINGS = ["client.example", "localhost", "mail.example.test", "example.test", "[127.0.0.1]"]


def refused(t, form, note):
    t.send(f"RCPT TO:{form}\r\n")
    code, lines = t.reply()
    assert code and 500 <= code < 600, f"{form} ({note}): {code} {lines}"


def everything(t, note):
    """every form, some at a time: errors end a session"""
    for form in FORMS:
        refused(t(), form, note)


class Fresh:
    """a session for every few errors, each made by `begin`"""

    def __init__(self, begin):
        self.begin, self.t, self.n = begin, None, 0

    def __call__(self):
        if self.t is None or self.n == 9:
            self.close()
            self.t, self.n = self.begin(), 0
        self.n += 1
        return self.t

    def close(self):
        if self.t:
            self.t.close()
        self.t = None


def standing(results, name, begin):
    with results.case(f"relay: {name}"):
        fresh = Fresh(begin)
        try:
            everything(fresh, name)
        finally:
            fresh.close()


def run(results):
    with Appliance() as a:
        a.tool("alias", "add", "forward@example.test", "victim@far.example")

        def begin(sender="<a@b.example>", hello="client.example", before=()):
            t = Talk(a, ehlo=hello)
            for line, code in before:
                t.cmd(line, code)
            t.cmd(f"MAIL FROM:{sender}", 250)
            return t

        for sender in SENDERS:
            standing(results, f"from {sender}", lambda s=sender: begin(s))
        for hello in GREETINGS:
            standing(results, f"as {hello}", lambda h=hello: begin(hello=h))
        standing(results, "after AUTH", lambda: begin(before=[("AUTH PLAIN AGFsaWNlAHNlY3JldA==", 502)]))
        standing(results, "after RSET", lambda: begin(before=[("MAIL FROM:<alice@example.test>", 250), ("RSET", 250)]))
        standing(results, "with SMTPUTF8", lambda: begin("<a@b.example> SMTPUTF8"))

        def after_tls():
            t = Talk(a, ehlo="x")
            t.starttls()
            t.ehlo()
            t.cmd("MAIL FROM:<alice@example.test>", 250)
            return t

        standing(results, "after STARTTLS", after_tls)

        with results.case("relay: no MAIL on submission without a login"):
            with Talk(a, "submission", ehlo="x") as t:
                t.cmd("MAIL FROM:<alice@example.test>", 530, "5.7.0")
                t.cmd("RCPT TO:<victim@far.example>", 503)
                t.cmd("AUTH PLAIN AGFsaWNlAHdyb25n", 535, "5.7.8")
                t.cmd("MAIL FROM:<alice@example.test> AUTH=alice@example.test", 530, "5.7.0")
        with results.case("relay: nothing queued"):
            assert a.tool("queue", "list").stdout.count("far") == 0
            assert mailbox(a) == [] and mailbox(a, "bob") == []
