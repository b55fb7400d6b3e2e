"""Print what becomes of every case: `python -m tests.media_matrix.run [NAME ...]`."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.media_matrix.cases import CASES
from tests.media_matrix.flash_beep import FFMPEG
from tests.media_matrix.onsets import FRAME_S, Verdict, judge


def table(names: Sequence[str]) -> tuple[str, dict[str, Verdict]]:
    """Return the table and the verdicts of the cases with these names; of all without any."""
    verdicts: dict[str, Verdict] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in CASES:
            if not names or name in names:
                verdicts[name] = judge(write(Path(folder)))
    lines = [f"{'case':32} {'verdict':9} {'flashes':>7} {'worst ms':>8} {'seconds':>7}"]
    for name, v in verdicts.items():
        if v.reason is not None:
            lines.append(f"{name:32} rejected  {v.reason}")
        else:
            wrong = "" if v.worst_s <= FRAME_S and v.pairs > 1 else "  <- out of step"
            numbers = f"{v.pairs:>7} {1000 * v.worst_s:>8.1f} {v.seconds:>7.2f}"
            lines.append(f"{name:32} accepted  {numbers}{wrong}")
    accepted = [v for v in verdicts.values() if v.reason is None]
    worst = max((v.worst_s for v in accepted), default=0.0)
    lines.append(
        f"{len(accepted)} accepted, {len(verdicts) - len(accepted)} rejected, worst distance "
        f"{1000 * worst:.1f} ms (one frame: {1000 * FRAME_S:.0f} ms)"
    )
    return "\n".join(lines), verdicts


def main() -> int:
    """Print the table; 1 where a case is rejected or out of step."""
    if FFMPEG is None:
        sys.stderr.write("no ffmpeg here: apt-get install ffmpeg (Debian's)\n")
        return 2
    text, verdicts = table(sys.argv[1:])
    sys.stdout.write(text + "\n")
    good = all(v.reason is None and v.pairs > 1 and v.worst_s <= FRAME_S for v in verdicts.values())
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
