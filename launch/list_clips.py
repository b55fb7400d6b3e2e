"""Write the clips.csv that the folder corpus reads, for a folder without one.

`list_clips.py SOURCE clips.csv` copies SOURCE/clips.csv if it exists. Otherwise every clip is
taken as neutral, and the part of its name before the first `_` as the actor.
"""

import csv
import shutil
import sys
from pathlib import Path

VIDEOS = {".mp4", ".mpg", ".mpeg", ".mov", ".avi", ".mkv", ".webm", ".flv", ".m4v"}


def main(source: Path, table: Path) -> int:
    """Write `table`; return the exit code."""
    if (source / "clips.csv").is_file():
        shutil.copyfile(source / "clips.csv", table)
        sys.stdout.write(f"  {source / 'clips.csv'} is used as it is\n")
        return 0
    clips = sorted(path for path in source.rglob("*") if path.suffix.lower() in VIDEOS)
    if not clips:
        sys.stderr.write(f"SOURCE={source}: no clips there; expected {', '.join(sorted(VIDEOS))}\n")
        return 2
    with table.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines)
        rows.writerow(["clip", "actor", "emotion", "level"])
        for clip in clips:
            actor = clip.stem.partition("_")[0]
            rows.writerow([clip.relative_to(source), actor, "neutral", ""])
    sys.stdout.write(
        f"  {len(clips)} clips; no clips.csv there, so all count as neutral and the name before "
        f"the first _ as the person\n  table: {table}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
