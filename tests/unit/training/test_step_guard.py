"""A refused update is told with the clips whose terms are not finite."""

import torch

from emotalk.training.step_guard import StepGuard


def test_the_clips_of_the_refused_update_are_named_by_term_over_its_micro_batches() -> None:
    guard = StepGuard()
    fine = torch.tensor([1.0, 2.0])
    guard.add([({"l1": fine, "frame": fine}, ("a", "b"))])
    first = {"l1": torch.tensor([float("nan"), 1.0]), "frame": fine}
    second = {"l1": torch.tensor([1.0, float("inf")]), "frame": torch.tensor([float("nan"), 0.0])}
    guard.add([(first, ("a", "b")), (second, ("c", "d"))])
    assert guard.not_finite_clips(0) == {}
    assert guard.not_finite_clips(1) == {"l1": ["a", "d"], "frame": ["c"]}
