"""The corpus has CREMA-D's layout and names, and is reproducible."""

import csv
import hashlib
import re
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from emotalk.errors import WrongUse
from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.corpus import choose_clips, every_clip_of, write_corpus
from emotalk.synthetic.expression import CODES
from tests.helpers.drawn_clip import render_clip
from tests.helpers.shared import shared_data

GRAMMAR = re.compile(r"1\d{3}_[A-Z]{3}_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX)")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("synthetic") / "corpus"
    write_corpus(output, actors=2, seed=11, clips_per_actor=2, workers=1)
    return output


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_clip_has_its_three_files_under_crema_ds_names(corpus: Path) -> None:
    stems = {p.stem for p in (corpus / "VideoFlash").glob("*.flv")}
    assert len(stems) == 4
    assert all(GRAMMAR.fullmatch(stem) for stem in stems)
    assert {p.stem for p in (corpus / "AudioWAV").glob("*.wav")} == stems
    assert {p.stem for p in (corpus / "landmarks").glob("*.npy")} == stems


def test_files_hold_what_render_clip_gives(corpus: Path) -> None:
    path = next(p for p in sorted((corpus / "VideoFlash").glob("1002_*.flv")))
    number, sentence, code, level = path.stem.split("_")
    clip = render_clip(make_actor(11, int(number)), sentence, CODES[code], level, 11)
    with av.open(str(path)) as read:
        stream = read.streams.video[0]
        assert (stream.width, stream.height) == (480, 360)
        assert float(stream.average_rate) == pytest.approx(30_000 / 1_001, rel=2e-3)
        frames = np.stack([f.to_ndarray(format="rgb24") for f in read.decode(stream)])
    with av.open(str(path)) as read:
        assert read.streams.audio[0].rate == 44_100
        sound = np.concatenate([f.to_ndarray()[0] for f in read.decode(audio=0)]) / 32767
    assert frames.shape == clip.frames_THWC.shape
    assert np.abs(frames.astype(float) - clip.frames_THWC).mean() < 4
    np.testing.assert_allclose(sound, clip.audio_S, atol=1e-4)
    saved = np.load(corpus / "landmarks" / f"{path.stem}.npy", allow_pickle=False)
    np.testing.assert_array_equal(saved, clip.landmarks_TLP)


def test_wav_and_video_are_equally_long(corpus: Path) -> None:
    for path in (corpus / "AudioWAV").glob("*.wav"):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        frames = len(np.load(corpus / "landmarks" / f"{path.stem}.npy", allow_pickle=False))
        assert info.frames == pytest.approx(frames * 1_001 / 30_000 * 16_000, abs=1.5)


def test_tables_have_the_real_headers(corpus: Path) -> None:
    for name in ("VideoDemographics.csv", "summaryTable.csv"):
        real = shared_data("data", "crema_d", name)
        assert rows(corpus / name)[0] == rows(real)[0]


def test_tables_name_every_actor_and_vote_for_the_acted_emotion(corpus: Path) -> None:
    assert [row[0] for row in rows(corpus / "VideoDemographics.csv")[1:]] == ["1001", "1002"]
    votes = rows(corpus / "summaryTable.csv")[1:]
    assert len(votes) == 4
    for row in votes:
        assert row[2] == row[4] == row[6] == row[1].split("_")[2][0]


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers(
    corpus: Path, tmp_path: Path
) -> None:
    write_corpus(tmp_path / "again", actors=2, seed=11, clips_per_actor=2, workers=2)
    assert digests(tmp_path / "again") == digests(corpus)


def test_a_stopped_run_goes_on_and_keeps_what_is_there(corpus: Path) -> None:
    before = digests(corpus)
    video = sorted((corpus / "VideoFlash").glob("*.flv"))
    kept = video[0].stat().st_mtime_ns
    video[1].unlink()
    reports: list[tuple[int, int]] = []
    write_corpus(
        corpus,
        actors=2,
        seed=11,
        clips_per_actor=2,
        workers=1,
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == [(3, 4), (4, 4)]
    assert digests(corpus) == before
    assert video[0].stat().st_mtime_ns == kept


def test_another_corpus_or_a_foreign_folder_is_refused_and_left_alone(
    corpus: Path, tmp_path: Path
) -> None:
    before = digests(corpus)
    with pytest.raises(WrongUse, match="another synthetic corpus"):
        write_corpus(corpus, actors=2, seed=12, clips_per_actor=2, workers=1)
    assert digests(corpus) == before
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(WrongUse, match="not an empty folder"):
        write_corpus(tmp_path, actors=1, seed=0, clips_per_actor=1, workers=1)
    with pytest.raises(WrongUse, match="not an empty folder"):
        write_corpus(tmp_path / "thesis.txt", actors=1, seed=0, clips_per_actor=1, workers=1)
    with pytest.raises(WrongUse, match="cannot write to"):
        write_corpus(tmp_path / "thesis.txt" / "x", actors=1, seed=0, clips_per_actor=1, workers=1)
    assert digests(tmp_path) == {"thesis.txt": hashlib.sha256(b"mine").hexdigest()}


@pytest.mark.parametrize(
    ("name", "value"),
    [("actors", 0), ("clips_per_actor", 0), ("clips_per_actor", 83), ("workers", -1)],
)
def test_numbers_out_of_range_are_named(tmp_path: Path, name: str, value: int) -> None:
    numbers = {"actors": 1, "clips_per_actor": 1, "workers": 1, name: value}
    count = numbers["clips_per_actor"]
    with pytest.raises(WrongUse, match=f"{name} is {value}; choose"):
        write_corpus(
            tmp_path / "out",
            actors=numbers["actors"],
            seed=0,
            clips_per_actor=count,
            workers=numbers["workers"],
        )
    assert not (tmp_path / "out").exists()


def test_all_clips_of_an_actor_are_those_of_crema_d() -> None:
    real = {row[1] for row in rows(shared_data("data", "crema_d", "SentenceFilenames.csv"))[1:]}
    ours = {str(name) for name in every_clip_of(1001)}
    assert len(ours) == 82
    assert ours == {name for name in real if name.startswith("1001_")}


@pytest.mark.parametrize("count", [1, 6, 12, 24, 82])
def test_choices_are_distinct_balanced_and_hold_neutral_clips(count: int) -> None:
    for actor in (1001, 1007):
        clips = choose_clips(actor, 3, count)
        assert len(set(clips)) == count
        emotions = Counter(clip.emotion for clip in clips)
        assert emotions["NEU"] >= (2 if count >= 12 else 1)
        if count in (6, 12, 24):
            assert set(emotions.values()) == {count // 6}
    if count == 24:
        sentences = Counter(clip.sentence for clip in clips)
        assert len(sentences) == 12
        assert {clip.level for clip in clips} == {"LO", "MD", "HI", "XX"}
