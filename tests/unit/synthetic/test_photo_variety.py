"""The varied corpus differs as photographs do, and its landmarks stay exact."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from emotalk.errors import WrongUse
from emotalk.faces.align import alignment, warp
from emotalk.schema import INNER_LIP_TOP_BOTTOM, Bytes
from emotalk.synthetic.actor import make_actor
from emotalk.synthetic.camera import Camera, Light, Tone, take_frame
from emotalk.synthetic.clip import plan_clip
from emotalk.synthetic.lens import Lens, bend_frame, bend_points, bending_maps, source_of
from emotalk.synthetic.microphone import BANDS_HZ, Microphone, record
from emotalk.synthetic.photo_actor import VARIETIES, Variety, make_person
from emotalk.synthetic.voice import VOICE_RATE

LENS = Lens(turn_x=0.16, turn_y=-0.12, stretch=0.91, shear=0.05, barrel=0.08, sway=0.022)
FRAME_MEANS = (125.80049, 103.16884, 98.57911)
LANDMARKS = [[231.4159, 276.5327], [234.0113, 233.6667]]
POWER = 0.0047105406


def crops(variety: Variety) -> Iterator[Bytes]:
    for number in range(1001, 1009):
        plan = plan_clip(make_person(3, number, variety), "TSI", "anger", "LO", 3)
        yield warp(next(plan.frames()), alignment(plan.landmarks_TLP[0]))


def test_the_plain_corpus_has_the_pixels_and_samples_it_always_had() -> None:
    assert make_person(11, 1002) == make_actor(11, 1002)
    plan = plan_clip(make_person(11, 1002), "IEO", "fear", "MD", 11)
    frame = list(itertools.islice(plan.frames(), 5))[-1]
    # measured before there was a variety
    np.testing.assert_allclose(frame.mean((0, 1)), FRAME_MEANS, atol=1e-3)
    np.testing.assert_allclose(plan.landmarks_TLP[[4, -1], [8, 66]], LANDMARKS, atol=1e-3)
    np.testing.assert_allclose(np.square(plan.audio_S).mean(), POWER, rtol=1e-4)


def test_photo_people_are_reproducible_and_keep_their_sex_and_age() -> None:
    one, again = make_person(3, 1001, "photo"), make_person(3, 1001, "photo")
    assert one == again
    assert (one.sex, one.age) == (make_actor(3, 1001).sex, make_actor(3, 1001).age)
    assert make_person(4, 1001, "photo") != one
    with pytest.raises(WrongUse, match="no variety 'film'; choose one of plain, photo"):
        make_person(3, 1001, "film")  # type: ignore[arg-type]


def test_photo_crops_differ_from_each_other_at_least_twice_as_much_as_plain_ones() -> None:
    spread = {}
    for variety in VARIETIES:
        face_NHWC = np.stack([crop[30:100, 40:88] for crop in crops(variety)]).astype(float)
        cheeks_NC = face_NHWC.mean((1, 2))
        sharp_N = np.abs(np.diff(face_NHWC.mean(-1), axis=1)).mean((1, 2)) / cheeks_NC.mean(-1)
        colour_NC = cheeks_NC / cheeks_NC.mean(-1, keepdims=True)
        spread[variety] = np.array([np.log(sharp_N).std(), colour_NC.std(0).mean()])
    assert (spread["photo"] > 2 * spread["plain"]).all()


def test_bent_points_are_where_the_bent_frame_shows_them() -> None:
    points = np.array([[200.0, 150.0], [280.0, 150.0], [240.0, 235.0], [180.0, 260.0]])
    bent = bend_points(LENS, points)
    assert np.linalg.norm(bent - points, axis=1).max() > 5
    np.testing.assert_allclose(source_of(LENS, bent.astype(float)), points, atol=1e-3)
    frame = np.zeros((360, 480, 3), np.uint8)
    for x, y in points.astype(int):
        frame[y - 3 : y + 4, x - 3 : x + 4] = 255
    shown = bend_frame(frame, bending_maps(LENS))[..., 0].astype(float)
    for x, y in bent:
        rows, columns = np.mgrid[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9]
        weight = shown[rows, columns]
        centre = [(weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()]
        np.testing.assert_allclose(centre, [x, y], atol=0.3)


def test_the_widest_photo_lenses_can_be_inverted_over_the_whole_face() -> None:
    for number in range(1001, 1013):
        actor = make_person(5, number, "photo")
        assert actor.camera is not None
        plan = plan_clip(actor, "TSI", "happiness", "HI", 5)
        drawn = replace(plan, actor=replace(actor, camera=None)).landmarks_TLP
        back = source_of(actor.camera.lens, plan.landmarks_TLP.astype(float))
        np.testing.assert_allclose(back, drawn, atol=0.01)


def test_a_camera_that_changes_nothing_gives_the_drawn_frame() -> None:
    frame = next(plan_clip(make_actor(5, 1001), "TSI", "fear", "MD", 9).frames())
    np.testing.assert_array_equal(take_frame(Camera(seed=0), frame), frame)


@pytest.mark.parametrize(
    ("camera", "changed"),
    [
        (Camera(0, light=Light(depth=0.5, direction=0.0)), "darker at the left"),
        (Camera(0, tone=Tone(saturation=0.0)), "grey"),
        (Camera(0, blur=2.0), "soft"),
        (Camera(0, shrink=2.5), "soft"),
        (Camera(0, grain=6.0), "rough"),
        (Camera(0, quality=20), "blocky"),
    ],
)
def test_each_part_of_the_camera_has_its_effect(camera: Camera, changed: str) -> None:
    frame = next(plan_clip(make_actor(5, 1001), "TSI", "fear", "MD", 9).frames())
    taken = take_frame(camera, frame).astype(float)
    before = frame.astype(float)

    def steps(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image, axis=1)).mean())

    assert {
        "darker at the left": taken[:, :200].mean() < 0.75 * before[:, :200].mean()
        and taken[:, 280:].mean() > 0.85 * before[:, 280:].mean(),
        "grey": np.ptp(taken, axis=-1).max() <= 1 < np.ptp(before, axis=-1).max(),
        "soft": steps(taken) < 0.8 * steps(before),
        "rough": steps(taken) > 1.5 * steps(before),
        "blocky": 0.5 < np.abs(taken - before).mean() < 8,
    }[changed]


def test_neutral_photo_clips_begin_with_a_passing_expression_and_others_do_not() -> None:
    first: dict[str, list[tuple[float, float]]] = {"neutral": [], "anger": []}
    top, bottom = INNER_LIP_TOP_BOTTOM
    for number in range(1001, 1013):
        for emotion, seen in first.items():
            plan = plan_clip(make_person(3, number, "photo"), "TSI", emotion, "XX", 3)
            begin_LP, later_LP = plan.landmarks_TLP[[0, 9]]
            seen.append((begin_LP[bottom, 1] - begin_LP[top, 1], plan.motion["corner_raise"][0]))
            if emotion == "neutral":  # gone at 0.3 s
                assert plan.motion["corner_raise"][9] == pytest.approx(0, abs=0.01)
                assert later_LP[bottom, 1] - later_LP[top, 1] < 8
    assert np.abs(first["anger"]).max() < 0.5
    gaps, smiles = np.transpose(first["neutral"])
    assert 2 <= (gaps > 3).sum() <= 10
    assert 2 <= (smiles > 0.2).sum() <= 10


def test_a_microphone_colours_reverberates_and_adds_noise_at_the_asked_level() -> None:
    generator = np.random.default_rng(0)
    flat = tuple(0.0 for _ in BANDS_HZ)
    voice = generator.standard_normal(VOICE_RATE).astype(np.float32) * 0.1
    voice[VOICE_RATE // 2 :] = 0

    clean = record(Microphone(0, flat, noise_db=-90.0), voice, generator)
    np.testing.assert_allclose(clean, voice, atol=1e-3)

    noisy = record(Microphone(0, flat, noise_db=-20.0), voice, generator)
    silence = noisy[VOICE_RATE // 2 + 2000 :].std() / clean.std()
    assert 20 * np.log10(silence) == pytest.approx(-20.0, abs=3.0)

    room = record(Microphone(0, flat, decay_s=0.4, reflections=0.3), voice, generator)
    tail = room[VOICE_RATE // 2 :].astype(float)
    early, late = tail[: VOICE_RATE // 20].std(), tail[VOICE_RATE // 3 :].std()
    assert early > 30 * late > 0

    dark = record(
        Microphone(0, tuple(-6.0 * n for n in range(9)), noise_db=-90.0), voice, generator
    )
    f_hz, power = welch(dark[: VOICE_RATE // 2], VOICE_RATE, nperseg=4096)
    _, before = welch(voice[: VOICE_RATE // 2], VOICE_RATE, nperseg=4096)
    gain_db = 10 * np.log10(power / before)
    low, high = (float(np.median(gain_db[np.abs(f_hz - hz) < hz / 8])) for hz in (500.0, 4000.0))
    assert low - high == pytest.approx(18.0, abs=1.5)
    assert np.abs(dark).max() == pytest.approx(np.abs(voice).max(), rel=1e-3)
