"""Marionette, the way into a running Mozilla program, in short:
LENGTH:[0, id, command, parameters] -> LENGTH:[1, id, error, value]"""
import json
import socket
import time


class Marionette:
    def __init__(self, port, seconds, prelude=""):
        """prelude: put before every script"""
        self.prelude, self.data, self.count = prelude, b"", 0
        end = time.monotonic() + seconds
        while True:
            try:
                self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
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
            raise EOFError("the program closed the connection")
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
        """`text` is the body of an async function of args[]; what it returns comes back"""
        body = ("const done = arguments[arguments.length - 1]; const args = arguments;"
                "(async () => { " + self.prelude + text + " })().then(v => done({ok: v === undefined ? null : v}), e => done({bad: String(e) + '\\n' + (e && e.stack)}));")
        value = self.call("WebDriver:ExecuteAsyncScript", {"script": body, "args": list(args), "newSandbox": True})["value"]
        if "bad" in value:
            raise RuntimeError(value["bad"])
        return value["ok"]

    def close(self):
        self.sock.close()
