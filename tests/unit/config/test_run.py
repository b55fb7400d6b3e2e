"""What sections of a training's configuration demand of each other, and how refusals help."""

from pathlib import Path

import pytest

from emotalk.config.run import TrainConfig
from emotalk.errors import WrongUse
from tests.helpers.tiny_training import tiny_config


def refused(folder: Path, *words: str) -> str:
    with pytest.raises(WrongUse) as caught:
        tiny_config(folder, *words)
    return str(caught.value)


def test_a_batch_divides_among_processes_and_micro_batches(tmp_path: Path) -> None:
    said = refused(tmp_path, "data.batch_size=6", "runtime.processes=2", "runtime.accumulate=2")
    assert "data.batch_size 6" in said
    words = ("data.batch_size=12", "runtime.processes=2", "runtime.accumulate=2")
    assert tiny_config(tmp_path, *words).clips_a_micro_batch == 3


def test_babble_needs_voices(tmp_path: Path) -> None:
    babble = ("augment.speech.noise.p=0.5", "augment.speech.noise.kinds=[babble]")
    assert "data.babble_voices is 0" in refused(tmp_path, *babble)
    tiny_config(tmp_path, *babble, "data.babble_voices=4")
    tiny_config(tmp_path, "augment.speech.noise.kinds=[babble]", "augment.speech.noise.p=0")


def test_stages_have_something_to_do_and_names_of_their_own(tmp_path: Path) -> None:
    nothing = ("stages.emotion.iterations=0", "stages.gan.iterations=0")
    assert "every stage has length 0" in refused(tmp_path, *nothing)
    said = refused(tmp_path, "stages.0.name=gan")
    assert "names must differ, got gan, gan" in said


@pytest.mark.parametrize("weight", ["1", "0"])
def test_a_perceptual_loss_needs_its_network(weight: str, tmp_path: Path) -> None:
    wanted = f"stages.gan.updates.0.losses.perceptual={weight}"
    assert "losses.perceptual.network is none" in refused(tmp_path, wanted)
    tiny_config(tmp_path, wanted, "losses.perceptual.network=random")


def test_the_guess_of_the_emotion_is_named_by_every_update_that_asks_for_it(
    tmp_path: Path,
) -> None:
    update = "{network: generator, lr: 0.1, losses: {l1: 1, speech_emotion: 0}}"
    stages = (
        f"stages=[{{name: first, iterations: 1, updates: [{update}]}}, "
        f"{{name: second, iterations: 1, updates: [{update}, {update}]}}]"
    )
    said = refused(tmp_path, stages)
    assert (
        "stages.first.updates.0.losses, stages.second.updates.0.losses, "
        "stages.second.updates.1.losses: speech_emotion needs"
    ) in said
    config = tiny_config(tmp_path, stages, "model.generator.auxiliary_emotion=true")
    assert isinstance(config, TrainConfig)


def test_an_update_trains_the_terms_with_a_weight_and_reports_the_others(tmp_path: Path) -> None:
    words = ("stages.gan.updates.0.losses={l1: 0, mouth_region: 2, frame: 0.1, pair: 0}",)
    update = tiny_config(tmp_path, *words).stages[1].updates[0]
    assert update.trained == {"mouth_region", "frame"}
    zero = "stages.gan.updates.0.losses={l1: 0}"
    assert "every loss has weight 0" in refused(tmp_path, zero)
    assert "known: l1, mouth_amplitude, mouth_detail" in refused(
        tmp_path, "stages.gan.updates.0.losses={l2: 1}"
    )


def test_steps_of_all_stages_add_up(tmp_path: Path) -> None:
    words = ("stages.emotion.iterations=7", "stages.gan.iterations=null", "stages.gan.epochs=1.5")
    assert tiny_config(tmp_path, *words).total_steps(clips_per_epoch=10) == 7 + 4
