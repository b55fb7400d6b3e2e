"""Seeded changes of bytes, text and trees: what damage, accidents and attackers do to files."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Random = random.Random

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
TEXTS = (
    "",
    " ",
    "\0",
    "\n",
    "\x1b[2J\x1b[31m",
    "\ud800",
    "\u202e\u200b",
    "e\u0301",
    "/",
    "..",
    "../../etc/passwd",
    "/dev/zero",
    "file:///etc/passwd",
    "pipe:touch fuzz-was-here",
    "~",
    "a" * 300,
    "9" * 5000,
    "%s%n{0}{x}",
    "true",
    "nan",
    "-inf",
    "1e999",
    "2024-02-31",
    "'\"`$(id)",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    1e308,
    -0.5,
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    [None],
    {"": None},
    [0] * 1000,
    *TEXTS,
)


def change_bytes(data: bytes, rng: Random) -> bytes:
    """Return `data` after one to eight changes: bits, bytes, numbers, cuts, copies, lost parts."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        rng.choice(BYTE_CHANGES)(changed, rng)
    return bytes(changed)


def change_head(data: bytes, rng: Random, length: int = 512) -> bytes:
    """Return `data` with changes in its first bytes alone, where sizes and kinds are stated."""
    return change_bytes(data[:length], rng) + data[length:]


def change_text(text: str, rng: Random) -> str:
    """Return `text` after one to four changes: letters, words and lines lost, doubled, replaced."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice((0, 1, 1, 3, 10, 80)))
        piece = rng.choice(
            (
                "",
                text[start:end] * 2,
                rng.choice(TEXTS),
                chr(rng.choice((0, 9, 10, 13, 27, 34, 39, 44, 58, 61, 91, 123, 0x7F, 0x2028))),
                str(rng.choice(NUMBERS)),
            )
        )
        text = text[:start] + piece + text[end:]
    return text


def change_tree(tree: Any, rng: Random) -> Any:
    """Return a copy of a JSON tree after one to three changes of its leaves, keys and lists."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.choice((1, 1, 2, 3))):
        tree = _change_once(tree, rng)
    return tree


def change_json(tree: Any, rng: Random) -> bytes:
    """Return a JSON tree as changed bytes: its values, its text, or its depth."""
    kind = rng.random()
    if kind < 0.6:
        return _dump(change_tree(tree, rng))
    if kind < 0.9:
        return change_bytes(_dump(tree), rng)
    if kind < 0.95:
        return change_text(json.dumps(tree), rng).encode("utf-8", "surrogatepass")
    depth = rng.choice((50, 900, 5000, 100_000))
    opening = rng.choice((b"[", b'{"a":'))
    return _dump(tree).replace(b"{", b'{"deep":' + opening * depth + b",", 1)


def any_bytes(rng: Random, most: int = 400) -> bytes:
    """Return up to `most` random bytes."""
    return rng.randbytes(rng.randint(0, most))


def _dump(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def _change_once(tree: Any, rng: Random) -> Any:
    places = list(_places(tree))
    if not places:
        return _any_value(rng)
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.55:
        holder[key] = _any_value(rng)
    elif kind < 0.7:
        del holder[key]
    elif kind < 0.8 and isinstance(holder, dict):
        holder[rng.choice(TEXTS)] = holder.pop(key)
    elif kind < 0.9:
        holder[key] = [holder[key]] * rng.choice((1, 2, 50))
    else:
        other_holder, other_key = rng.choice(places)
        holder[key] = json.loads(json.dumps(other_holder[other_key]))
    return tree


def _any_value(rng: Random) -> Any:
    """Return a copy: the next change may be made inside it."""
    return copy.deepcopy(rng.choice(VALUES))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys: Sequence[Any] = ()
        if isinstance(node, dict):
            keys = list(node)
        elif isinstance(node, list):
            keys = range(len(node))
        for key in keys:
            found.append((node, key))
            waiting.append(node[key])
    return found


def _flip_bit(data: bytearray, rng: Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_bytes(data: bytearray, rng: Random) -> None:
    if data:
        start = rng.randrange(len(data))
        end = min(len(data), start + rng.choice((1, 2, 4, 16)))
        data[start:end] = rng.randbytes(end - start)


def _set_number(data: bytearray, rng: Random) -> None:
    width = rng.choice((1, 2, 4, 8))
    if len(data) >= width:
        start = rng.randrange(len(data) - width + 1)
        number = rng.choice(NUMBERS) % 2 ** (8 * width)
        data[start : start + width] = number.to_bytes(width, rng.choice(("little", "big")))


def _cut(data: bytearray, rng: Random) -> None:
    del data[rng.randint(0, len(data)) :]


def _lose(data: bytearray, rng: Random) -> None:
    start = rng.randint(0, len(data))
    del data[start : start + rng.choice((1, 4, 64, 1000))]


def _double(data: bytearray, rng: Random) -> None:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice((1, 4, 64, 1000))]
    data[start:start] = piece


def _insert(data: bytearray, rng: Random) -> None:
    start = rng.randint(0, len(data))
    data[start:start] = any_bytes(rng, 32)


def _zero(data: bytearray, rng: Random) -> None:
    start = rng.randint(0, len(data))
    end = min(len(data), start + rng.choice((4, 64, 512)))
    data[start:end] = bytes(end - start)


BYTE_CHANGES: tuple[Callable[[bytearray, Random], None], ...] = (
    _flip_bit,
    _flip_bit,
    _set_bytes,
    _set_number,
    _set_number,
    _cut,
    _lose,
    _double,
    _insert,
    _zero,
)
