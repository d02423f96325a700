"""A message as IMAP shows it, part by part, in the form of tests/lib/trees.py."""
import email
import re

FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


class Part:
    """one part of a BODYSTRUCTURE, with its number"""

    def __init__(self, value, number, header):
        """header: the section that holds its fields"""
        self.number, self.header = number, header
        self.children = []
        self.envelope = None
        if isinstance(value[0], list):
            self.kind = "multipart"
            n = next(i for i, x in enumerate(value) if not isinstance(x, list))
            self.type = "MULTIPART/" + value[n].decode().upper()
            self.params = pairs(value[n + 1])
            self.encoding = self.octets = self.lines = None
            for i in range(n):
                inner = f"{number}.{i + 1}" if number else str(i + 1)
                self.children.append(Part(value[i], inner, inner + ".MIME"))
            return
        self.kind = "leaf"
        self.type = (value[0] + b"/" + value[1]).decode("latin-1").upper()
        self.params = pairs(value[2])
        self.encoding, self.octets = value[5].decode("latin-1").upper(), int(value[6])
        self.lines = int(value[7]) if value[0].upper() == b"TEXT" else None
        self.number = number or "1"
        if value[0].upper() == b"MESSAGE" and value[1].upper() in (b"RFC822", b"GLOBAL") and len(value) > 9 and isinstance(value[8], list):
            self.kind = "message"
            self.envelope, self.lines = value[7], int(value[9])
            inner = value[8]
            # The parts of a multipart in a message count on from the message (RFC 9051, 6.4.5.1).
            below = self.number if isinstance(inner[0], list) else self.number + ".1"
            self.children = [Part(inner, below, self.number + ".HEADER")]

    def walk(self):
        todo = [self]
        while todo:
            p = todo.pop()
            yield p
            todo += reversed(p.children)

    def sections(self):
        """what a client would fetch of it, one by one"""
        out = []
        for p in self.walk():
            out.append(p.header)
            if p.kind != "multipart":
                out.append(p.number)
            if p.kind == "message":
                out += [p.number + ".HEADER", p.number + ".TEXT"]
        return list(dict.fromkeys(out))


def pairs(value):
    return [(value[i].decode("latin-1"), value[i + 1].decode("latin-1")) for i in range(0, len(value or []), 2)]


def fields(header):
    """the names of its fields, in order"""
    return [m.group(1).decode("latin-1").lower() for m in map(FIELD.match, header.split(b"\n")) if m]


def begins(message):
    """it begins with a header, be it an empty one, or with lines that do not hide it"""
    header = message.split(b"\r\n\r\n")[0] if not message.startswith(b"\r\n") else b""
    return header == b"" or header.startswith((b"From ", b">From ")) or (bool(fields(header)) and header[:1] not in b" \t")


def encoded_message(header):
    """
    Of a message that is encoded (RFC 2045, 6.4: it may not be) nobody knows the envelope, without which IMAP cannot call
    it a message: it is shown as bytes.
    """
    one = email.message_from_bytes(header)
    if one.get_content_type() in ("message/rfc822", "message/global") and \
            one.get("content-transfer-encoding", "").strip().lower() in ("base64", "quoted-printable"):
        return one.get_content_type().upper()
    return None


def tree(part, got, binary, decode_params, last):
    """got, binary: {section: bytes}; last: the part whose body ends with the message"""
    node = {"kind": part.kind, "type": part.type, "fields": fields(got[part.header]), "children": []}
    by_default = part.params == [("CHARSET", "US-ASCII")] and b"charset" not in got[part.header].lower()
    node["params"] = decode_params(part.params) if not by_default else None
    if node["type"] == "APPLICATION/OCTET-STREAM":
        node["type"] = encoded_message(got[part.header]) or node["type"]
    if part.kind == "leaf":
        body = got[part.number].decode("latin-1")
        node["body"] = node["without_end"] = body
        if part.number in binary:
            node["decoded"], node["encoding"] = binary[part.number], part.encoding
        if part is last and part.header != "HEADER":
            node["without_end"] = body[:-2]
    for p in part.children:
        node["children"].append(tree(p, got, binary, decode_params, last))
    if part.kind == "message":
        node["children"][0].update(texts(part.envelope))
    return node


def texts(envelope):
    names = ("date", "subject", "in-reply-to", "message-id")
    return {k: x if x is None else x.decode("latin-1") for k, x in zip(names, (*envelope[:2], *envelope[8:]))}


def faults(part, got):
    """what does not hang together, in words"""
    for p in part.walk():
        if p.kind == "multipart":
            continue
        body = got[p.number]
        if len(body) != p.octets:
            yield f"{p.number}: {len(body)} octets, BODYSTRUCTURE says {p.octets}"
        if p.lines is not None and body.count(b"\n") != p.lines:
            yield f"{p.number}: {body.count(bytes([10]))} lines, BODYSTRUCTURE says {p.lines}"
        if p.kind == "message" and got[p.number + ".HEADER"] + got[p.number + ".TEXT"] != body:
            yield f"{p.number}: HEADER and TEXT are not the whole"
