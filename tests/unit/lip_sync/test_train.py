"""Training finds lags in a corpus where lips and speech are tied, and reports on unseen clips."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from emotalk.errors import EXIT_WRONG_USE, WrongUse
from emotalk.lip_sync.corpus import COMMON_FRAMES, TalkingClip, batches
from emotalk.lip_sync.features import SPECTRA_PER_FRAME, lip_features, log_mel
from emotalk.lip_sync.load import FACTS_FILE, WEIGHTS_FILE, read_model
from emotalk.lip_sync.network import LipSyncNet, lag_similarity
from emotalk.lip_sync.train import fit, main, split_clips
from tests.helpers.drawn_shards import DrawnClip, write_shard_set
from tests.helpers.talking_clips import NAMES, talking_clip

SAME, STRANGER = 0, 2  # people


def tied_clip(number: int, frames: int = 75) -> TalkingClip:
    """Return lips that open as far as a band of the speech is loud, at random times."""
    draw = np.random.default_rng(number)
    loudness_J = np.convolve(
        draw.normal(size=frames * SPECTRA_PER_FRAME + 40), np.hanning(20), "same"
    )[20:-20]
    loudness_J = (loudness_J - loudness_J.mean()) / loudness_J.std()
    power_JF = np.exp(loudness_J)[:, None] * np.linspace(1, 0.1, 129) / 129
    lips_TLP = np.tile(np.linspace(-0.3, 0.3, 20)[:, None], (frames, 1, 2))
    lips_TLP[:, [8, 9, 10, 17, 18, 19], 1] += 0.1 * loudness_J[::SPECTRA_PER_FRAME, None]
    lips, power = (torch.from_numpy(values.astype(np.float32)) for values in (lips_TLP, power_JF))
    return TalkingClip(str(number), "somebody", str(number), lips, power)


def lags(net: LipSyncNet, clips: Sequence[TalkingClip]) -> list[int]:
    """Return the lag that the network finds for each clip with its speech cut by 4 frames."""
    found = []
    for clip in clips:
        lips_BTD = net.embed_lips(lip_features(clip.lips_TLP[None]))
        speech_BTD = net.embed_speech(log_mel(clip.power_JF[None, 4 * SPECTRA_PER_FRAME :]))
        similarity, lag_K = lag_similarity(lips_BTD, speech_BTD, overlap=30)
        found.append(int(lag_K[similarity[0].argmax()]))
    return found


def test_a_short_training_finds_the_lags_of_clips_that_it_has_not_seen() -> None:
    clips = [tied_clip(number) for number in range(30)]
    torch.manual_seed(0)
    unseen = clips[20:]
    untrained = lags(LipSyncNet().eval().requires_grad_(False), unseen)
    trained = lags(fit(clips[:20], steps=25, seed=1), unseen)
    assert np.mean(np.abs(np.array(trained) + 4) <= 1) >= 0.9
    assert np.mean(np.abs(np.array(untrained) + 4) <= 1) < 0.5


def test_crops_hold_the_lag_that_they_say_and_borders_of_their_own() -> None:
    frames = torch.arange(75).float()
    counting = TalkingClip(
        "a", "a", "a", frames[:, None, None].expand(75, 20, 2), frames.repeat_interleave(4)[:, None]
    )
    drawn = batches([counting], size=64, generator=torch.Generator().manual_seed(0))
    lag_sets = set()
    for _, crops in zip(range(4), drawn, strict=False):
        for lips, power, lag in zip(crops.lips_BTLP, crops.power_BJF, crops.lag_B, strict=True):
            begin, heard = float(lips[0, 0, 0]), float(power[0, 0])
            tempo = float(lips[20, 0, 0] - lips[10, 0, 0]) / 10
            assert begin - heard == pytest.approx(tempo * int(lag), abs=1.0)
            lag_sets.add(int(lag))
            common = min(len(lips), len(power) // 4 - int(lag)) - max(0, -int(lag))
            assert common >= COMMON_FRAMES
    assert min(lag_sets) < -8
    assert max(lag_sets) > 8


def test_too_short_clips_are_refused() -> None:
    short = tied_clip(0, frames=60)
    with pytest.raises(WrongUse, match="70 frames"):
        next(batches([short], size=4, generator=torch.Generator()))


def real_clip(name: str) -> DrawnClip:
    landmarks_TLP, speech_S = talking_clip(name)
    return DrawnClip(np.zeros((75, 16, 16, 3), np.uint8), landmarks_TLP, speech_S)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return a set to train on, and one that repeats a clip of it among clips of others."""
    folder, (one, two) = tmp_path_factory.mktemp("sets"), NAMES
    known = {(SAME, "IEO", "neutral"): real_clip(one), (SAME, "TIE", "neutral"): real_clip(two)}
    more = {
        (SAME, "IEO", "neutral"): real_clip(two),
        (SAME, "MTI", "neutral"): real_clip(two),
        (STRANGER, "DFA", "neutral"): real_clip(one),
    }
    write_shard_set(folder / "known", known, split="train")
    write_shard_set(folder / "more", more, split="test")
    return str(folder / "known"), str(folder / "more")


def test_people_and_sentences_are_parted_and_counted_once(sets: tuple[str, str]) -> None:
    trained_on, held_out, unseen = split_clips(sets, ["1003"])
    assert [clip.sentence for clip in trained_on] == ["IEO", "TIE"]
    assert [clip.sentence for clip in held_out] == ["MTI"]
    assert [(clip.person, clip.sentence) for clip in unseen] == [("1003", "DFA")]
    with pytest.raises(WrongUse, match=r"--unseen 'nobody'.*1001, 1003"):
        split_clips(sets, ["nobody"])


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["train", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_command_writes_a_network_with_its_facts_and_overwrites_none(
    sets: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--corpus", "two people", "--licence", "CC BY 4.0", "--steps", "2")
    words = [*sets, "--unseen", "1003", "--output", str(tmp_path), *options]
    assert run(monkeypatch, *words) == 0
    model = read_model(tmp_path / WEIGHTS_FILE, tmp_path / FACTS_FILE)
    assert model.facts["trained_on"] == {"1001": 2}
    assert model.facts["held_out_clips"] == ["1001/MTI"]
    assert model.facts["unseen_people"] == ["1003"]
    assert (model.facts["corpus"], model.facts["licence"]) == ("two people", "CC BY 4.0")
    figures = model.facts["figures"]
    assert figures["unseen_people"]["clips"] == figures["held_out_clips"]["clips"] == 1
    assert json.loads(capsys.readouterr().out) == figures
    before = (tmp_path / WEIGHTS_FILE).read_bytes()
    assert run(monkeypatch, *words) == EXIT_WRONG_USE
    assert "--replace" in capsys.readouterr().err
    assert (tmp_path / WEIGHTS_FILE).read_bytes() == before
