"""Evaluate a generator on a split and write the report (`emotalk evaluate`)."""

import time
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

from emotalk.checkpoints.load import LoadedGenerator, load_generator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.config.shards import shards_text
from emotalk.errors import WrongUse
from emotalk.evaluation.baseline import describe_baseline
from emotalk.evaluation.blocks import (
    BlockEvaluator,
    BlockResults,
    blocks_of,
    evaluate_blocks,
    evaluator_of,
    load_baseline,
)
from emotalk.evaluation.caveats import caveats
from emotalk.evaluation.clips import choose_clips
from emotalk.evaluation.closure_limit import add_closure_rates
from emotalk.evaluation.drift import describe_drift, measure_drift
from emotalk.evaluation.finder_files import refuse_missing_files
from emotalk.evaluation.joined_video import choose_joined
from emotalk.evaluation.judges import CHECKED_CLIPS, Judges, build_judges, drop_failed_judges
from emotalk.evaluation.model_choice import choose_models, refuse_different_faces
from emotalk.evaluation.model_facts import describe_model
from emotalk.evaluation.noise_curve import describe_noise
from emotalk.evaluation.other_speech import choose_others, compare_curves
from emotalk.evaluation.output import claimed_output, describe_inputs, write_report
from emotalk.evaluation.page_video import PageVideo
from emotalk.evaluation.plots import write_plots
from emotalk.evaluation.progress import progress
from emotalk.evaluation.reading import ClipReader
from emotalk.evaluation.report import DriftReport, EmotionReport, Report, with_times
from emotalk.evaluation.report_videos import choose_videos, generate_videos
from emotalk.evaluation.requests import refuse_unknown_emotions
from emotalk.evaluation.results import Results
from emotalk.evaluation.speech_facts import OTHERS
from emotalk.evaluation.strengths import choose_strength_clips, with_strengths
from emotalk.shards.clip import Clip
from emotalk.shards.joined_set import JoinedSet, open_shards
from emotalk.shards.reader import SampleReader
from emotalk.shards.sample_table import Sample


def evaluate(config: EvaluateConfig) -> Report:
    """Return the figures of a generator on a split, after writing them to `config.output`.

    Writes `report.json`, its pages and plots. Shows its progress on standard error.

    Raises:
        WrongUse: no model, no shards, an empty split, an output that holds something else, an
            emotion the generator does not know, models of drawn faces chosen for photographs, or
            sets of drawn faces and of photographs together.
    """
    begun_s = time.monotonic()
    shard_set = open_shards(config.shards, config.remote)
    refuse_different_faces(shard_set)
    config, faces = choose_models(config, shard_set.sets[0].manifest)
    refuse_missing_files(config.landmarks, config.finder, shards_text(config.shards))
    chosen = choose_clips(shard_set.split(config.split).samples, config.clips, seed=config.seed)
    loaded = load_generator(config.checkpoint, ema=config.ema, device=config.device)
    refuse_unknown_emotions(loaded, chosen)
    baseline = load_baseline(config)
    inputs = describe_inputs(config, shard_set, loaded, chosen, baseline)
    with claimed_output(config.output, inputs):
        reader = ClipReader(SampleReader(shard_set), config)
        judges = build_judges(config, shard_set, _first_clips(reader, chosen, config))
        here = BlockEvaluator(judges.config, evaluator_of(judges, loaded, baseline), reader)
        results = add_closure_rates(_evaluate_clips(here, reader, chosen))
        results, emotion, warnings = drop_failed_judges(results, judges, config.seed)
        names = shard_set.names if isinstance(shard_set, JoinedSet) else ()
        figures = results.figures(config.seed)
        report = Report(
            inputs=inputs,
            where=_places(config, loaded, baseline),
            judges=_used_judges(judges, emotion),
            clips=len(results.clips),
            actors=tuple(sorted({clip.actor for clip in results.clips})),
            condition=config.condition,
            warnings=warnings,
            faces=faces,
            figures=figures,
            sets=results.by_set(names, config.seed),
            emotion=with_strengths(
                emotion,
                results.clips,
                config.emotion.strengths,
                takes_intensity=loaded.facts.use_intensity,
                seed=config.seed,
            ),
            identity_floor=results.identity_floor(config.seed),
            as_reported=results.as_reported(config.seed) if config.as_reported else None,
            baseline=describe_baseline(baseline, results, config.seed),
            noise_curve=describe_noise(results, config.noise_kind, config.seed),
            drift=_drift(here, reader, _evaluated(chosen, results), figures),
            left_out=reader.left_out,
            caveats=caveats(judges.config, results.clips),
            per_clip=results.per_clip(),
            about=describe_model(loaded),
        )
        videos = _videos(here, reader, chosen, report)
        plots = write_plots(config.output, results, report)
        write_report(config.output, report := with_times(report, begun_s), plots, videos)
        return report


def _used_judges(judges: Judges, emotion: EmotionReport | None) -> dict[str, str]:
    """Return task -> model, without the judge of emotions where there are no figures of it."""
    return {t: name for t, name in judges.descriptions.items() if t != "emotion" or emotion}


def _evaluated(chosen: Sequence[Sample], results: Results) -> list[Sample]:
    """Return the samples without those that were left out."""
    keys = {clip.key for clip in results.clips}
    return [sample for sample in chosen if sample.key in keys]


def _drift(
    here: BlockEvaluator,
    reader: ClipReader,
    samples: Sequence[Sample],
    figures: Mapping[str, Collection[object]],
) -> DriftReport | None:
    """Return the drift of the figures that have rows over one long video; None if unwanted."""
    config = here.config
    if not config.drift_seconds:
        return None
    joined = choose_joined(samples, config.drift_seconds, seed=config.seed)
    own = [sample for sample in samples if sample.actor == joined[0].actor]
    others = choose_others(*reader.sentences(own), count=OTHERS, seed=config.seed)
    with here.threads():
        parts = measure_drift(
            here.evaluator, reader, joined, size=config.clips_in_memory, others=others
        )
    known = [name for name, rows in figures.items() if rows]
    return describe_drift(parts, joined[0].actor, config.seed, known=known)


def _places(
    config: EvaluateConfig, loaded: LoadedGenerator, baseline: LoadedGenerator | None
) -> dict[str, str]:
    places = {"checkpoint": str(loaded.folder), "shards": shards_text(config.shards)}
    return places if baseline is None else places | {"baseline": str(baseline.folder)}


def _videos(
    here: BlockEvaluator, reader: ClipReader, samples: Sequence[Sample], report: Report
) -> list[PageVideo]:
    """Return the videos that the page shows."""
    chosen = choose_videos(report.per_clip, here.config.videos)
    keys = {one.key for one in chosen}
    clips = reader.clips([sample for sample in samples if sample.key in keys])
    with here.threads():
        return generate_videos(here.evaluator, clips, report, chosen)


def _evaluate_clips(here: BlockEvaluator, reader: ClipReader, chosen: Sequence[Sample]) -> Results:
    """Return the results of the chosen clips."""
    config = here.config
    samples, sentences = reader.sentences(chosen)
    others = choose_others(samples, sentences, count=OTHERS, seed=config.seed)
    partners = {key: picked[0] for key, picked in others.items()}
    emotions = len({sample.emotion for sample in samples})
    pictured = frozenset(one.key for one in choose_clips(samples, emotions, seed=config.seed))
    heard = choose_clips(samples, config.noise_clips, seed=config.seed) if config.noise_db else []
    noisy = frozenset(one.key for one in heard)
    spoken = partners if config.other_speech == "generate" else {}
    strong = choose_strength_clips(here.evaluator, samples, config.emotion, config.seed)
    size = config.clips_in_memory
    blocks = blocks_of(samples, spoken, others, pictured, noisy, size=size, strong=strong)
    found: dict[int, BlockResults] = {}
    with progress() as bar:
        task = bar.add_task("evaluating clips", total=len(samples))
        for place, block in evaluate_blocks(here, blocks):
            found[place] = block
            bar.advance(task, len(blocks[place].samples))
    results = Results()
    for place in sorted(found):  # processes finish them in any order
        results.add(found[place])
        reader.left_out |= found[place].left_out
    if config.other_speech == "curve" and here.evaluator.landmark_model is not None:
        compare_curves(results, partners)
    return results


def _first_clips(
    reader: ClipReader, chosen: Sequence[Sample], config: EvaluateConfig
) -> list[Clip]:
    """Return the first clips that can be evaluated, on which judges are tested.

    Raises:
        WrongUse: none can be evaluated.
    """
    clips = list(islice(reader.clips(chosen), CHECKED_CLIPS))
    if not clips:
        raise WrongUse(
            f"{shards_text(config.shards)}: no clip of split {config.split} could be evaluated, "
            f"e.g. {next(iter(reader.left_out.items()))}; look at it with `emotalk inspect`"
        )
    return clips
