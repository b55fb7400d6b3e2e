"""Partners say another sentence; curves compare the partner's generated mouth with the true one."""

import numpy as np
import pytest

from emotalk.evaluation.other_speech import choose_partners, compare_curves, fit_length
from emotalk.evaluation.results import ClipResults, Results
from emotalk.shards.sample_table import Sample
from tests.helpers.evaluation_clips import plain_clip


def sample(key: str, actor: str = "") -> Sample:
    return Sample(key, 24, actor or key[0], "anger", 1.0, 0, {})


def test_the_partner_says_another_sentence_and_is_the_same_actor_where_possible() -> None:
    samples = [sample(key) for key in ("a1", "a2", "a3", "b1")]
    partners = choose_partners(samples, ["x", "x", "y", "x"], seed=0)
    assert partners["a1"] is partners["a2"] is partners["b1"] is samples[2]
    assert partners["a3"] in samples[:2]


def test_a_clip_whose_sentence_is_the_only_one_has_no_partner() -> None:
    assert choose_partners([sample("a", "1"), sample("b", "2")], ["x", "x"], seed=0) == {}


def found(key: str, generated: np.ndarray, truth: np.ndarray) -> ClipResults:
    return ClipResults(
        key=key, actor="a", emotion="anger", intensity=None,
        rows={"generated": {"mouth_correlation": 0.0, "sync_distance": 0.0}},
        openings={"generated": generated, "truth": truth},
        voiced_T=np.ones(24, bool), predictions=None, as_reported={},
    )  # fmt: skip


def test_a_curve_is_the_mouth_made_for_the_partner_against_the_clip_s_own_true_one() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    curves = {name: rng.normal(1, 0.3, 24) for name in ("a made", "a true", "b made", "b true")}
    results = Results(
        [
            found("a", curves["a made"], curves["a true"]),
            found("b", curves["b made"], curves["b true"]),
            found("c", curves["a made"], curves["a true"]),
        ]
    )
    compare_curves(results, {"a": sample("b"), "b": sample("c"), "c": sample("gone")})
    by_hand = np.corrcoef(curves["b made"], curves["a true"])[0, 1]
    first, second, third = results.clips
    assert first.rows["other_speech"]["mouth_correlation"] == pytest.approx(by_hand)
    np.testing.assert_array_equal(first.openings["other_speech"], curves["b made"])
    by_hand = np.corrcoef(curves["a made"], curves["b true"])[0, 1]
    assert second.rows["other_speech"]["mouth_correlation"] == pytest.approx(by_hand)
    assert set(third.rows) == {"generated"}
    assert set(first.rows) == {"generated", "other_speech"}


def test_other_speech_is_cut_or_followed_by_silence() -> None:
    clip = plain_clip(frames=3)
    long = np.arange(2000, dtype=np.float32)
    np.testing.assert_array_equal(fit_length(long, clip), long[:960])
    short = fit_length(long[:500] + 1, clip)
    np.testing.assert_array_equal(short, [*(long[:500] + 1), *[0] * 460])
