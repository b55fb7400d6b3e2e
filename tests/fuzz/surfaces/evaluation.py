"""What an evaluation is given: pairs of videos from any system, and reports to compare."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.fuzz.mutate import Random, change_bytes, change_head, change_json
from tests.fuzz.surface import Door, Surface

FIGURES = ("psnr", "mouth_correlation", "nlmd")


def _compared(folder: Path) -> Door:
    """Try a report as `--compare` reads it, and the page that it makes of it."""
    from emotalk.errors import WrongUse
    from emotalk.evaluation.report_comparison.compare import compare_figures
    from emotalk.evaluation.report_comparison.page import write_comparison
    from emotalk.evaluation.report_file import parse_report
    from tests.helpers.made_reports import made_report

    rows = {f"clip{n}": {name: float(n) for name in FIGURES} for n in range(3)}
    good = made_report(rows, truth=rows, inputs={"true_files": {"clip0": "a"}, "config": {"x": 1}})
    tree = json.loads(good.model_dump_json())

    def enter(data: bytes) -> None:
        found = compare_figures(good, parse_report(data, "report.json"), seed=0)
        write_comparison(folder, found)
        page = (folder / "compare.md").read_bytes()
        assert b"\x1b" not in page
        assert len(page) < 2_000_000

    return Door(lambda rng: change_json(tree, rng), enter, (WrongUse,))


def _table(folder: Path) -> Door:
    from emotalk.errors import WrongUse
    from emotalk.evaluation.pairs.listing import list_pairs

    text = (
        "generated,true,name,actor,emotion,text\n"
        "generated/a.mp4,true/a.mp4,a,ann,fear,bin blue\n"
        'generated/b.mp4,true/b.mp4,b,bob,,"lay red, now"\n'
    )

    def enter(data: bytes) -> None:
        (folder / "pairs.csv").write_bytes(data)
        for pair in list_pairs(folder).pairs:
            assert folder in pair.generated.parents
            assert ".." not in pair.true.parts
            assert pair.key.isprintable()
            assert not set("./\\") & set(pair.key)

    return Door(lambda rng: change_bytes(text.encode(), rng), enter, (WrongUse,))


def _videos(folder: Path) -> Door:
    from emotalk.evaluation.pairs.aligned_video import read_aligned
    from emotalk.media.encode import AudioTrack, encode_video
    from emotalk.schema import Rejection

    path = folder / "a.mp4"
    track = AudioTrack(np.zeros(3200, np.float32), 8000)
    frames = np.full((10, 128, 128, 3), 99, np.uint8)
    encode_video(path, frames, fps=Fraction(25), options={"preset": "ultrafast"}, audio=track)
    whole = path.read_bytes()

    def make(rng: Random) -> bytes:
        return (change_head if rng.random() < 0.5 else change_bytes)(whole, rng)

    def enter(data: bytes) -> None:
        path.write_bytes(data)
        found = read_aligned(path, None, max_seconds=5.0)
        assert len(found.frames_THWC) <= 126

    return Door(make, enter, (Rejection,))


SURFACES = (
    Surface("compared report", 6000, _compared),
    Surface("pairs.csv", 6000, _table),
    Surface("pair of videos", 1000, _videos, media=True),
)
