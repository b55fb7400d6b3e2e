"""Three lines of Python make a video; the package itself is light."""

import shutil
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

import emotalk
from emotalk.errors import WrongUse
from emotalk.media.encode import AudioTrack, encode_audio
from emotalk.seeding import numpy_generator
from tests.helpers.shared import shared_data
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[2]
SECONDS = 1.0
EXAMPLE_START = "```python\nimport emotalk\n"


def example() -> str:
    """Return the first Python example of the README."""
    text = (ROOT / "README.md").read_text("utf-8")
    begin = text.index(EXAMPLE_START) + len("```python\n")
    return text[begin : text.index("```", begin)]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python")
    draw = numpy_generator(3, "python")
    cv2.imwrite(str(folder / "crop.png"), draw.integers(0, 256, (128, 128, 3), np.uint8))
    sound_S = draw.uniform(-0.4, 0.4, int(48_000 * SECONDS)).astype(np.float32)
    encode_audio(folder / "hello.wav", AudioTrack(sound_S, 48_000, "pcm_s16le"), container="wav")
    write_tiny_model(folder / "run")
    return folder


@pytest.fixture(scope="module")
def face(work: Path) -> emotalk.TalkingFace:
    return emotalk.load(work / "run", landmarks="aligned", device="cpu")


def test_the_example_of_the_readme_makes_a_video(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = shared_data("data", "insightface", "models", "faces68")
    picture = shared_data("data", "images", "eskimez_img01.png")
    (tmp_path / ".insightface/models").mkdir(parents=True)
    (tmp_path / ".insightface/models/buffalo_l").symlink_to(pack)
    for name in ("run", "hello.wav"):
        (tmp_path / name).symlink_to(work / name)
    cv2.imwrite(str(tmp_path / "me.jpg"), cv2.imread(str(picture)))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    exec(compile(example(), "README.md", "exec"), {})  # noqa: S102
    with av.open(str(tmp_path / "hello.mp4")) as video:
        assert video.streams.video[0].frames == 25
        assert "never said" in video.metadata["comment"]


def test_frames_and_sound_are_returned(face: emotalk.TalkingFace, work: Path) -> None:
    video = face.generate(work / "crop.png", str(work / "hello.wav"), "happiness")
    assert video.frames_THWC.shape == (25, 128, 128, 3)
    assert video.frames_THWC.dtype == np.uint8
    assert video.sound_S.shape == (48_000,)
    assert (video.fps, video.sound_rate) == (25, 48_000)
    assert np.abs(video.sound_S).max() == pytest.approx(0.4, abs=0.01)


def test_an_output_is_written_and_holds_the_same_frames(
    face: emotalk.TalkingFace, work: Path, tmp_path: Path
) -> None:
    arguments = (work / "crop.png", work / "hello.wav", "0=neutral,0.4=anger")
    report = face.generate(*arguments, output=tmp_path / "written.mp4", seed=2)
    saved = face.generate(*arguments, seed=2).save(tmp_path / "saved.mp4")
    assert (report.frames, report.output) == (25, tmp_path / "written.mp4")
    assert saved.read_bytes() == report.output.read_bytes()
    with pytest.raises(WrongUse, match="exists already"):
        face.generate(*arguments, output=report.output)


def test_the_model_says_what_it_knows(face: emotalk.TalkingFace) -> None:
    assert "happiness" in face.emotions
    assert "not recorded" in face.knows


@pytest.mark.parametrize(
    ("image", "emotion", "said"),
    [("nothing.png", "happiness", "nothing.png"), ("crop.png", "surprised", "surprised")],
)
def test_wrong_use_is_told(
    face: emotalk.TalkingFace, work: Path, image: str, emotion: str, said: str
) -> None:
    with pytest.raises(WrongUse, match=said):
        face.generate(work / image, work / "hello.wav", emotion)


def test_no_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="nothing"):
        emotalk.load(tmp_path / "nothing")


def test_a_folder_for_the_hub_is_read_back(face: emotalk.TalkingFace, tmp_path: Path) -> None:
    face.save_pretrained(tmp_path / "model")
    again = emotalk.TalkingFace.from_pretrained(tmp_path / "model", landmarks="aligned")
    assert again.emotions == face.emotions
    card = (tmp_path / "model/README.md").read_text("utf-8")
    assert "emotalk" in card
    weights = [load_file(f / "generator.safetensors") for f in (tmp_path / "model",)]
    assert weights[0]
    assert isinstance(again, emotalk.TalkingFace)


def test_a_used_folder_is_left_as_it_was(face: emotalk.TalkingFace, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(WrongUse):
        face.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == "mine"


def test_what_is_pushed_is_what_export_writes(
    face: emotalk.TalkingFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything but the network: the Hub's client is replaced where it sends the folder."""
    from huggingface_hub import HfApi

    def receive(self: HfApi, *, folder_path: Path, repo_id: str, **more: object) -> str:
        shutil.copytree(folder_path, tmp_path / repo_id)
        return repo_id

    monkeypatch.setattr(HfApi, "upload_folder", receive)
    monkeypatch.setattr(
        HfApi, "create_repo", lambda self, repo_id, **more: type("Url", (), {"repo_id": repo_id})
    )
    face.push_to_hub("someone/face")
    names = {path.name for path in (tmp_path / "someone/face").iterdir()}
    assert {"model.json", "generator.safetensors", "README.md"} <= names
    again = emotalk.TalkingFace.from_pretrained(tmp_path / "someone/face", landmarks="aligned")
    assert again.emotions == face.emotions


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, emotalk; print(sorted({'torch', 'numpy', 'cv2'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


def test_all_names_are_there() -> None:
    assert set(emotalk.__all__) == {"TalkingFace", "TalkingVideo", "__version__", "load"}
    assert all(hasattr(emotalk, name) for name in emotalk.__all__)
    assert dir(emotalk) == sorted(emotalk.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = emotalk.nothing  # type: ignore[attr-defined]
