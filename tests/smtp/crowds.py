"""Who is let in, by each of the daemons: what somebody who is too many hears before he is closed."""
import socket

from appliance import Appliance

KINDS = {"smtpd": ("smtp", b"220 ", b"421 4.7.0 "), "imapd": ("imap", b"* OK ", b"* BYE [UNAVAILABLE] "),
         "pop3d": ("pop3", b"+OK ", b"-ERR [SYS/TEMP] ")}


def dial(a, kind, source="127.0.0.1"):
    s = socket.create_connection(("127.0.0.1", a.port[kind]), timeout=60, source_address=(source, 0))
    with s.makefile("rb") as f:
        return s, f.readline()


def closed(s):
    with s.makefile("rb") as f:
        return f.read() == b""


def run(results):
    limits = "max_connections = 6  max_connections_per_address = 3  max_connections_per_minute = 12"
    with Appliance(daemon_conf=dict.fromkeys(KINDS, limits)) as a:
        for daemon, (kind, welcome, sorry) in KINDS.items():
            with results.case(f"crowds: {daemon}: three at once from one address, six in all"):
                some = [dial(a, kind, "127.0.0.2") for _ in range(3)]
                s, line = dial(a, kind, "127.0.0.2")
                assert line.startswith(sorry) and line.endswith(b"from your address\r\n") and closed(s), line
                some += [dial(a, kind, "127.0.0.3") for _ in range(3)]
                s, line = dial(a, kind, "127.0.0.4")
                assert line.startswith(sorry.replace(b"4.7.0", b"4.3.2")) and b"Too many connections" in line and closed(s), line
                assert all(line.startswith(welcome) for _, line in some), some
                for s, _ in some:
                    s.close()
            with results.case(f"crowds: {daemon}: twelve a minute from one address"):
                welcomed, line = 0, b""
                while b"a minute" not in line:
                    s, line = dial(a, kind, "127.0.9.2")
                    s.close()
                    welcomed += line.startswith(welcome)
                    # (who has gone may keep his place for a moment)
                    assert welcomed <= 16 and (line.startswith(welcome) or b"Too many connections" in line), line
                assert welcomed >= 12 and line.startswith(sorry), (welcomed, line)
                assert dial(a, kind, "127.0.8.2")[1].startswith(welcome)
