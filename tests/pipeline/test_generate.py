"""`emotalk generate` as its users meet it: arguments in, a file or one message out."""

import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from emotalk import cli
from tests.helpers.shared import shared_data
from tests.helpers.tiny_model import write_tiny_model

RATE = 16000


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("material")
    write_tiny_model(folder / "model")
    times = np.arange(round(1.3 * RATE)) / RATE
    soundfile.write(folder / "speech.wav", 0.3 * np.sin(2 * np.pi * 200 * times), RATE)
    soundfile.write(folder / "silence.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "click.wav", np.ones(100), RATE)
    Image.new("RGB", (128, 128), (210, 160, 130)).save(folder / "crop.png")
    (folder / "text.png").write_text("no picture")
    (folder / "weights.pt").write_bytes(b"\x80\x04.")
    return folder


class Command:
    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        material: Path,
        output: Path,
    ) -> None:
        self.monkeypatch, self.capsys, self.output = monkeypatch, capsys, output
        self.options = {
            "checkpoint": str(material / "model"),
            "image": str(material / "crop.png"),
            "audio": str(material / "speech.wav"),
            "emotion": "happiness",
            "output": str(output),
            "landmarks": "aligned",
        }

    def __call__(self, *flags: str, **changes: str) -> int:
        options = self.options | changes
        given = [part for key, value in options.items() for part in (f"--{key}", value)]
        self.monkeypatch.setattr(sys, "argv", ["emotalk", "generate", *given, *flags])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    def refused(self, *flags: str, **changes: str) -> str:
        assert self(*flags, **changes) == 2
        told = self.capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("emotalk: ")
        assert told.err.count("\n") == 1
        return told.err


@pytest.fixture
def generate(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    material: Path,
    tmp_path: Path,
) -> Command:
    return Command(monkeypatch, capsys, material, tmp_path / "video.mp4")


def durations_s(path: Path) -> tuple[int, float, float]:
    """Return frames, seconds of picture and seconds of sound."""
    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        frames = sum(1 for _ in container.decode(picture))
        seconds = [float(s.duration * s.time_base) for s in (picture, sound)]
    return frames, seconds[0], seconds[1]


def test_the_whole_recording_becomes_a_video_with_its_sound(generate: Command) -> None:
    assert generate() == 0
    frames, picture_s, sound_s = durations_s(generate.output)
    assert frames == 33
    assert picture_s == pytest.approx(33 / 25)
    assert 1.3 - 1e-3 <= sound_s <= picture_s + 0.04
    line = generate.capsys.readouterr().out
    assert line.startswith(f"{generate.output}: 33 frames, 1.32 s of video, made in ")


def test_the_same_seed_gives_the_same_file(generate: Command) -> None:
    files = []
    for seed in ("4", "4", "5"):
        assert generate("--overwrite", seed=seed) == 0
        with av.open(str(generate.output)) as container:
            files.append([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    np.testing.assert_array_equal(files[0], files[1])
    assert not np.array_equal(files[0], files[2])


@pytest.mark.parametrize("emotion", ["anger:0.5", "0=neutral,0.5=anger:0.8,1=sadness"])
def test_emotions_may_be_weak_and_may_change(generate: Command, emotion: str) -> None:
    assert generate(emotion=emotion) == 0
    assert durations_s(generate.output)[0] == 33


def test_an_existing_video_is_kept(generate: Command) -> None:
    generate.output.write_bytes(b"mine")
    assert "add --overwrite" in generate.refused()
    assert generate.output.read_bytes() == b"mine"
    assert generate("--overwrite") == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("emotion", "mellow", "this model has anger, disgust, fear, happiness, neutral, sadness"),
        ("emotion", "0=neutral,9=fear", "but the speech is 1.32 s long"),
        ("audio", "silence.wav", "silent: its level is -inf dB"),
        ("audio", "click.wav", "shorter than one frame"),
        ("audio", "crop.png", "crop.png: holds no audio stream"),
        ("audio", "none.wav", "no such file"),
        ("image", "none.png", "no such image file"),
        ("image", "text.png", "not an image file"),
        ("image", "speech.wav", "not an image file"),
        ("checkpoint", "none", "no such checkpoint"),
        ("checkpoint", ".", "no model.json here"),
        ("checkpoint", "weights.pt", "pickled weights are never loaded"),
        ("output", "none/video.mp4", "does not exist; make it first"),
        ("output", "video.avi", "must end in .mp4"),
    ],
)
def test_what_cannot_be_done_is_one_message(
    generate: Command, material: Path, option: str, value: str, message: str
) -> None:
    given = value if option == "emotion" else str(material / value)
    assert message in generate.refused(**{option: given})
    assert not generate.output.exists()


def test_a_landmark_pack_that_is_not_there_is_refused(generate: Command, tmp_path: Path) -> None:
    message = generate.refused(landmarks="insightface", root=str(tmp_path), pack="nobody")
    assert "insightface model pack 'nobody'" in message


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("pyfeat_free-mountain-vector-01.jpg", "no face was found"),
        ("pyfeat_multi_face.jpg", "5 faces were found"),
    ],
)
def test_real_pictures_without_one_face_are_refused(
    generate: Command, image: str, message: str
) -> None:
    root = str(shared_data("data", "insightface"))
    path = str(shared_data("data", "images", image))
    told = generate.refused(image=path, landmarks="insightface", root=root, pack="faces68")
    assert message in told


@pytest.mark.parametrize(
    ("image", "audio", "frames"),
    [
        ("dinoman_grid_image.bmp", "eamm_sample2.mp3", 158),
        ("liveportrait_s5.jpg", "sadtalker_bus_chinese.wav", 85),
        ("sadtalker_full4.jpeg", "eskimez_speech01.wav", 73),
        ("pyfeat_single_face.jpg", "dreamtalk_ack_english.m4a", 415),
    ],
)
def test_real_files_become_videos(generate: Command, image: str, audio: str, frames: int) -> None:
    root = str(shared_data("data", "insightface"))
    paths = {
        "image": str(shared_data("data", "images", image)),
        "audio": str(shared_data("data", "audio", audio)),
    }
    assert generate(landmarks="insightface", root=root, pack="faces68", **paths) == 0
    found, picture_s, sound_s = durations_s(generate.output)
    assert found == frames
    assert abs(picture_s - sound_s) <= 0.04


def test_options_that_are_not_used_are_named_and_the_video_is_made(
    generate: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate("--pack", "antelopev2", emotion="anger:0.3") == 0
    said = capsys.readouterr().err
    assert "--pack is used by --landmarks insightface alone: not used with --landmarks" in said
    assert "emotion anger:0.3: this model was trained on full emotions only" in said
    assert generate.output.exists()


@pytest.mark.parametrize(("name", "codec"), [("video.webm", "vp9"), ("video.gif", "gif")])
def test_the_ending_chooses_the_format(generate: Command, name: str, codec: str) -> None:
    path = generate.output.with_name(name)
    assert generate(output=str(path)) == 0
    with av.open(str(path)) as container:
        assert codec in container.streams.video[0].codec_context.name
        assert len(container.streams.audio) == (name != "video.gif")


class Batch:
    """`emotalk generate --batch` on a table in a folder of its own."""

    def __init__(self, command: Command, material: Path, folder: Path) -> None:
        self.command, self.table, self.folder = command, folder / "jobs.csv", folder
        self.inputs = f"{material / 'crop.png'},{material / 'speech.wav'}"
        self.model = str(material / "model")

    def __call__(self, *rows: str, flags: tuple[str, ...] = ()) -> int:
        lines = ["image,audio,emotion,output,seed", *rows]
        self.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.command.options = {
            "checkpoint": self.model,
            "landmarks": "aligned",
            "batch": str(self.table),
        }
        return self.command(*flags)


@pytest.fixture
def batch(generate: Command, material: Path, tmp_path: Path) -> Batch:
    return Batch(generate, material, tmp_path)


def test_a_batch_ends_with_counts_and_names_and_goes_on_from_there(batch: Batch) -> None:
    rows = [f"{batch.inputs},Happy,a.mp4,3", f'{batch.inputs},"0=sad,1=calm",b.mp4,']
    assert batch(*rows, f"{batch.inputs},surprised,c.mp4,") == 1
    told = batch.command.capsys.readouterr()
    assert told.out.count(": made: ") == 2
    failed = "3 rows: 2 made, 0 made before, 1 failed: line 4 (c.mp4)"
    assert f"emotalk: {batch.table}: {failed}" in told.err
    assert "line 4: c.mp4: failed: emotion 'surprised': this model has anger" in told.err
    assert batch(*rows, f"{batch.inputs},afraid,c.mp4,") == 0
    summary = batch.command.capsys.readouterr().out.splitlines()[-1]
    assert summary == f"{batch.table}: 3 rows: 1 made, 2 made before, 0 failed"
    assert durations_s(batch.folder / "c.mp4")[0] == 33


def test_a_batch_in_processes_is_the_same(batch: Batch) -> None:
    rows = [f"{batch.inputs},Happy,{name}.mp4,3" for name in "abc"]
    assert batch(*rows, flags=("--processes", "2")) == 0
    assert "3 rows: 3 made" in batch.command.capsys.readouterr().out
    files = [(batch.folder / f"{name}.mp4").read_bytes() for name in "abc"]
    assert files[0] == files[1] == files[2]


def test_a_batch_needs_a_table_and_nothing_beside_it(batch: Batch) -> None:
    row = f"{batch.inputs},Happy,a.mp4,"
    batch.table.write_text("image,audio,emotion\n")
    batch.command.options = {"batch": str(batch.table), "landmarks": "aligned"}
    assert "missing: 'output'" in batch.command.refused()
    assert batch(row, flags=("--emotion", "sad", "--all-emotions")) == 2
    assert "--batch and --emotion, --all-emotions:" in batch.command.capsys.readouterr().err


def test_what_a_video_lacks_is_named(generate: Command) -> None:
    del generate.options["audio"], generate.options["emotion"]
    assert "--audio, --emotion missing" in generate.refused()
    assert "--processes: it shares" in generate.refused("--processes", "2")


def test_an_input_is_never_the_output(generate: Command, tmp_path: Path) -> None:
    assert generate() == 0
    before = generate.output.read_bytes()
    generate.capsys.readouterr()
    message = generate.refused("--overwrite", audio=str(generate.output))
    assert "it is the input" in message
    assert generate.output.read_bytes() == before
