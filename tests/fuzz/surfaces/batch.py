"""Batches of others: the table of a batch, and files that lie where its videos should."""

from pathlib import Path

from tests.fuzz.mutate import Random, any_bytes, change_bytes, change_text
from tests.fuzz.surface import Door, Surface

PIECES_OF_TABLE = (
    "image",
    "audio",
    "emotion",
    "output",
    "intensity",
    "seed",
    ",",
    ",",
    "\n",
    "\n",
    '"',
    ";",
    "\t",
    "a.png",
    "b.wav",
    "happy",
    "o.mp4",
    "0=sad,1=fear",
    "0.5",
    "7",
    "\r\n",
    "\0",
    "\ufeff",
    " ",
    "../",
)


def _batch(folder: Path) -> Door:
    from emotalk.errors import WrongUse
    from emotalk.inference.batch_table import read_batch
    from emotalk.inference.talking_video import VideoRequest

    head = "image,audio,emotion,output,intensity,seed\n"
    table = (
        f"{head}a.png,b.wav,happy,o.mp4,,\n"
        'a.png,b.wav,"0=sad,1=fear:0.5",p.webm,0.5,3\n'
        "c.png,d.mp3,happy:0.6+fear:0.4,q.gif,1,\n"
    )
    path = folder / "jobs.csv"
    template = VideoRequest(Path(), Path(), "", Path(), None)

    def make(rng: Random) -> bytes:
        if rng.random() < 0.3:
            body = "".join(rng.choice(PIECES_OF_TABLE) for _ in range(rng.randint(1, 60)))
            return (head * rng.randint(0, 1) + body).encode()
        changed = change_text(table, rng).encode("utf-8", "surrogatepass")
        return change_bytes(changed, rng) if rng.random() < 0.3 else changed

    def enter(content: bytes) -> None:
        path.write_bytes(content)
        rows = read_batch(path, template)
        assert rows
        assert all((row.request is None) == bool(row.fault) for row in rows)
        outputs = [row.request.output for row in rows if row.request is not None]
        assert len(outputs) == len(set(outputs))

    return Door(make, enter, (WrongUse,))


def _marks(folder: Path) -> Door:
    from emotalk.inference.request_mark import mark_of

    path = folder / "video.gif"
    comment = b"\x21\xfe\x52Request: " + b"a1" * 32 + b".\x00\x3b"

    def make(rng: Random) -> bytes:
        end = change_bytes(comment, rng) if rng.random() < 0.8 else comment
        return (
            b"GIF89a" + any_bytes(rng) + end + (any_bytes(rng, 40) if rng.random() < 0.3 else b"")
        )

    def enter(content: bytes) -> None:
        path.write_bytes(content)
        mark = mark_of(path)
        assert mark is None or len(mark) == 64

    return Door(make, enter, ())


SURFACES = (
    Surface("batch", 12_000, _batch),
    Surface("mark", 6_000, _marks),
)
