"""Evaluate the pairs of a folder and write the report (`emotalk evaluate --pairs DIR`)."""

import logging
import time
from dataclasses import dataclass, field, replace

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.ceilings import (
    check_landmarks,
    drop_failed_metrics,
    landmark_warning,
    without_quantities,
)
from emotalk.evaluation.closure_limit import add_closure_rates
from emotalk.evaluation.face_embedder import FaceEmbedder, build_face_embedder
from emotalk.evaluation.finder_files import refuse_missing_files
from emotalk.evaluation.judges import CHECKED_CLIPS
from emotalk.evaluation.landmark_models import LandmarkModel, average_of, build_landmark_model
from emotalk.evaluation.output import claimed_output, write_report
from emotalk.evaluation.page_video import PageVideo, side_by_side
from emotalk.evaluation.pairs.aligned_video import read_speech
from emotalk.evaluation.pairs.listing import Pair, PairList, list_pairs
from emotalk.evaluation.pairs.measure import BY_LANDMARKS, measure_pair
from emotalk.evaluation.pairs.mouth_notes import mouth_notes
from emotalk.evaluation.pairs.reading import UnfitPair, read_pair
from emotalk.evaluation.pairs.report_parts import describe_pairs, pair_caveats
from emotalk.evaluation.plots import write_plots
from emotalk.evaluation.progress import progress
from emotalk.evaluation.quantities import METRICS
from emotalk.evaluation.report import Report, with_times
from emotalk.evaluation.report_videos import GENERATED, TRUE, choose_videos, video_title
from emotalk.evaluation.results import Results
from emotalk.evaluation.speech_facts import OTHERS
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.printable import printable
from emotalk.schema import UNKNOWN, Floats, Rejection
from emotalk.shards.clip import Clip

LOG = logging.getLogger(__name__)

OTHER_KINDS = {
    "insightface": "or use two ONNX files by landmarks=onnx finder.detector=YUNET.onnx "
    "finder.landmarker=MODEL.onnx",
    "onnx": "or use a pack of insightface by landmarks=insightface finder.root=FOLDER",
}
"""Kind of landmarks -> what measures faces in its place."""


def evaluate_pairs(config: PairsConfig) -> Report:
    """Return the figures of generated videos beside the true ones, after writing them.

    Writes `report.json`, `report.md`, `report.html` and plots to `config.output`. Shows its
    progress on standard error.

    Raises:
        WrongUse: no pairs, none that can be compared, a landmark model that is not there, or an
            output that holds something else.
    """
    begun_s = time.monotonic()
    listed = list_pairs(config.pairs)
    refuse_missing_files(
        config.landmarks, config.finder, "pairs", OTHER_KINDS.get(config.landmarks, "")
    )
    judges = _build_judges(config)
    model = judges.landmark_model
    inputs = describe_pairs(config, listed.pairs)
    with claimed_output(config.output, inputs):
        measured = _measure_all(listed, judges, config)
        results, left_out = measured.results, measured.left_out
        if not results.clips:
            first = next(iter(left_out.items()))
            raise WrongUse(
                f"pairs: none of the {len(listed.pairs)} pairs of {config.pairs} can be compared, "
                f"e.g. {first[0]}: {first[1]}"
            )
        results, warnings = _drop_failed(measured, model, config)
        notes = {
            clip.key: (*measured.notes[clip.key], *mouth_notes(clip)) for clip in results.clips
        }
        notes = {key: lines for key, lines in notes.items() if lines}
        report = Report(
            inputs=inputs,
            where={"pairs": printable(str(config.pairs))},
            judges=judges.descriptions if any(clip.openings for clip in results.clips) else {},
            clips=len(results.clips),
            actors=tuple(sorted({clip.actor for clip in results.clips})),
            condition="unknown, the videos were made elsewhere",
            warnings=tuple(warnings),
            figures=results.figures(config.seed),
            emotion=None,
            identity_floor=results.identity_floor(config.seed),
            as_reported=results.as_reported(config.seed) if config.as_reported else None,
            left_out=left_out,
            pair_notes=notes,
            caveats=pair_caveats(config, results.clips, notes),
            per_clip=results.per_clip(),
        )
        videos = _videos(listed, model, config, report)
        plots = write_plots(config.output, results, report)
        report = with_times(report, begun_s)
        write_report(config.output, report, plots, videos)
        return report


def _videos(
    listed: PairList, model: LandmarkModel, config: PairsConfig, report: Report
) -> list[PageVideo]:
    """Return the videos that the page shows; they are read again, so that none stays in memory."""
    pairs = {pair.key: pair for pair in listed.pairs}
    detector = _detector(config)
    videos = []
    for chosen in choose_videos(report.per_clip, config.videos):
        read = read_pair(pairs[chosen.key], detector, model, config)
        title = video_title(read.clip, chosen.why, report.per_clip[chosen.key])
        parts = {TRUE: read.clip.video_THWC, GENERATED: read.generated_THWC}
        videos.append(side_by_side(title, parts, read.own_sound_S))
    return videos


@dataclass
class _Measured:
    """Collect the results of all pairs.

    Attributes:
        notes: key -> what differs between the files of a pair, for every pair that was compared.
        left_out: key or file -> why it was not compared.
        first: the first true clips, on which the landmark model is tested.
    """

    left_out: dict[str, str]
    results: Results = field(default_factory=Results)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    first: list[Clip] = field(default_factory=list)


@dataclass(frozen=True)
class _Judges:
    landmark_model: LandmarkModel
    embedder: FaceEmbedder | None  # None: identity is not measured
    descriptions: dict[str, str]  # task -> the model, for the report


def _build_judges(config: PairsConfig) -> _Judges:
    average = average_of(config.landmarks, config.landmark_average)
    model = build_landmark_model(config.landmarks, config.finder, average)
    embedder, name = build_face_embedder(config.identity, config.landmarks, config.finder)
    descriptions = {"landmarks, NLMD, mouth opening": model.name, "identity": name}
    return _Judges(model, embedder, descriptions)


def _measure_all(listed: PairList, judges: _Judges, config: PairsConfig) -> _Measured:
    detector, model = _detector(config), judges.landmark_model
    found = _Measured(dict(listed.left_out))
    spoken = _speech_ahead(listed, config)  # of neighbours: sentence, else true file -> true speech
    with progress() as bar:
        task = bar.add_task("evaluating pairs", total=len(listed.pairs))
        for pair in listed.pairs:
            try:
                read = read_pair(pair, detector, model, config)
            except UnfitPair as unfit:
                LOG.warning("%s is left out: %s", pair.key, unfit)
                found.left_out[pair.key] = printable(str(unfit))
            else:
                said = _sentence(pair)
                clip = measure_pair(
                    read,
                    model,
                    embedder=judges.embedder,
                    others=tuple(sound for words, sound in spoken.items() if words != said),
                    as_reported=config.as_reported,
                )
                if read.has_sound:
                    spoken.pop(said, None)  # so that it counts as the newest
                    spoken[said] = read.clip.audio_S
                if len(spoken) > OTHERS:
                    del spoken[next(iter(spoken))]
                found.results.clips.append(clip)
                shown = {"true": read.clip.video_THWC, "generated": read.generated_THWC}
                found.results.examples.setdefault(pair.emotion or UNKNOWN, shown)
                found.notes[pair.key] = read.notes
                found.first += [read.clip] if len(found.first) < CHECKED_CLIPS else []
            bar.advance(task)
    return found


def _sentence(pair: Pair) -> str:
    return pair.text or str(pair.true)


def _speech_ahead(listed: PairList, config: PairsConfig) -> dict[str, Floats]:
    """Return the true speech of some pairs, for those before which no other has spoken."""
    ahead: dict[str, Floats] = {}
    for pair in listed.pairs[1 : OTHERS + 1]:
        try:
            sound_S = read_speech(pair.true, max_seconds=config.max_seconds)
        except Rejection:  # it is named when its turn comes
            continue
        if sound_S is not None:
            ahead[_sentence(pair)] = sound_S
    return ahead


def _drop_failed(
    measured: _Measured, model: LandmarkModel, config: PairsConfig
) -> tuple[Results, list[str]]:
    """Return the results without models that fail on the true clips, and warnings of them."""
    results = add_closure_rates(measured.results)
    results, warnings = drop_failed_metrics(results, METRICS, config.seed)
    fault = check_landmarks(model, measured.first).fault(config.landmarks)
    if fault is not None:
        results = _without_landmarks(results)
        warnings.insert(0, landmark_warning(model.name, fault, config.landmarks))
    return results, warnings


def _without_landmarks(results: Results) -> Results:
    """Return the results without anything that a landmark model measured."""
    names = {name for m in METRICS if m.needs_landmarks for name in m.quantities}
    results = without_quantities(results, names)
    clips = []
    for clip in results.clips:
        faulty = {
            name: value for name, value in clip.as_reported.items() if name not in BY_LANDMARKS
        }
        clips.append(replace(clip, openings={}, as_reported=faulty, face_vectors=None))
    return replace(results, clips=clips)


def _detector(config: PairsConfig) -> LandmarkDetector | None:
    """Return what finds faces in whole pictures; None where they are aligned crops."""
    if config.align == "none":
        return None
    return build_landmark_detector(config.finder.model_copy(update={"backend": config.landmarks}))
