"""Requests of the wrong form, made from those of the right form by chance."""

import random
import string


def mutated(method: str, path: str, body: bytes | None, chance: random.Random) -> bytes:
    """The bytes of a request with one to three things wrong.

    What is changed is the method, the path, a header, the length or the body.
    """
    head = {
        "method": method.encode(),
        "path": path.encode(),
        "host": b"Host: localhost",
        "type": b"Content-Type: application/json",
        "length": f"Content-Length: {len(body or b'')}".encode(),
    }
    content = body or b""
    for _ in range(chance.randint(1, 3)):
        part = chance.choice([*head, "body", "body", "body", "whole length"])
        if part == "body":
            content = _scrambled(content, chance)
            head["length"] = f"Content-Length: {len(content)}".encode()
        elif part == "whole length":
            head["length"] = chance.choice(_LENGTHS)
        else:
            head[part] = _scrambled(head[part], chance)
    line = b"%s %s HTTP/1.1" % (head["method"], head["path"])
    lines = [line, head["host"], head["type"], head["length"], b"", content]
    return b"\r\n".join(lines)


_LENGTHS = [
    b"Content-Length: -1",
    b"Content-Length: 9999999999999999999999",
    b"Content-Length: ten",
    b"Content-Length: 3\r\nContent-Length: 5",
    b"Transfer-Encoding: chunked",
    b"",
]
_BITS = [
    b"\x00",
    b"\xff\xfe",
    b"\\ud800",
    b"NaN",
    b"1e999",
    b"-1",
    b"9" * 400,
    b"null",
    b"true",
    b"[]",
    b"[" * 2000,
    b"{}",
    b'"',
    b'"k": 0,',
    b'"max_per_relation": 99999999999999999999,',
    b'"seen": "yes",',
    b"%00",
    b"%ff",
    b"%2F..%2F",
    b"?k=1e9&k=",
    b"?relation=%F0",
    b"\r\n",
    b"\r\nX-Long: " + b"y" * 5000,
    "筆🖊".encode(),
]


def _scrambled(text: bytes, chance: random.Random) -> bytes:
    """Something put in, cut out, doubled or exchanged."""
    place = chance.randint(0, len(text))
    end = min(len(text), place + chance.randint(1, 12))
    letter = chance.choice(string.printable).encode()
    return chance.choice(
        [
            text[:place] + chance.choice(_BITS) + text[place:],
            text[:place] + chance.choice(_BITS) + text[end:],
            text[:place] + text[end:],
            text[:place] + text[place:end] * 3 + text[end:],
            text[:place] + letter + text[end:],
            b"",
        ]
    )
