"""Every discriminator is one object, found by its file and declared by its section."""

from pathlib import Path

import pytest
import torch

from emotalk.config.model import discriminator_sections
from emotalk.config.stages import DISCRIMINATOR_TERMS, generator_terms
from emotalk.training.critics import CRITICS, build_critics
from emotalk.training.networks import Discriminators
from tests.helpers.drawn_inputs import CLIPS, drawn_inputs
from tests.helpers.tiny_training import tiny_config

NAMES = ["frame", "emotion", "pair", "temporal"]
ROOT = Path(__file__).parents[4]


def test_each_section_of_a_discriminator_has_its_critic_and_each_critic_its_section() -> None:
    assert [name for name, _ in discriminator_sections()] == NAMES, (
        "weights are drawn in this order"
    )
    assert set(CRITICS) == set(NAMES)
    assert {cls.__module__ for cls in CRITICS.values()} == {
        f"emotalk.training.critics.{name}" for name in NAMES
    }


def test_the_terms_of_the_stages_are_those_of_the_critics(tmp_path: Path) -> None:
    critics = build_critics(tiny_config(tmp_path), emotions=6)
    assert set().union(*(critic.terms for critic in critics.values())) == set(DISCRIMINATOR_TERMS)
    assert set(NAMES) < set(generator_terms())


@pytest.mark.parametrize("name", NAMES)
def test_a_critic_gives_one_value_a_clip_for_each_of_its_terms(name: str, tmp_path: Path) -> None:
    x = drawn_inputs(4)
    fake = x.video_BTCHW.flip(0)
    critics = Discriminators(build_critics(tiny_config(tmp_path), emotions=6)).double()
    critic, network = critics.critics[name], critics.get_submodule(name)
    shown = network(*critic.generated_inputs(x, fake))
    assert critic.generator_term(shown, x).shape == (CLIPS,)
    both = network(*critic.joint_inputs(x, fake))
    terms = critic.discriminator_terms(both, x, fake, network) | critic.real_terms_of(both, x)
    assert critic.terms <= set(terms)
    assert all(value.shape == (CLIPS,) for value in terms.values())


def test_terms_of_true_videos_are_the_same_whether_generated_ones_stand_beside(
    tmp_path: Path,
) -> None:
    x = drawn_inputs(4)
    critics = Discriminators(build_critics(tiny_config(tmp_path), emotions=6)).double()
    critic, network = critics.critics["emotion"], critics.get_submodule("emotion")
    alone = critic.real_terms_of(network(*critic.real_inputs(x)), x)
    beside = critic.real_terms_of(network(*critic.joint_inputs(x, x.video_BTCHW.flip(0))), x)
    assert torch.allclose(alone["emotion_real"], beside["emotion_real"])


def test_nothing_but_its_file_and_its_section_names_a_discriminator() -> None:
    """A list of names elsewhere is one that a new discriminator would have to join."""
    told = {f'"{name}"' for name in NAMES} | {f'"{name}": ' for name in NAMES}
    files = [*ROOT.glob("emotalk/training/**/*.py"), *ROOT.glob("emotalk/config/*.py")]
    files += [*ROOT.glob("emotalk/distributed/*.py"), *ROOT.glob("emotalk/runs/*.py")]
    found = {
        file.relative_to(ROOT).as_posix()
        for file in files
        if any(name in file.read_text(encoding="utf-8") for name in told)
    }
    allowed = {f"emotalk/training/critics/{name}.py" for name in NAMES}
    assert found <= allowed
