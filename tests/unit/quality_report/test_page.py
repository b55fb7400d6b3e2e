"""The report of a shard set: right counts, right faces, bounded, and safe whatever names say."""

import base64
import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from emotalk.media.thumbnail import MAX_BYTES, thumbnail_jpeg
from emotalk.quality_report import contact_sheets
from emotalk.quality_report.facts import Facts
from emotalk.quality_report.page import report_page, write_report
from emotalk.rejection_reasons import REASONS
from emotalk.schema import Bytes
from emotalk.shards.json_lines import lines_json
from emotalk.shards.manifest import Manifest
from emotalk.shards.measures import MEASURES, clip_measures, with_values
from emotalk.shards.reader import SampleReader
from emotalk.shards.record import parse
from emotalk.shards.rejected import RejectedClip, rejected_json
from emotalk.shards.rejected_pictures import pictures_json, rejected_picture
from emotalk.shards.sample_table import Sample
from emotalk.shards.shard_set import ShardSet
from tests.helpers.shard_set import made_clips, rewrite_manifest, write_shard_set

LIMITS = {"min_sharpness": 0.004, "min_face_pixels": 48, "max_seconds": 60.0, "sync": "report"}
HOSTILE = '"><script>alert(1)</script>\u202egnp.<img src=x onerror=alert(2)>&amp;{{ 7 * 7 }}'


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, its tables, its tiles, and all its text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.captions: list[str] = []
        self.in_caption = self.in_cell = False
        self.text = ""
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag == "figcaption":
            self.captions.append("")
            self.in_caption = True
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_caption &= tag != "figcaption"
        self.in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.in_cell:
            self.rows[-1][-1] += data.strip()
        if self.in_caption:
            self.captions[-1] = f"{self.captions[-1]} {data}".strip()

    @property
    def images(self) -> list[bytes]:
        """Return the embedded pictures, and nothing may lie elsewhere."""
        sources = [str(attrs["src"]) for tag, attrs in self.tags if tag == "img"]
        head = "data:image/jpeg;base64,"
        assert all(source.startswith(head) for source in sources)
        return [base64.b64decode(source.removeprefix(head), validate=True) for source in sources]

    def row(self, name: str) -> list[str]:
        return next(row[1:] for row in self.rows if row and row[0] == name)


def make_set(folder: Path, *, rejected: list[RejectedClip] | None = None) -> Path:
    """Write six clips in two splits with their measures, and rejected ones with pictures."""
    clips = made_clips(6)
    write_shard_set(folder, [("train", clips[:4]), ("val", clips[4:])])
    lines = [
        clip_measures(
            f"{clip.key}.mp4", clip.key, {"sharpness": 0.1 + number / 100, "seconds": 1.2}
        )
        for number, clip in enumerate(clips)
    ]
    out = [] if rejected is None else rejected
    lines += [clip_measures(line.clip, f"r{n}", {"sharpness": 0.001}) for n, line in enumerate(out)]
    (folder / "measures.jsonl").write_bytes(lines_json(with_values(lines)))
    (folder / "rejected.jsonl").write_bytes(rejected_json(out))
    pictures = [rejected_picture(line.clip, red_jpeg()) for line in out]
    (folder / "rejected_pictures.jsonl").write_bytes(pictures_json(pictures))
    reasons = {line.reason: sum(o.reason == line.reason for o in out) for line in out}

    def change(tree: dict[str, Any]) -> None:
        tree["config"] = {"corpus": "folder", "quality": LIMITS}
        tree["clips"] = {"found": 6 + len(out), "accepted": 6, "rejected": len(out)}
        tree["rejected_by_reason"] = reasons

    rewrite_manifest(folder, change)
    return folder


def decoded(jpeg: bytes) -> Bytes:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def red_jpeg() -> bytes:
    return thumbnail_jpeg(np.full((30, 40, 3), (220, 20, 10), np.uint8))


def blurred(clip: str) -> RejectedClip:
    detail = (
        f"sharpness 0.0010, at least 0.004 (quality.min_sharpness); {REASONS['blurred'].advice}"
    )
    return RejectedClip(clip=clip, reason="blurred", detail=detail)


def page_bytes(folder: Path) -> bytes:
    manifest = parse(Manifest, (folder / "manifest.json").read_bytes(), "manifest.json")
    write_report(folder / "report.html", folder, manifest)
    return (folder / "report.html").read_bytes()


def test_the_tables_count_as_by_hand(tmp_path: Path) -> None:
    out = [blurred("x.mp4"), blurred("y.mp4"), RejectedClip(clip="z", reason="missing")]
    page = Page(page_bytes(make_set(tmp_path / "set", rejected=out)))
    assert page.row("clips")[:3] == ["4", "2", "6"]
    assert page.row("people")[:3] == ["3", "2", "3"]
    minutes = [(30 + 41 + 36 + 30) / 1500, (41 + 36) / 1500, 214 / 1500]
    assert page.row("minutes")[:3] == [f"{value:.1f}" for value in minutes]
    assert page.row("anger") == ["1", "0", "1", "16.7 %"]
    assert page.row("neutral") == ["0", "1", "1", "16.7 %"]
    assert page.row("unknown")[:3] == ["1", "1", "2"]
    assert page.row("low")[:3] == ["1", "1", "2"]
    assert page.row("blurred")[:2] == ["2", "22.2 %"]
    assert page.row("missing")[:2] == ["1", "11.1 %"]
    assert REASONS["blurred"].meaning in page.row("blurred")[2]
    assert REASONS["blurred"].advice in page.row("blurred")[2]
    assert "9 clips, median 0.11, from 0.001 to 0.15; 3 beyond the limit (33.3%)" in page.text
    assert "min_sharpness = 0.004" in page.text
    assert "0 accepted, 3 rejected" in page.text  # a bar of the sharpness
    assert "sync=" not in page.text  # no number


def test_offsets_are_shown_where_they_are_sure(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    values = [(3.0, 0.9), (-8.0, 0.81), (12.0, 0.79), (0.0, 1.0), (1.0, None), (-2.0, 0.8)]
    lines = [
        clip_measures(clip.key, clip.key, {"sync_offset": offset, "sync_confidence": sure or 0.0})
        for clip, (offset, sure) in zip(made_clips(6), values, strict=True)
    ]
    (folder / "measures.jsonl").write_bytes(lines_json(with_values(lines)))
    limits = {"quality": {"max_sync_shift": 6}}
    rewrite_manifest(folder, lambda tree: tree.update(config=limits))
    page = Page(page_bytes(folder))
    assert "4 clips, median -1 frames, from -8 frames to +3 frames; 1 beyond the" in page.text
    assert "6 clips, median 0.81, from 0.00 to 1.00; 2 beyond the limit (33.3%)" in page.text
    captions = [caption.split()[0] for caption in page.captions]
    first = captions.index("-8")
    assert captions[first : first + 4] == ["-8", "+3", "-2", "+0"]
    assert captions[first + 4 : first + 7] == ["0.00", "0.79", "0.80"]  # the least confident


def test_long_recordings_say_how_much_of_them_is_used(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    entry = {"sha256": "0" * 64, "seconds": 120.0}
    left_out = {"no_voice": 54.2, "several_faces": 0.1, "of_a_later_version": 3}
    change = {
        "recordings": [
            {
                **entry,
                "clip": "good.mp4",
                "stretches": [[0, 100_000, 0, 0], [100_000, 118_000, 9, 9]],
            },
            {**entry, "clip": HOSTILE, "stretches": [[1000, 31_000, 0, 0]], "left_out_s": left_out},
        ]
    }
    rewrite_manifest(folder, lambda tree: tree.update(change))
    page = Page(page_bytes(folder))
    rows = page.rows[-2:]
    assert rows[0][1:] == ["2.0", "1", "25 %", "54 s without voice, 3 s of_a_later_version"]
    assert "<script>" in rows[0][0]
    assert rows[1] == ["good.mp4", "2.0", "2", "98 %", ""]
    assert "script" not in {tag for tag, _ in page.tags}
    rewrite_manifest(folder, lambda tree: tree.update(recordings=change["recordings"] * 50))
    assert "The first 50 of 100." in Page(page_bytes(folder)).text


def test_clips_without_a_label_are_counted_as_unknown(tmp_path: Path) -> None:
    clips = [dataclasses.replace(clip, emotion=None) for clip in made_clips(3)]
    page = Page(page_bytes(write_shard_set(tmp_path / "set", [("train", clips)])))
    assert page.row("unknown") == ["3", "3", "100.0 %"]
    assert "None" not in page.text


def test_extremes_come_first_and_show_the_clip_s_middle_frame(tmp_path: Path) -> None:
    page = Page(page_bytes(make_set(tmp_path / "set", rejected=[blurred("x.mp4")])))
    first = next(n for n, caption in enumerate(page.captions) if caption.startswith("0.1 "))
    values = [caption.split()[0] for caption in page.captions[first : first + 6]]
    assert values == ["0.1", "0.11", "0.12", "0.13", "0.14", "0.15"]
    frames = [30, 41, 36, 30, 41, 36]
    levels = [20 + (number // 2 * 12) % 200 for number in frames]  # as the helper draws them
    shown = [decoded(jpeg) for jpeg in page.images]
    assert [round(float(np.mean(image))) for image in shown[:6]] == pytest.approx(levels, abs=2)
    red = shown[-1][15, 20]
    assert red[2] > 200
    assert red[0] < 40


def test_a_rejected_tile_has_value_and_limit_and_no_picture_is_said(tmp_path: Path) -> None:
    out = [blurred("x.mp4"), RejectedClip(clip="z.mp4", reason="missing", detail="no such file")]
    folder = make_set(tmp_path / "set", rejected=out)
    pictures = [rejected_picture("x.mp4", red_jpeg())]
    (folder / "rejected_pictures.jsonl").write_bytes(pictures_json(pictures))
    page = Page(page_bytes(folder))
    captions = [" ".join(caption.split()) for caption in page.captions]
    assert "sharpness 0.0010, at least 0.004 (quality.min_sharpness) x.mp4" in captions
    assert any(caption.startswith("no such file z.mp4") for caption in captions)
    assert page.text.count("no picture") == 1


def test_hostile_names_are_text(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", rejected=[blurred(HOSTILE)])
    lines = [clip_measures(HOSTILE, clip.key, {"seconds": 1.0}) for clip in made_clips(6)]
    (folder / "measures.jsonl").write_bytes(lines_json(with_values(lines)))

    def change(tree: dict[str, Any]) -> None:
        tree["config"] = {"corpus": HOSTILE, "quality": {HOSTILE: 1.5}}

    rewrite_manifest(folder, change)
    page = Page(page_bytes(folder))
    assert "script" not in {tag for tag, _ in page.tags}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert page.images
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\u202e" not in page.text
    policy = [
        a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not [attrs for tag, attrs in page.tags if tag in ("link", "script", "iframe", "object")]


def test_limits_and_reasons_of_any_size_and_number_make_a_bounded_page(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", rejected=[blurred("x.mp4")])

    def change(tree: dict[str, Any]) -> None:
        many = {f"limit{number}": number for number in range(2000)}
        tree["config"]["quality"] = {"min_sharpness": 10**400, "a": -1e308, "b": 2.5, **many}
        tree["rejected_by_reason"] = {f"reason{n}": n for n in range(2000)} | {"blurred": 9999}

    rewrite_manifest(folder, change)
    data = page_bytes(folder)
    assert "b=2.5," in Page(data).text
    assert "min_sharpness =" not in Page(data).text
    assert Page(data).row("blurred")[0] == "9999"
    assert len(data) < 200_000


def test_nothing_rejected_and_nothing_accepted_are_said(tmp_path: Path) -> None:
    assert "No clip was rejected." in Page(page_bytes(make_set(tmp_path / "whole"))).text
    folder = write_shard_set(tmp_path / "none", [])
    rejected = [blurred("x.mp4")]
    (folder / "rejected.jsonl").write_bytes(rejected_json(rejected))

    def change(tree: dict[str, Any]) -> None:
        tree["clips"] = {"found": 1, "accepted": 0, "rejected": 1}
        tree["rejected_by_reason"] = {"blurred": 1}

    rewrite_manifest(folder, change)
    page = Page(page_bytes(folder))
    assert "No clip was accepted." in page.text
    assert page.row("blurred")[:2] == ["1", "100.0 %"]


def test_an_older_set_is_shown_without_what_it_lacks(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", rejected=[blurred("x.mp4")])
    for name in ("measures.jsonl", "rejected_pictures.jsonl"):
        (folder / name).unlink()
    page = Page(page_bytes(folder))
    assert "no measures.jsonl" in page.text
    assert "Drawn at random" in page.text
    assert "Least sharp" not in page.text
    assert len(page.images) == 6


def test_an_updated_older_set_says_of_how_many_clips_values_are_known(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    lines = (folder / "measures.jsonl").read_text().splitlines(keepends=True)
    (folder / "measures.jsonl").write_text("".join(lines[:2]))
    assert "known of 2 of 6 accepted clips" in Page(page_bytes(folder)).text


def test_the_same_set_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    first = page_bytes(make_set(tmp_path / "one", rejected=[blurred("x.mp4")]))
    assert page_bytes(tmp_path / "one") == first
    assert page_bytes(make_set(tmp_path / "two" / "deep", rejected=[blurred("x.mp4")])) == first


def test_a_hundred_thousand_clips_make_a_page_below_2_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every picture as large as a thumbnail may be, every name as long as a name may be."""
    largest = red_jpeg().ljust(MAX_BYTES, b"\0")
    monkeypatch.setattr(contact_sheets, "_middle_crop", lambda *_, **__: largest)
    rng = np.random.Generator(np.random.PCG64(0))
    keys = [f"{number:06d}" + 240 * "k" for number in range(100_000)]
    values = rng.gamma(4.0, 1.0, (1000, len(MEASURES)))
    samples = [Sample(key, 75, f"a{n % 91}", "anger", None, 0, {}) for n, key in enumerate(keys)]
    name = "n" * 500
    lines = [clip_measures(name, name, dict(zip(MEASURES, row, strict=True))) for row in values]
    out = [
        RejectedClip(clip=f"{n}{'x' * 4000}", reason=reason, detail="d" * 4000)
        for reason in REASONS
        for n in range(20)
    ]
    shard = {"file": "train-000000.tar", "split": "train", "samples": 1, "frames": 1, "bytes": 1}
    manifest = Manifest.model_validate(
        {
            "config": {"quality": LIMITS},
            "clips": {"found": 10**6},
            "rejected_by_reason": dict.fromkeys(REASONS, 20),
            "shards": [{**shard, "sha256": "0" * 64, "index_sha256": "0" * 64}],
        }
    )
    facts = Facts(
        manifest=manifest,
        samples=tuple(samples),
        split_of=dict.fromkeys(keys, "train"),
        rejected=tuple(out),
        measures={key: lines[number % 1000] for number, key in enumerate(keys)},
        pictures={line.clip: largest for line in out},
    )
    folder = write_shard_set(tmp_path / "set", [("train", made_clips(1))])
    page = report_page(facts, SampleReader(ShardSet.open(str(folder))))
    assert len(Page(page).images) > 200
    assert len(page) < 2_000_000


def test_a_clip_that_cannot_be_read_is_a_tile_without_a_picture(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set")
    tar = folder / "val-000000.tar"
    tar.write_bytes(bytes(tar.stat().st_size))
    page = Page(page_bytes(folder))
    assert page.text.count("no picture") == 4  # two clips, sharpest and drawn
    assert json.loads((folder / "manifest.json").read_text())["clips"]["accepted"] == 6
