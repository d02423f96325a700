"""Messages made from a seed: nested multiparts, boundaries that are missing,
reused, or begin like others, empty parts, messages in messages, parameters of
RFC 2231, encoded words that are broken, long lines, bytes beyond ASCII, lines
that are no fields.

    g = Generator(seed)             # any line ends, NULs, no end of the last line
    g = Generator(seed, wire=True)  # as SMTP takes it: CRLF, no NUL
    bytes = g.message()
    g.reused, g.addresses           # what only its maker knows
"""
import base64
import quopri
import random
import textwrap


class Generator:
    def __init__(self, seed, wire=False):
        self.r = random.Random(seed)
        self.wire = wire
        self.nl = self.r.choice(["\r\n", "\r\n", "\n"])
        if wire:
            self.nl = "\r\n"
        self.boundaries = 0
        self.junk = []          # lines that Python must not see
        self.reused = False     # a boundary used on two levels
        self.addresses = {}

    def chance(self, p):
        return self.r.random() < p

    def word(self):
        return "".join(self.r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(self.r.randint(1, 9)))

    def text(self):
        """lines of a body, which begin no header field and no known boundary"""
        out = []
        for _ in range(self.r.randint(0, 6)):
            kind = self.r.randint(0, 9)
            if kind == 0:
                out.append("")
            elif kind == 1:
                out.append("--" + self.word() + "-")
            elif kind == 2:
                out.append("-- ")
            elif kind == 3:
                out.append("x" * self.r.choice([998, 999, 1000, 1001, 3000]))
            elif kind == 4:
                out.append("8-bit \xe4\xff\x80 and " + ("." if self.wire else "\x00"))
            elif kind == 5:
                out.append("." * self.r.randint(1, 3) + self.r.choice(["", " ", self.word()]))
            else:
                out.append(" ".join(self.word() for _ in range(self.r.randint(1, 9))))
        return out

    def fold(self, s):
        """a line end where a blank is, sometimes"""
        return "".join(self.nl + c if c == " " and self.chance(0.15) else c for c in s)

    def param(self):
        name, value = self.word(), self.word()
        kind = self.r.randint(0, 9)
        if kind == 0:
            return self.fold(f'{name}="{value} {value}; \\"x\\\\ {value}"')
        if kind == 1:
            return f"{name}*=utf-8''%E2%82%AC{value}"
        if kind == 2:
            return f"{name}*0*=utf-8'en'%E2%82%AC; {name}*1={value}; {name}*2=\"{value}\""
        if kind == 3:
            return f"{name}=\"=?utf-8?b?broken\""
        if kind == 4:
            return f"{name}=\"\xe4\xf6\""
        if kind == 5:
            return f"{name}=\"\""
        return f"{name}={value}"

    def type_field(self, value, params):
        s = "Content-Type: " + value
        for p in params:
            s += self.r.choice(["; ", ";", " ; ", ";; ", ";" + self.nl + "\t"]) + p
        return s + (";" if self.chance(0.1) else "")

    def addresses_of(self, name):
        """a field of addresses, and what it means"""
        text, means = [], []
        for _ in range(self.r.randint(1, 4)):
            a, h, n = self.word(), self.word() + ".example", self.word()
            kind = self.r.randint(0, 5)
            if kind == 0:
                text.append(f"{a}@{h}")
                means.append([None, a, h])
            elif kind == 1:
                text.append(f'"{n}, {n}" <{a}@{h}>')
                means.append([f"{n}, {n}", a, h])
            elif kind == 2:
                text.append(f"{a}@{h} ({n})")
                means.append([n, a, h])
            elif kind == 3:
                text.append(f"{n}: {a}@{h}, <{n}@{h}>;")
                means += [[None, n, None], [None, a, h], [None, n, h], [None, None, None]]
            elif kind == 4:
                text.append(f"=?utf-8?q?{n}?= <{a}@{h}>")
                means.append([f"=?utf-8?q?{n}?=", a, h])
            else:
                text.append(f"{n} {n}\n <{a}@{h}>".replace("\n", self.nl))
                means.append([f"{n} {n}", a, h])
        return name, f"{name}: " + ", ".join(text), means

    def message_fields(self, top):
        out, addresses = [], []
        if self.chance(0.8):
            out.append("Subject: " + self.r.choice(["", "=?utf-8?q?a=?= =?x?b?", "\xe4 8-bit", self.fold("a subject " + self.word())]))
        if self.chance(0.6):
            out.append("Date: Sun, 22 Nov 2026 20:53:10 +0000")
        if self.chance(0.5):
            out.append(f"Message-ID: <{self.word()}@{self.word()}>")
        if self.chance(0.2):
            out.append(f"In-Reply-To:{self.nl} <{self.word()}@{self.word()}>")
        if top:
            for name in ("From", "To", "Cc", "Sender", "Reply-To", "To"):
                if self.chance(0.4):
                    addresses.append(self.addresses_of(name))
        if self.chance(0.5):
            addresses.reverse()
        for name, text, means in addresses:
            out.insert(self.r.randint(0, 1) * len(out), text)
            first = out[0] is text
            self.addresses[name] = means + self.addresses.get(name, []) if first else self.addresses.get(name, []) + means
        return out

    def header(self, fields):
        """with lines that are no fields, in rare cases"""
        out = []
        for f in fields:
            if self.chance(0.03):
                junk = self.r.choice(["no field", "From x Sun Nov 22 20:53:10 2026", "\xe4: x"])
                out.append(junk)
                self.junk.append(junk)
            out.append(f)
        return out

    def boundary(self, outer):
        self.boundaries += 1
        b = f"b{self.boundaries}" + self.r.choice(["", "'()+_,-./:=?", " x", "--"])
        if outer and self.chance(0.1):
            b = outer[-1] + self.word()
        if outer and self.chance(0.05):
            self.reused = True
            b = self.r.choice(outer)
        return b

    def multipart(self, fields, outer):
        b = self.boundary(outer)
        subtype = self.r.choice(["mixed", "mixed", "alternative", "digest", "related", "signed"])
        quoted = '"' + b.replace("\\", "\\\\").replace('"', '\\"') + '"'
        params = [self.r.choice([f"boundary={quoted}", f"BOUNDARY={quoted}"])]
        if self.chance(0.3):
            params.insert(self.r.randint(0, 1), self.param())
        lines = self.header(fields + [self.type_field("multipart/" + subtype, params)]) + [""]
        if self.chance(0.3):
            lines += self.text()
        for _ in range(self.r.choice([0, 1, 1, 2, 2, 3])):
            lines.append("--" + b + self.r.choice(["", "", "", " ", "\t "]))
            lines += self.part(outer + [b], subtype == "digest")
            if self.chance(0.2):
                lines.append("")
        # Without its last line a multipart that shares its boundary would take the next ones of the outer.
        if self.chance(0.85) or self.reused:
            lines.append("--" + b + "--" + self.r.choice(["", "", " "]))
            if self.chance(0.3):
                lines += self.text()
                if self.chance(0.5) and not self.reused:
                    lines.append("--" + b)
        return lines

    def part(self, outer, digest=False):
        if digest and self.chance(0.6):
            return [""] + self.content(outer, top=False)
        fields = []
        if self.chance(0.2):
            fields.append("Content-Description: " + self.fold("some words " + self.word()))
        if self.chance(0.2):
            fields.append(f"Content-ID: <{self.word()}@{self.word()}>")
        if self.chance(0.2):
            fields.append("Content-Disposition: attachment; filename=" + self.word())
        kind = self.r.randint(0, 11)
        if len(outer) < 5 and kind <= 2:
            return self.multipart(fields, outer)
        if len(outer) < 5 and kind == 3:
            return self.header(fields + [self.type_field(self.r.choice(["message/rfc822", "Message/Global"]), [])]) + [""] + self.content(outer, top=False)
        if kind == 4:
            fields += [self.type_field("message/rfc822", []), "Content-Transfer-Encoding: base64"]
            return fields + ["", "U3ViamVjdDogYQoKYgo="]
        if kind == 5:
            return [""]                                 # no body either
        if kind == 6:
            return fields if fields else [""]          # no empty line, no body
        if kind == 7:
            return [""] + self.text()                   # no fields
        value = self.r.choice(["text/plain", "TEXT/Html", "application/x.y+z-1", "image/png", "text", "multipart/mixed"])
        fields.append(self.type_field(value, [self.param() for _ in range(self.r.randint(0, 2))]))
        body = self.text()
        if self.chance(0.5):
            encoding = self.r.choice(["8bit", "BASE64", "base64", "quoted-printable", "Quoted-Printable", "x-odd"])
            fields.append("Content-Transfer-Encoding: " + encoding)
            if self.chance(0.8):
                body = self.encoded(body, encoding.lower())
        self.r.shuffle(fields)
        return self.header(fields) + [""] + body

    def encoded(self, lines, encoding):
        """the body as that encoding says"""
        data = "".join(x + "\r\n" for x in lines).encode("latin-1")
        if encoding == "base64":
            return textwrap.wrap(base64.b64encode(data).decode(), 76)
        if encoding == "quoted-printable":
            coded = quopri.encodestring(data.replace(b"\r\n", b"\n")).decode().split("\n")
            return coded[:-1] if coded[-1] == "" else coded
        return lines

    def content(self, outer, top):
        fields = self.message_fields(top)
        kind = self.r.randint(0, 9)
        if len(outer) < 5 and kind <= 5:
            return self.multipart(fields, outer)
        if kind == 6 and fields:
            return self.header(fields)                  # no empty line
        return self.header(fields) + [""] + self.text()

    def message(self):
        lines = self.content([], True)
        # Without the second condition it would end in a boundary, sometimes: nobody agrees whether a part follows.
        end = self.nl if self.wire or lines[-1] == "" or self.chance(0.8) else ""
        return (self.nl.join(lines) + end).encode("latin-1")

    def without_junk(self, message):
        nl = self.nl.encode()
        for junk in self.junk:
            message = message.replace(nl + junk.encode("latin-1") + nl, nl, 1) if not message.startswith(junk.encode("latin-1") + nl) \
                else message[len(junk.encode("latin-1") + nl):]
        return message
