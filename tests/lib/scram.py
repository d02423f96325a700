"""SCRAM-SHA-256 from the client's side (RFC 5802, 7677), and what it is bound to.

    s = Scram("alice", "secret")                        # or cb="tls-exporter", data=...; flag="y"
    server_first = say(s.first()); server_final = say(s.final(server_first)); s.verify(server_final)
"""
import base64
import hashlib
import hmac
import os
import subprocess


class Scram:
    def __init__(self, name, password, cb=None, data=b"", flag="n"):
        self.gs2 = (f"p={cb},," if cb else f"{flag},,").encode()
        self.data = data if cb else b""
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18))
        self.bare = b"n=" + name.replace("=", "=3D").replace(",", "=2C").encode() + b",r=" + self.nonce

    def first(self):
        return self.gs2 + self.bare

    def final(self, server_first):
        said = dict(x.split(b"=", 1) for x in server_first.split(b","))
        assert said[b"r"].startswith(self.nonce) and len(said[b"r"]) >= len(self.nonce) + 18, server_first
        self.salt, self.iterations = base64.b64decode(said[b"s"]), int(said[b"i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password, self.salt, self.iterations)
        mac = lambda key, text: hmac.digest(key, text, "sha256")
        client = mac(salted, b"Client Key")
        without = b"c=" + base64.b64encode(self.gs2 + self.data) + b",r=" + said[b"r"]
        message = b",".join((self.bare, server_first, without))
        signature = mac(hashlib.sha256(client).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client, signature))
        self.server = b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), message))
        return without + b",p=" + base64.b64encode(proof)

    def verify(self, server_final):
        assert server_final == self.server, (server_final, self.server)


class ExporterTLS:
    """A TLS 1.3 connection by openssl(1), which tells what tls-exporter is (RFC 9266); Python's ssl does not."""

    def __init__(self, port, ca, source, starttls=None):
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", ca, "-bind", source, "-verify_return_error", "-tls1_3", "-ign_eof",
                 "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"]
        self.process = subprocess.Popen(words + (["-starttls", starttls] if starttls else []), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
        self.file = self.process.stdout
        self.binding = None
        while self.binding is None:
            line = self.file.readline()
            assert line, "openssl does not connect"
            if b"Keying material:" in line:
                self.binding = bytes.fromhex(line.split(b":")[1].strip().decode())
        while self.file.readline().strip() != b"---":
            pass

    def sendall(self, data):
        self.process.stdin.write(data)

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.file.close()
