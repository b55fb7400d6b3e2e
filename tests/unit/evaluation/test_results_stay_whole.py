"""Steps after the measuring change what they are for, and keep everything else of the results."""

from collections.abc import Callable

import pytest

from emotalk.evaluation.ceilings import without_emotions, without_quantities
from emotalk.evaluation.closure_limit import add_closure_rates
from emotalk.evaluation.results import Results


@pytest.mark.parametrize(
    "step",
    [add_closure_rates, without_emotions, lambda results: without_quantities(results, {"psnr"})],
    ids=["closure rates", "emotions left out", "figures left out"],
)
def test_figures_of_noise_and_pictures_are_kept(step: Callable[[Results], Results]) -> None:
    results = Results(noisy={"clip": {"10 dB": {"psnr": 1.0}}})
    assert step(results).noisy == results.noisy
    assert step(results).examples == results.examples
