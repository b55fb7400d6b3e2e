"""The terms are computed in one order, whatever order the configuration names them in."""

from emotalk.training.generator_terms import load_term


def test_the_order_is_that_of_runs_begun_before_terms_had_files() -> None:
    """Gradients are added in it: another order changes the last digits of a resumed run."""
    names = ["l1", "speech_emotion", "perceptual", "mouth_region"]
    ordered = sorted(names, key=lambda name: load_term(name).order)
    assert ordered == ["mouth_region", "l1", "perceptual", "speech_emotion"]
