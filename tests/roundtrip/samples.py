"""Messages in files, as they may come over a wire: CRLF at every line end, and at the end."""
import os
import re


def on_the_wire(data):
    data = re.sub(rb"\r?\n", b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def of_mbox(data):
    """its messages; one that says its length has it (Content-Length)"""
    at = 0
    while at < len(data):
        start = data.index(b"\n", at) + 1
        header_end = re.compile(rb"\r?\n\r?\n").search(data, start)
        length = re.search(rb"(?im)^Content-Length: *(\d+)", data[start:header_end.start()]) if header_end else None
        end = header_end.end() + int(length.group(1)) if length else len(data)
        if not length or not re.match(rb"(\r?\n)*(From |$)", data[end:]):
            following = re.compile(rb"\r?\n\r?\nFrom ").search(data, start)
            end = following.start() + 1 if following else len(data)
        yield data[start:end]
        following = re.compile(rb"(^|\n)From ").search(data, end)
        at = following.end() - 5 if following else len(data)


def below(folder):
    """(name, bytes) of every message"""
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            whole = os.path.join(path, name)
            if name in ("PROVENANCE", "README", ".gitattributes"):
                continue
            with open(whole, "rb") as f:
                data = f.read()
            shown = os.path.relpath(whole, folder)
            if name.endswith(".mbox"):
                for i, one in enumerate(of_mbox(data)):
                    yield f"{shown}, message {i + 1}", on_the_wire(one)
            else:
                yield shown, on_the_wire(data)
