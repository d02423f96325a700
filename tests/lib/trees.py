"""The tree of parts of a message as others see it, in one form: Python's email
package, and GMime (libgmime-3.0.so.0, by ctypes).

A node is a dict: kind (leaf, multipart, message), type, fields (names, lower
case), params, children; a leaf has body (a character for each byte) and decoded
(bytes, or None where the encoding is not known).  difference() tells ours from
theirs.
"""
import ctypes
import email
import email.errors
import email.message
import email.utils
import re


# ---- Python ----

def raw(s):
    return str(s).encode("utf-8", "surrogateescape").decode("latin-1")


def latin(s):
    """a character for each byte; Python's own form of 8-bit bytes does not survive its parameters"""
    return s.encode("utf-8", "surrogateescape").decode("latin-1")


def one_line(value):
    return value.replace("\r", "").replace("\n", "").replace("\0", "").strip(" \t")


def python_payload(part):
    """the bytes of a body, also where Python looked inside"""
    payload = part._payload     # get_payload() would decode what is not ASCII
    if isinstance(payload, list):
        return None
    return raw(payload) if payload is not None else ""


def python_params(part):
    """Python leaves the folds in"""
    field = next((v for k, v in part.raw_items() if k.rstrip(" \t").lower() == "content-type"), None)
    if field is None:
        return None
    alone = email.message.Message()
    alone["Content-Type"] = latin(field).replace("\r", "").replace("\n", "")
    return dict(alone.get_params(unquote=True)[1:])


def python_tree(part, envelope=True):
    kind = "leaf"
    children = []
    if part.is_multipart():
        inside = part.get_payload()
        encoded = part.get("content-transfer-encoding", "").strip().lower() in ("base64", "quoted-printable")
        if part.get_content_maintype() == "multipart":
            kind, children = "multipart", [python_tree(p, False) for p in inside]
        elif part.get_content_type() in ("message/rfc822", "message/global") and not encoded:
            kind, children = "message", [python_tree(inside[0])]
    fields = [raw(k).rstrip(" \t").lower() for k, v in part.raw_items()]
    node = {"kind": kind, "type": part.get_content_type().upper(), "fields": fields, "children": children}
    node["params"] = python_params(part)
    if kind == "leaf":
        node["body"] = python_payload(part)
        if node["body"] is not None:
            node["decoded"] = part.get_payload(decode=True)
    for name in ("subject", "date", "message-id", "in-reply-to") if envelope else ():
        node[name] = next((one_line(raw(v)) for k, v in part.raw_items() if k.lower() == name), None)
    return node


def python_stumbles(message):
    """true where a header line is no field, which for Python ends the header, or a type has no semicolon behind it"""
    ends = (email.errors.MissingHeaderBodySeparatorDefect, email.errors.FirstHeaderLineIsContinuationDefect)
    return any(isinstance(d, ends) for p in message.walk() for d in p.defects) or \
        any(" " in p.get_content_type() for p in message.walk())


def gmime_stumbles(node):
    """true where a header has two types: GMime takes the last, we the first"""
    return node["fields"].count("content-type") > 1 or any(gmime_stumbles(x) for x in node["children"])


# ---- ours and theirs ----

def difference(ours, theirs, path="message", whose="Python"):
    """the first thing that differs, or None; what a tree does not know is not compared"""
    for key in ("type", "kind", "fields", "subject", "date", "message-id", "in-reply-to"):
        if key in theirs and ours.get(key) != theirs[key]:
            return f"{path}: {key}: {ours.get(key)!r}, {whose} {theirs.get(key)!r}"
    if "sorted_fields" in theirs and sorted(ours["fields"]) != theirs["sorted_fields"]:
        return f"{path}: fields: {sorted(ours['fields'])!r}, {whose} {theirs['sorted_fields']!r}"
    if theirs.get("params") is not None and params_text(ours["params"]) != params_text(theirs["params"]):
        return f"{path}: params: {ours['params']!r}, {whose} {theirs['params']!r}"
    if ours["kind"] == "leaf" and theirs.get("body") is not None and not ours["type"].startswith("MULTIPART/") and \
            theirs["body"] not in (ours["body"], ours["without_end"]):
        return f"{path}: body: {ours['body']!r}, {whose} {theirs['body']!r}"
    if "decoded" in ours and theirs.get("decoded") is not None and theirs["body"] == ours["body"] and is_well_encoded(ours) and \
            ours["decoded"] != theirs["decoded"]:
        return f"{path}: decoded: {ours['decoded']!r}, {whose} {theirs['decoded']!r}"
    if theirs["children"] is None:
        return None
    if len(ours["children"]) != len(theirs["children"]):
        return f"{path}: {len(ours['children'])} parts, {whose} {len(theirs['children'])}"
    for i, (a, b) in enumerate(zip(ours["children"], theirs["children"])):
        found = difference(a, b, f"{path}.{i + 1}", whose)
        if found:
            return found
    return None


def decoded_params(pairs):
    """ours as Python would have them: pieces of RFC 2231 put together, not decoded"""
    text = [(n.lower(), '"' + email.utils.quote(v) + '"') for n, v in pairs]
    out = {}
    for n, v in email.utils.decode_params([("", "")] + text)[1:]:
        out[n] = tuple(email.utils.unquote(x) if x else x for x in v) if isinstance(v, tuple) else email.utils.unquote(v)
    return out


def is_well_encoded(node):
    """
    What is no base64 everyone reads in his own way, and blanks at the ends of lines of quoted-printable, which are none of it
    (RFC 2045, 6.7), are kept by GMime.
    """
    if node["encoding"] == "BASE64":
        text = re.sub(r"[\r\n]", "", node["body"])
        return re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text) is not None and len(text) % 4 == 0
    return node["encoding"] != "QUOTED-PRINTABLE" or not re.search(r"[ \t](\r?\n|$)", node["body"])


def params_text(params):
    """without what has no name, for Python the empty parameter between two semicolons"""
    return {k: v for k, v in (params or {}).items() if k}


# ---- GMime ----

class GMime:
    """tree(message) -> node.  It differs on purpose in this, which is mended here:

    * without a field at its beginning it takes nothing for a message, so it is given one more;
    * a name of a field may hold bytes beyond ASCII (RFC 5322, 2.2: it may not);
    * a type without a slash is application/octet-stream, in a digest message/rfc822 (RFC 2045, 5.2: text/plain);
    * a multipart without a boundary, or without a part, is one with no parts: for us a leaf, whose bytes are not compared;
    * a message part with nothing in it has no message, not even an empty one;
    * of a message that begins with a line that is no field it takes all before the first empty line for the header: the body is
      not compared.
    """

    POINTER = ("g_mime_stream_mem_new_with_buffer", "g_mime_stream_mem_new", "g_mime_stream_mem_get_byte_array", "g_mime_parser_new_with_stream",
               "g_mime_parser_construct_message", "g_mime_message_get_mime_part", "g_mime_multipart_get_part", "g_mime_message_part_get_message",
               "g_mime_object_get_content_type", "g_mime_object_get_header_list", "g_mime_header_list_get_header_at", "g_mime_part_get_content",
               "g_mime_data_wrapper_get_stream", "g_mime_content_type_get_parameters", "g_mime_param_list_get_parameter_at")
    TEXT = ("g_mime_header_get_name", "g_mime_content_type_get_media_type", "g_mime_content_type_get_media_subtype", "g_mime_param_get_name",
            "g_mime_param_get_value", "g_type_name_from_instance", "g_mime_object_get_header")

    FIRST = b"X-First: 1\r\n"

    class Bytes(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_uint)]

    def __init__(self):
        self.lib = ctypes.CDLL("libgmime-3.0.so.0")
        for name in self.POINTER:
            getattr(self.lib, name).restype = ctypes.c_void_p
        for name in self.TEXT:
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.lib.g_mime_init()

    def call(self, name, *args):
        return getattr(self.lib, name)(*(ctypes.c_void_p(a) if isinstance(a, int) else a for a in args))

    def count(self, name, list_):
        n = getattr(self.lib, name)(ctypes.c_void_p(list_))
        return range(max(n, 0))

    def tree(self, message):
        message = self.FIRST + message
        stream = self.call("g_mime_stream_mem_new_with_buffer", message, ctypes.c_size_t(len(message)))
        parser = self.call("g_mime_parser_new_with_stream", stream)
        parsed = self.call("g_mime_parser_construct_message", parser, None)
        try:
            return self.message(parsed, 1, message.startswith(b"\r\n", len(self.FIRST)))
        finally:
            for x in (parsed, parser, stream):
                self.call("g_object_unref", x)

    def message(self, parsed, skip=0, no_header=False):
        part = self.call("g_mime_message_get_mime_part", parsed)
        fields = self.fields(parsed)[skip:] + self.fields(part)
        node = self.node(part, fields)
        if not fields and not no_header:
            node.pop("body", None)
            node.pop("decoded", None)
        return node

    def bytes_of(self, stream):
        data = self.Bytes.from_address(self.call("g_mime_stream_mem_get_byte_array", stream))
        return ctypes.string_at(data.data, data.len) if data.len else b""

    def fields(self, thing):
        headers = self.call("g_mime_object_get_header_list", thing)
        return [self.call("g_mime_header_get_name", self.call("g_mime_header_list_get_header_at", headers, ctypes.c_int(i))).decode("latin-1").lower()
                for i in self.count("g_mime_header_list_get_count", headers)]

    def params(self, kind):
        found = self.call("g_mime_content_type_get_parameters", kind)
        out = {}
        for i in self.count("g_mime_param_list_length", found):
            p = self.call("g_mime_param_list_get_parameter_at", found, ctypes.c_int(i))
            out.setdefault(self.call("g_mime_param_get_name", p).decode("latin-1").lower(), self.call("g_mime_param_get_value", p).decode(errors="replace"))
        return out

    def copy_of(self, write, *args):
        stream = self.call("g_mime_stream_mem_new")
        write(*args, stream)
        data = self.bytes_of(stream)
        self.call("g_object_unref", stream)
        return data

    def leaf(self, part):
        content = self.call("g_mime_part_get_content", part)
        if not content:
            return "", b""
        source = self.call("g_mime_data_wrapper_get_stream", content)
        self.call("g_mime_stream_reset", source)
        body = self.copy_of(lambda out: self.call("g_mime_stream_write_to_stream", source, out))
        self.call("g_mime_stream_reset", source)
        return body.decode("latin-1"), self.copy_of(lambda out: self.call("g_mime_data_wrapper_write_to_stream", content, out))

    def node(self, part, fields=None):
        what = self.call("g_type_name_from_instance", part).decode()
        kind = self.call("g_mime_object_get_content_type", part)
        fields = self.fields(part) if fields is None else fields
        node = {"kind": "leaf", "children": [], "sorted_fields": sorted(x for x in fields if x.isascii()),
                "type": (self.call("g_mime_content_type_get_media_type", kind) + b"/" +
                         self.call("g_mime_content_type_get_media_subtype", kind)).decode("latin-1").upper(),
                "decoded_params": self.params(kind)}
        if b"/" not in (self.call("g_mime_object_get_header", part, b"Content-Type") or b"/"):
            node["type"] = "TEXT/PLAIN"
            if what == "GMimeMessagePart":
                return node
        if what.startswith("GMimeMultipart"):
            parts = self.count("g_mime_multipart_get_count", part) if "boundary" in node["decoded_params"] else []
            node["kind"] = "multipart" if parts else "leaf"
            node["children"] = [self.node(self.call("g_mime_multipart_get_part", part, ctypes.c_int(i))) for i in parts]
        elif what == "GMimeMessagePart":
            node["kind"] = "message"
            inner = self.call("g_mime_message_part_get_message", part)
            node["children"] = [self.message(inner)] if inner else None
        else:
            node["body"], node["decoded"] = self.leaf(part)
        return node
