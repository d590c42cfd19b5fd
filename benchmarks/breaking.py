"""Breaking a file at random, in the ways of disks, networks, programs and people."""

import ast
import gzip
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pandas as pd

MANY = 300  # MiB that a bomb unpacks to
WORDS = (
    *("", "0", "-1", "1e999", "nan", "NA", "null", "true", "9" * 25, "9" * 5000),
    *("../../x", "/etc/passwd", "C:\\x", "<script>alert(1)</script>", "&#x110000;"),
    *("&#" + "9" * 5000 + ";", "'; DROP TABLE x", '"', "'", "\\", "\\ud800", "\ufeff"),
    *("[" * 50, "[" * 50_000, "{" * 50_000, "-" * 50_000, "{}", "[]", "[1,", "1_0"),
    *("²", "٣", "\x00", "\x07", "\r", "\u2028", "\U0010ffff", "a" * 70_000, "::", "|"),
    *("1.5", "0x10", "1970-01-01", "99999-01-01", "none", "__class__", "=1+1", "😀"),
)
OBJECTS = (
    *(None, True, -1, 1.5, 10**25, 10**400, float("nan"), float("inf"), "", " "),
    *([], {}, [[]], {"a": {"b": []}}, [None], ["x"], [["x"], 1], "\ud800", "a\0b"),
    *("../../x", "&#" + "9" * 5000 + ";", "x" * 70_000, [[[[[[]]]]]], "none", 0),
)
COLUMNS = (
    *("_key", "id", "x", "num_nodes", "item", "text", "keys", "", "split", "title"),
)


def break_file(path: Path, random: Random) -> None:
    """Break one file in one to three ways; a packed one inside or outside."""
    for _ in range(random.choice((1, 1, 2, 3))):
        if path.suffix == ".parquet" and random.random() < 0.5:
            _break_table(path, random)
            continue
        content = path.read_bytes()
        way = random.choice(WAYS)
        if path.suffix == ".gz" and random.random() < 0.8:
            content = _unzip(content)
            path.write_bytes(gzip.compress(way(content, random), 1))
        else:
            path.write_bytes(way(content, random))
    if path.suffix == ".gz" and random.random() < 0.03:
        path.write_bytes(
            path.read_bytes() + _bomb(random.choice((b"\0", b"a", b"1\n")))
        )


def _unzip(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except Exception:  # it is broken already
        return content


@cache
def _bomb(pattern: bytes) -> bytes:
    """A packed file whose parts follow each other, as gzip allows."""
    return gzip.compress(pattern * (2**20 // len(pattern)), 9) * MANY


def _flip(content: bytes, random: Random) -> bytes:
    broken = bytearray(content)
    for _ in range(random.choice((1, 1, 4, 40)) if broken else 0):
        broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
    return bytes(broken)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randint(0, len(content))]


def _insert(content: bytes, random: Random) -> bytes:
    place = random.randint(0, len(content))
    what = (b"\xff\xfe", b"\x00", b"\xc3", b"\xed\xa0\x80", b"\r", b"\n\n", b"\x1a")
    return content[:place] + random.choice(what) + content[place:]


def _repeat(content: bytes, random: Random) -> bytes:
    first, last = sorted(random.randint(0, len(content)) for _ in range(2))
    return content[:last] + content[first:]


def _recode(content: bytes, random: Random) -> bytes:
    if random.random() < 0.3:
        return b"\xef\xbb\xbf" + content
    text = content.decode("latin-1")
    return text.encode(random.choice(("utf-16", "utf-8", "utf-32", "cp037")), "replace")


def _lines(content: bytes, random: Random) -> bytes:
    """Lose, repeat, exchange or join lines, or blow one up."""
    lines = content.splitlines(keepends=True) or [b""]
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            lines[one] = lines[one].rstrip(b"\r\n")
        case 4:
            lines = lines * random.choice((2, 50))
        case _:
            size = 2**24 if random.random() < 0.05 else 2**16
            lines[one] = lines[one].rstrip(b"\n") + b"x" * size + b"\n"
    return b"".join(lines)


def _word(content: bytes, random: Random) -> bytes:
    """Another word in place of one, or of that place in every line."""
    new = random.choice(WORDS).encode("utf-8", "surrogatepass")
    lines = content.splitlines(keepends=True) or [b""]
    chosen = random.randrange(len(lines))
    place, everywhere = random.randrange(8), random.random() < 0.2
    for number, line in enumerate(lines):
        if everywhere or number == chosen:
            words = list(re.finditer(rb"[^\t,:|\"'\[\]{} \r\n]+", line))
            if words:
                word = words[place % len(words)]
                lines[number] = line[: word.start()] + new + line[word.end() :]
    return b"".join(lines)


def _field(content: bytes, random: Random) -> bytes:
    """One field fewer or one more, in every line."""
    mark = random.choice((b"\t", b",", b"::", b"|"))
    place, more = random.randrange(4), random.random() < 0.3
    rows = [line.split(mark) for line in content.split(b"\n")]
    for row in rows:
        if len(row) > place:
            row[place : place + 1] = [row[place]] * 2 if more else []
    return b"\n".join(map(mark.join, rows))


def _value(content: bytes, random: Random) -> bytes:
    """Another value under a key, where lines hold JSON or Python literals."""
    lines = content.decode("utf-8", "replace").splitlines()
    number = random.randrange(len(lines)) if lines else 0
    for read, write in ((json.loads, json.dumps), (ast.literal_eval, repr)):
        try:
            row = read(lines[number])
            key = random.choice([*row, random.choice(COLUMNS)])
            row[key] = random.choice(OBJECTS)
            lines[number] = write(random.choice((row, row, row, row, [row], key)))
            break
        except (ValueError, SyntaxError, LookupError, TypeError):
            continue
        except (RecursionError, MemoryError):  # brackets that are nested too deep
            continue
    return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"


def _break_table(path: Path, random: Random) -> None:
    """Another value, type or name of a column."""
    try:
        table = pd.read_parquet(path)
        column = random.choice([*table.columns])
        if random.random() < 0.3:
            table = table.rename(columns={column: random.choice(COLUMNS)})
        elif random.random() < 0.5:
            table[column] = [random.choice(OBJECTS[:9])] * len(table)
        else:
            values = table[column].astype(object).tolist()
            values[random.randrange(len(values))] = random.choice(OBJECTS)
            table[column] = pd.Series(values, dtype=object)
        table.to_parquet(path)
    except Exception:  # it is broken already, or Parquet cannot hold this
        path.write_bytes(_flip(path.read_bytes(), random))


WAYS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flip, _cut, _insert, _repeat, _recode, _lines, _word, _field, _value),
    *(_lines, _word, _word, _value, _value),
)
