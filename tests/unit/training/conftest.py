"""Networks of every term, in float64, one micro-batch and the generator's output for it."""

from typing import cast

import pytest

from emotalk.distributed import Engine
from emotalk.models import AnyOutput, Generator
from emotalk.runs.networks import build_modules
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Networks, build_features
from tests.helpers.drawn_inputs import drawn_inputs
from tests.helpers.objective import Bare
from tests.helpers.tiny_training import tiny_config


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    words = ["model.generator.auxiliary_emotion=true", "model.generator.auxiliary_mouth=true"]
    words += ["losses.perceptual.network=random"]
    words += ["losses.perceptual.width=0.04", "stages.gan.updates.0.losses.perceptual=1"]
    config = tiny_config(tmp_path_factory.mktemp("objective"), *words)
    generator, critics = build_modules(config)
    features = build_features(config)
    assert critics is not None
    assert features is not None
    return Networks(
        generator=cast(Engine, Bare(generator.double())),
        discriminators=cast(Engine, Bare(critics.double())),
        features=features.double(),
    )


@pytest.fixture(scope="module")
def x(networks: Networks) -> ClipInputs:
    return drawn_inputs(cast(Generator, networks.generator.module).noise_features)


@pytest.fixture(scope="module")
def made(networks: Networks, x: ClipInputs) -> AnyOutput:
    return networks.generate(x, networks.generator)
