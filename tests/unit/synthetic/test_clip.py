"""Pixels, landmarks and sound of a clip are consistent."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from emotalk.errors import WrongUse
from emotalk.schema import EMOTIONS, INNER_LIP_TOP_BOTTOM
from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.clip import CLIP_FPS, ClipPlan, plan_clip
from emotalk.synthetic.expression import LEVELS, MOVEMENTS, PROTOTYPES, onset
from emotalk.synthetic.voice import VOICE_RATE
from tests.helpers.drawn_clip import mouth_gap_in_pixels, render_clip
from tests.helpers.shared import shared_data

ACTOR = make_actor(5, 1001)


def plan(emotion: str = "happiness", level: str = "HI", sentence: str = "TSI") -> ClipPlan:
    return plan_clip(ACTOR, sentence, emotion, level, 5)


def still_shape(points_TLP: np.ndarray) -> np.ndarray:
    """Take translation, rotation and size out, by the outer eye corners."""
    z = points_TLP[..., 0] + 1j * points_TLP[..., 1]
    return (z - z[:, 36:37]) / (z[:, 45:46] - z[:, 36:37])


def test_the_same_arguments_give_the_same_clip_and_another_seed_another() -> None:
    one, two = (render_clip(ACTOR, "TSI", "fear", "MD", 9) for _ in range(2))
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))
    other = render_clip(ACTOR, "TSI", "fear", "MD", 10)
    assert not np.array_equal(other.audio_S[:20_000], one.audio_S[:20_000])
    assert not np.array_equal(other.landmarks_TLP[:20], one.landmarks_TLP[:20])


def test_shapes_types_and_lengths() -> None:
    clip = render_clip(ACTOR, "TSI", "neutral", "XX", 0)
    frames = len(clip.frames_THWC)
    assert clip.frames_THWC.dtype == np.uint8
    assert clip.frames_THWC.shape == (frames, 360, 480, 3)
    assert clip.landmarks_TLP.dtype == clip.audio_S.dtype == np.float32
    assert clip.landmarks_TLP.shape == (frames, 68, 2)
    assert clip.mouth_gap_T.shape == (frames,)
    assert abs(len(clip.audio_S) / VOICE_RATE - frames / CLIP_FPS) <= 0.5 / VOICE_RATE
    assert np.abs(clip.audio_S).max() < 1


def test_the_inner_lips_are_as_far_apart_as_the_mouth_curve_says() -> None:
    top, bottom = INNER_LIP_TOP_BOTTOM
    for emotion in EMOTIONS:
        clip = plan(emotion, sentence="IEO")
        points = clip.landmarks_TLP
        gap = np.linalg.norm(points[:, bottom] - points[:, top], axis=-1)
        mouth_gap_T = mouth_gap_in_pixels(clip)
        np.testing.assert_allclose(gap, mouth_gap_T, atol=1e-3)
        assert mouth_gap_T.max() > 12


def test_the_mouth_follows_the_track_that_makes_the_sound() -> None:
    clip = plan("neutral", "XX", sentence="IOM")
    mouth_gap_T = mouth_gap_in_pixels(clip)
    times = np.arange(len(mouth_gap_T)) * 1001 / 30_000
    heard = (clip.articulation.at(clip.articulation.f1, times) - 230) / 570
    np.testing.assert_allclose(mouth_gap_T / mouth_gap_T.max(), heard / heard.max(), atol=0.03)
    edges = np.rint(times * VOICE_RATE).astype(int)
    loud = np.array([clip.audio_S[max(0, e - 600) : e + 600].std() for e in edges])
    assert np.corrcoef(loud, mouth_gap_T)[0, 1] > 0.7
    assert mouth_gap_T[loud < 0.001].max() < 0.2 * mouth_gap_T.max()


def test_every_emotion_starts_neutral_and_is_complete_at_0_4_s() -> None:
    neutral = still_shape(plan("neutral", "XX").landmarks_TLP[:1])
    for emotion in EMOTIONS:
        clip = plan(emotion)
        np.testing.assert_allclose(still_shape(clip.landmarks_TLP[:1]), neutral, atol=1e-4)
        for name in MOVEMENTS:
            full = getattr(PROTOTYPES[emotion], name)
            assert clip.motion[name][0] == 0
            np.testing.assert_allclose(clip.motion[name][12:], full)
    assert onset(np.array([0.0, 0.2, 0.4, 3.0])).tolist() == pytest.approx([0, 0.5, 1, 1])


def test_stronger_levels_move_the_face_further() -> None:
    mouth_left, mouth_right = 48, 54
    for emotion in EMOTIONS:
        if emotion == "neutral":
            continue
        rest = still_shape(plan("neutral", "XX").landmarks_TLP)[0]
        far = []
        for level in ("LO", "MD", "HI"):
            last = still_shape(plan(emotion, level).landmarks_TLP)[-1]
            places = [19, 21, 22, 24, mouth_left, mouth_right]
            far.append(np.abs(last - rest)[places].sum())
        assert far[0] < far[1] < far[2]
    assert LEVELS["LO"] < LEVELS["MD"] < LEVELS["XX"] < LEVELS["HI"]


@pytest.mark.parametrize(("level", "pixels"), [("LO", 1.6), ("HI", 3.2)])
def test_any_two_emotions_differ_by_pixels_of_the_128_crop(level: str, pixels: float) -> None:
    eye_distance = 45.6  # outer corners, in the crop
    last = {e: still_shape(plan(e, level).landmarks_TLP[-1:])[0] for e in EMOTIONS}
    for one, other in combinations(EMOTIONS, 2):
        moved = eye_distance * np.abs(last[one] - last[other])[17:]
        assert moved.max() > pixels, f"{one} and {other}"


def test_blinks_and_sway_know_nothing_of_the_speech() -> None:
    one, other = plan("anger"), plan("anger", sentence="WSI")
    assert not np.array_equal(one.pose.matrices_T23[:30], other.pose.matrices_T23[:30])
    moved = one.pose.place(np.zeros((len(one.motion.opening), 1, 2)))[:, 0]
    assert 0.5 < np.ptp(moved, axis=0).max() < 15
    lidded = [plan_clip(ACTOR, "IEO", "neutral", "XX", s).motion.blink for s in range(12)]
    assert all(blink[0] == 0 for blink in lidded)
    assert max(blink.max() for blink in lidded) == 1


def test_the_drawn_mouth_is_where_the_landmarks_say() -> None:
    clip = render_clip(ACTOR, "IOM", "neutral", "XX", 5)
    widest = int(np.argmax(clip.mouth_gap_T))
    x, y = clip.landmarks_TLP[widest, list(INNER_LIP_TOP_BOTTOM)].T
    column = clip.frames_THWC[widest, :, round(float(x.mean()))].astype(int)
    top, bottom = round(float(y[0])), round(float(y[1]))
    assert bottom - top > 12
    assert column[top + 3 : top + 6].mean() > 170  # teeth under the upper lip
    assert column[top - 4 : top - 1].mean() < 140  # lip, no teeth
    assert column[bottom - 6 : bottom - 3, 1].mean() < 80  # tongue and dark, no lip or skin
    shut = int(np.argmin(clip.mouth_gap_T[5:])) + 5
    line = round(float(clip.landmarks_TLP[shut, 62, 1]))
    column = clip.frames_THWC[shut, :, round(float(clip.landmarks_TLP[shut, 62, 0]))].astype(int)
    assert column[line - 6 : line + 6].mean(axis=-1).max() < 150  # no teeth anywhere
    assert abs(int(column[line - 4 : line + 5].sum(axis=-1).argmin()) - 4) <= 2  # the lips' line


def test_actors_differ_and_stay_the_same() -> None:
    people = [make_actor(3, 1001 + n) for n in range(12)]
    assert people == [make_actor(3, 1001 + n) for n in range(12)]
    assert len({p.look for p in people}) == len({p.shape for p in people}) == 12
    assert {p.sex for p in people} == {"Male", "Female"}
    assert len({p.look.hair_style for p in people}) >= 5
    assert make_actor(4, 1001) != people[0]


@pytest.mark.parametrize(
    ("sentence", "emotion", "level", "what"),
    [
        ("ABC", "fear", "HI", "sentence"),
        ("IEO", "FEA", "HI", "emotion"),
        ("IEO", "fear", "X", "level"),
    ],
)
def test_unknown_names_are_refused(sentence: str, emotion: str, level: str, what: str) -> None:
    with pytest.raises(WrongUse, match=f"no {what} .*choose one of"):
        plan_clip(ACTOR, sentence, emotion, level, 0)


def test_a_real_detector_finds_the_faces_and_agrees_on_the_landmarks() -> None:
    root = shared_data("data", "insightface")
    from insightface.app import FaceAnalysis

    app = FaceAnalysis(name="faces68", root=str(root), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=-1, det_size=(320, 320))
    errors = []
    for number, emotion in enumerate(EMOTIONS):
        clip = plan_clip(make_actor(1, 1001 + number), "IEO", emotion, "HI", 1)
        frames = list(clip.frames())
        for t in (0, 20, 35):
            faces = app.get(np.ascontiguousarray(frames[t][..., ::-1]))
            assert len(faces) == 1, f"{emotion}, frame {t}: {len(faces)} faces"
            exact = clip.landmarks_TLP[t]
            far = np.linalg.norm(faces[0].landmark_2d_68[:, :2] - exact, axis=-1)
            errors.append(far.mean() / np.linalg.norm(exact[36] - exact[45]))
    assert np.mean(errors) < 0.08
