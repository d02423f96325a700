"""Python's own three: imaplib, poplib, smtplib."""
import poplib
import smtplib

from appliance import PASSWORD, message


def in_and_out(h):
    me = h.person()
    text = message("from smtplib", to=me, body="A line.\r\n.A dot.\r\n..\r\n" + "x" * 990 + "\r\n")
    with h.smtp() as s:
        assert s.sendmail("carol@far.example", [me], text) == {}
    for tls in (False, True):
        c = h.imap(me, tls=tls)
        assert c.select("INBOX")[1] == [b"1"]
        got = c.fetch("1", "(BODY.PEEK[])")[1][0][1]
        assert got.endswith(text.encode()), got[-200:]
        c.logout()
        p = h.pop3(me, tls=tls)
        assert p.stat()[0] == 1
        assert b"\r\n".join(p.retr(1)[1]) + b"\r\n" == got
        p.quit()
    p = poplib.POP3("localhost", h.port["pop3"], timeout=60)
    p.stls(h.tls_context())
    p.user(me)
    p.pass_(PASSWORD)
    p.quit()


def submission(h):
    me, you = h.person(), h.person()
    with h.submission(me) as s:
        s.sendmail(me, [you], message("submitted", sender=me, to=you, Bcc="hidden@far.example"))
        try:
            s.sendmail(you, [you], message("forged"))
            raise AssertionError("nobody may send as somebody else")
        except smtplib.SMTPSenderRefused as e:
            assert e.smtp_code == 550, e
    with smtplib.SMTP_SSL("localhost", h.port["submissions"], context=h.tls_context(), timeout=60) as s:
        s.login(me, PASSWORD)
        s.sendmail(me, [you], message("submitted over TLS", sender=me, to=you))
    got = h.mailbox(you)
    assert set(got) == {"submitted", "submitted over TLS"} and "hidden@" not in got["submitted"].text


CASES = [
    ("imaplib, poplib, smtplib: what goes in comes out", in_and_out),
    ("smtplib: submission, own addresses only, no Bcc", submission),
]
