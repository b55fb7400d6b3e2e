"""An index read by columns: the samples that the index describes, and no rule left out.

`parse_index` judges field by field: whatever it refuses must be refused here in its words.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from emotalk.errors import WrongUse
from emotalk.schema import FORMAT_VERSION
from emotalk.shards import index_columns
from emotalk.shards.index import parse_index
from emotalk.shards.index_columns import read_index, sample_of
from emotalk.shards.manifest import ShardEntry
from emotalk.shards.sample_table import Sample

MISSING = object()


def index() -> dict[str, Any]:
    """Return an index of three samples whose members lie in another order than their names."""
    members = [
        {"flac": [5632, 40], "json": [512, 30], "mp4": [1536, 3000]},
        {"flac": [6656, 1], "json": [7680, 0], "mp4": [8192, 512]},
        {"mp4": [9728, 272]},
    ]
    labels: list[dict[str, Any]] = [
        {"key": "a", "actor": "1001", "emotion": "anger", "intensity": 0.5},
        {"key": "b", "actor": "1001", "emotion": None, "intensity": 1},
        {"key": "美", "actor": "ann b", "emotion": "contempt"},
    ]
    samples = [
        {**label, "frames": 30 + n, "members": places}
        for n, (label, places) in enumerate(zip(labels, members, strict=True))
    ]
    return {"format": FORMAT_VERSION, "samples": samples}


def entry(**changed: Any) -> ShardEntry:
    facts = {"samples": 3, "frames": 93, "bytes": 10_000, "split": "train"} | changed
    digests = {"sha256": "0" * 64, "index_sha256": "0" * 64}
    return ShardEntry.model_validate({"file": "train-000000.tar"} | digests | facts)


def test_the_columns_hold_the_samples_of_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(index_columns, "parse_index")  # the quick way, and no other
    table = read_index(json.dumps(index()).encode(), "i", entry(), 7)
    first = {"flac": (5632, 40), "json": (512, 30), "mp4": (1536, 3000)}
    second = {"flac": (6656, 1), "json": (7680, 0), "mp4": (8192, 512)}
    assert list(table) == [
        Sample("a", 30, "1001", "anger", 0.5, 7, first),
        Sample("b", 31, "1001", None, 1.0, 7, second),
        Sample("美", 32, "ann b", "contempt", None, 7, {"mp4": (9728, 272)}),
    ]


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return the change of one field, MISSING for its removal."""

    def change(tree: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        place: Any = tree
        for part in way:
            place = place[part]
        if value is MISSING:
            del place[last]
        else:
            place[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", "emotalk-0"),
        ("samples", {}),
        ("samples", MISSING),
        ("samples/0", []),
        ("samples/0/key", "a.b"),
        ("samples/0/key", ""),
        ("samples/0/key", "a\x1bb"),
        ("samples/0/key", "\ud800"),
        ("samples/0/key", "a\u202eb"),
        ("samples/0/key", "k" * 256),
        ("samples/0/key", "美" * 86),
        ("samples/0/key", 3),
        ("samples/0/actor", ""),
        ("samples/0/actor", "x\ny"),
        ("samples/0/actor", "x" * 1001),
        ("samples/0/frames", 0),
        ("samples/0/frames", -30),
        ("samples/0/frames", 2**31),
        ("samples/0/frames", True),
        ("samples/0/frames", 30.5),
        ("samples/0/frames", 31),
        ("samples/0/emotion", "joy"),
        ("samples/0/emotion", MISSING),
        ("samples/0/emotion", ["anger"]),
        ("samples/0/intensity", 1.01),
        ("samples/0/intensity", -0.1),
        ("samples/0/intensity", float("nan")),
        ("samples/0/intensity", "strong"),
        ("samples/0/members", []),
        ("samples/0/members", [["mp4", 3]]),
        ("samples/0/members", "mp4"),
        ("samples/0/members/mp4", 1536),
        ("samples/0/members/mp4", [1536]),
        ("samples/0/members/mp4", [1536, -1]),
        ("samples/0/members/mp4", [-512, 10]),
        ("samples/0/members/mp4", [1536, 2**70]),
        ("samples/0/members/mp4", [2**63 - 512, 512]),
        ("samples/0/members/mp4", [1537, 10]),
        ("samples/0/members/mp4", [1024, 10]),
        ("samples/0/members/mp4", [0, 10]),
        ("samples/0/members/flac", [9728 + 512, 10]),
        ("samples/0/members/m$p", [5120, 1]),
        ("samples/2/members/mp4", [9728, 273]),
        ("samples/1/members/mp4", [6144, 512]),
    ],
)
def test_what_the_slow_check_refuses_is_refused_in_its_words(path: str, value: Any) -> None:
    tree = index()
    changed(path, value)(tree)
    data = json.dumps(tree).encode()
    with pytest.raises(WrongUse) as slow:
        parse_index(data, "i", entry())
    with pytest.raises(WrongUse) as quick:
        read_index(data, "i", entry(), 0)
    assert str(quick.value) == str(slow.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"3", b"{", b"[" * 100_000, b"\xff\xfe{"])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(WrongUse, match="i: "):
        read_index(data, "i", entry(), 0)


def test_samples_that_lie_between_one_another_are_refused() -> None:
    """Each member is where one can be, but a sample's members must stand together."""
    tree = index()
    places = tree["samples"][0]["members"], tree["samples"][1]["members"]
    places[0]["flac"], places[1]["flac"] = places[1]["flac"], places[0]["flac"]
    data = json.dumps(tree).encode()
    with pytest.raises(WrongUse, match="cannot begin at byte"):
        read_index(data, "i", entry(), 0)


def test_forms_that_only_the_slow_check_knows_are_read_the_same() -> None:
    """A number in quotes, a whole number with a point, a sample without members."""
    tree = index()
    tree["samples"][0]["frames"] = "30"
    tree["samples"][1]["frames"] = 31.0
    tree["samples"][2]["members"] = {}
    data = json.dumps(tree).encode()
    slow = [sample_of(found, 4) for found in parse_index(data, "i", entry()).samples]
    assert list(read_index(data, "i", entry(), 4)) == slow
    assert slow[2].members == {}


def test_counts_must_be_those_of_the_manifest() -> None:
    data = json.dumps(index()).encode()
    for facts in ({"samples": 4}, {"frames": 94}, {"bytes": 9_999}):
        with pytest.raises(WrongUse, match="the index does not belong to this tar"):
            read_index(data, "i", entry(**facts), 0)
