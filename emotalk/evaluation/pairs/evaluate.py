"""Evaluate the pairs of a folder and write the report (`emotalk evaluate --pairs DIR`)."""

import logging
import time
from datetime import UTC, datetime

from emotalk.config.evaluate_pairs import PairsConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.landmark_models import LandmarkModel, build_landmark_model
from emotalk.evaluation.output import claim_output, write_report
from emotalk.evaluation.pairs.listing import PairList, list_pairs
from emotalk.evaluation.pairs.measure import measure_pair
from emotalk.evaluation.pairs.reading import UnfitPair, read_pair
from emotalk.evaluation.pairs.report_parts import describe_pairs, pair_caveats
from emotalk.evaluation.plots import write_plots
from emotalk.evaluation.progress import progress
from emotalk.evaluation.report import Report
from emotalk.evaluation.results import Results
from emotalk.faces.backends import build_landmark_detector
from emotalk.faces.landmarks import LandmarkDetector
from emotalk.schema import UNKNOWN

logger = logging.getLogger(__name__)


def evaluate_pairs(config: PairsConfig) -> Report:
    """Return the figures of generated videos beside the true ones, after writing them.

    Writes `report.json`, `report.md` and plots to `config.output`; shows its progress on standard
    error.

    Raises:
        WrongUse: no pairs, none that can be compared, a landmark model that is not there, or an
            output that holds something else.
    """
    begun_s = time.monotonic()
    listed = list_pairs(config.pairs)
    model = build_landmark_model(config.landmarks, config.finder)
    inputs = describe_pairs(config, listed.pairs)
    claim_output(config.output, inputs)
    results, notes, left_out = _measure_all(listed, model, config)
    if not results.clips:
        first = next(iter(left_out.items()))
        raise WrongUse(
            f"pairs: none of the {len(listed.pairs)} pairs of {config.pairs} can be compared, e.g. "
            f"{first[0]}: {first[1]}"
        )
    report = Report(
        inputs=inputs,
        where={
            "pairs": str(config.pairs),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begun_s, 1),
        },
        judges={"landmarks, NLMD, mouth opening": model.name},
        clips=len(results.clips),
        actors=tuple(sorted({clip.actor for clip in results.clips})),
        condition="unknown, the videos were made elsewhere",
        figures=results.figures(config.seed),
        emotion=None,
        as_reported=results.as_reported(config.seed) if config.as_reported else None,
        left_out=left_out,
        pair_notes=notes,
        caveats=pair_caveats(config, results.clips, notes),
        per_clip=results.per_clip(),
    )
    write_report(config.output, report, write_plots(config.output, results, report))
    return report


def _measure_all(
    listed: PairList, model: LandmarkModel, config: PairsConfig
) -> tuple[Results, dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the results, key -> notes on the pair, and key -> why it was left out."""
    detector = _detector(config)
    results, notes, left_out = Results(), {}, dict(listed.left_out)
    with progress() as bar:
        task = bar.add_task("evaluating pairs", total=len(listed.pairs))
        for pair in listed.pairs:
            try:
                read = read_pair(pair, detector, model, config)
            except UnfitPair as unfit:
                logger.warning("%s is left out: %s", pair.key, unfit)
                left_out[pair.key] = str(unfit)
            else:
                results.clips.append(measure_pair(read, model, as_reported=config.as_reported))
                results.examples.setdefault(
                    pair.emotion or UNKNOWN, (read.clip.video_THWC, read.generated_THWC)
                )
                if read.notes:
                    notes[pair.key] = read.notes
            bar.advance(task)
    return results, notes, left_out


def _detector(config: PairsConfig) -> LandmarkDetector | None:
    """Return what finds faces in whole pictures; None where they are aligned crops."""
    if config.align == "none":
        return None
    return build_landmark_detector(config.finder.model_copy(update={"backend": config.landmarks}))
