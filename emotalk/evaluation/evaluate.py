"""`emotalk evaluate`: read clips, generate, measure, sum up, write the report."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from emotalk.checkpoints.load import load_generator
from emotalk.config.evaluate import EvaluateConfig
from emotalk.errors import WrongUse
from emotalk.evaluation.clips import choose_clips, read_clip, read_sentence
from emotalk.evaluation.evaluator import Evaluator
from emotalk.evaluation.face_kind import choose_judges
from emotalk.evaluation.landmark_models import build_examiner, refuse_judges_on_photographs
from emotalk.evaluation.output import claim_output, describe_inputs, write_report
from emotalk.evaluation.plots import write_plots
from emotalk.evaluation.report import Report
from emotalk.evaluation.results import Results
from emotalk.masking import masked_setting
from emotalk.metrics.lip_sync import mouth_correlation, mouth_lag
from emotalk.metrics.protocol import partners_with_other_speech
from emotalk.pretrained import load_emotion_judge
from emotalk.schema import Floats
from emotalk.shards.clip import Clip, read_speech
from emotalk.shards.shard_set import DataFault, Sample, SampleReader, ShardSet

logger = logging.getLogger(__name__)

PROBED_CLIPS = 6


def evaluate(config: EvaluateConfig) -> Report:
    """Return the figures of a generator on a split, after writing them to `config.output`.

    Writes `report.json`, `report.md` and plots. Progress is shown on standard error.

    Raises:
        WrongUse: no model, no shards, an empty split, an output that holds something else, an
            emotion the model does not know, or judges of drawn faces asked to judge photographs.
    """
    begun_s = time.monotonic()
    shard_set = ShardSet.open(config.shards, config.remote)
    config, faces = choose_judges(config, shard_set.manifest)
    chosen = choose_clips(shard_set.split(config.split).samples, config.clips, seed=config.seed)
    loaded = load_generator(config.checkpoint, ema=config.ema, device=config.device)
    inputs = describe_inputs(config, shard_set, loaded, chosen)
    claim_output(config.output, inputs)
    bench = Evaluator(
        config=config,
        loaded=loaded,
        examiner=build_examiner(config),
        emotion_judge=load_emotion_judge() if config.emotion == "judge" else None,
    )
    findings = Results()
    judges = _examine_all(bench, SampleReader(shard_set), chosen, findings)
    if not findings.clips:
        raise WrongUse(
            f"{config.shards}: no clip of split {config.split} could be evaluated, e.g. "
            f"{next(iter(findings.left_out.items()))}; look at it with `emotalk inspect`"
        )
    report = Report(
        inputs=inputs,
        where={
            "checkpoint": str(loaded.folder),
            "shards": masked_setting(config.shards),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begun_s, 1),
        },
        judges=judges,
        clips=len(findings.clips),
        actors=tuple(sorted({clip.actor for clip in findings.clips})),
        condition=config.condition,
        faces=faces,
        figures=findings.figures(config.seed),
        emotion=findings.emotion(config.seed),
        as_reported=findings.as_reported(config.seed) if config.as_reported else None,
        left_out=findings.left_out,
        caveats=_caveats(config, findings),
        per_clip=findings.per_clip(),
    )
    write_report(config.output, report, write_plots(config.output, findings, report))
    return report


def _examine_all(
    bench: Evaluator, reader: SampleReader, chosen: Sequence[Sample], findings: Results
) -> dict[str, str]:
    """Fill `findings` group by group; return who judged what."""
    config = bench.config
    sentences, readable = _sentences(reader, chosen, findings)
    partners = _partners(readable, sentences, config.seed)
    emotions = len({sample.emotion for sample in readable})
    pictured = {s.key for s in choose_clips(readable, emotions, seed=config.seed)}
    judges: dict[str, str] = {}
    with _progress() as bar:
        task = bar.add_task("evaluating clips", total=len(readable))
        for begin in range(0, len(readable), config.clips_in_memory):
            samples = readable[begin : begin + config.clips_in_memory]
            clips = list(_read(reader, samples, config, findings))
            if not judges and clips:
                judges = _name_judges(bench, clips)
            speech = _other_speech(reader, clips, partners, config, findings)
            for clip, made in zip(clips, bench.generate(clips, speech), strict=True):
                found, video = bench.examine(clip, made)
                findings.clips.append(found)
                if clip.key in pictured:
                    findings.shown[clip.emotion] = (clip.video_THWC, video)
                bar.advance(task)
    if config.other_speech == "curve":
        _compare_curves(findings, partners)
    return judges


def _sentences(
    reader: SampleReader, chosen: Sequence[Sample], findings: Results
) -> tuple[list[str], list[Sample]]:
    """Return what is said in each clip that can be read, and these clips."""
    said: list[str] = []
    readable: list[Sample] = []
    for sample in chosen:
        try:
            said.append(read_sentence(reader, sample))
        except DataFault as fault:
            _leave_out(findings, sample.key, str(fault))
        else:
            readable.append(sample)
    return said, readable


def _partners(samples: Sequence[Sample], sentences: Sequence[str], seed: int) -> dict[str, Sample]:
    """Return key -> the clip whose other sentence it is compared with."""
    keys, actors = [s.key for s in samples], [s.actor for s in samples]
    found = partners_with_other_speech(keys, sentences, actors, seed=seed)
    return {
        key: samples[partner]
        for key, partner in zip(keys, found, strict=True)
        if partner is not None
    }


def _read(
    reader: SampleReader, samples: Sequence[Sample], config: EvaluateConfig, findings: Results
) -> Iterator[Clip]:
    """Yield the clips that can be read and have what the configuration needs."""
    for sample in samples:
        try:
            clip = read_clip(reader, sample)
        except DataFault as fault:
            _leave_out(findings, sample.key, str(fault))
            continue
        if clip.neutral_HWC is not None:
            yield clip
        elif config.condition == "neutral":
            _leave_out(findings, sample.key, f"actor {clip.actor} has no neutral clip")
        else:
            if config.emotion == "judge":
                findings.left_out[sample.key] = (
                    f"emotion only: actor {clip.actor} has no neutral clip"
                )
            yield clip


def _other_speech(
    reader: SampleReader,
    clips: Sequence[Clip],
    partners: Mapping[str, Sample],
    config: EvaluateConfig,
    findings: Results,
) -> dict[str, Floats]:
    if config.other_speech == "curve":
        return {}
    speech: dict[str, Floats] = {}
    for clip in clips:
        partner = partners.get(clip.key)
        if partner is None:
            continue
        try:
            speech[clip.key] = read_speech(reader, partner)
        except DataFault as fault:
            _leave_out(findings, partner.key, str(fault))
    return speech


def _compare_curves(findings: Results, partners: Mapping[str, Sample]) -> None:
    """Hold each true mouth against the one generated for another sentence."""
    generated = {clip.key: clip.openings["generated"] for clip in findings.clips}
    for place, clip in enumerate(findings.clips):
        partner = partners.get(clip.key)
        if partner is None or partner.key not in generated:
            continue
        opening_T, truth_T = generated[partner.key], clip.openings["truth"]
        figures = {
            "mouth_correlation": mouth_correlation(opening_T, truth_T, clip.voiced_T),
            "mouth_lag": abs(mouth_lag(opening_T, truth_T, clip.voiced_T)),
        }
        rows = {**clip.rows, "other_speech": figures}
        openings = {**clip.openings, "other_speech": opening_T}
        findings.clips[place] = replace(clip, rows=rows, openings=openings)


def _name_judges(bench: Evaluator, clips: Sequence[Clip]) -> dict[str, str]:
    """Return who judges what, after the drawn faces' judges have shown that they may."""
    config = bench.config
    judges = {"landmarks, NLMD, mouth opening": bench.examiner.name}
    if "judge" in {config.landmarks, config.emotion}:
        error_px = refuse_judges_on_photographs(clips[:PROBED_CLIPS], config)
        judges["landmarks, NLMD, mouth opening"] += (
            f"; {error_px:.2f} px from the stored landmarks of this set's true frames"
            if config.landmarks == "judge"
            else ""
        )
    if bench.emotion_judge is not None:
        facts = bench.emotion_judge.facts
        judges["emotion"] = (
            f"emotalk's emotion net for drawn faces (made from {facts['actors']} drawn actors of "
            f"seed {facts['seed']}; right in {100 * facts['accuracy']:.1f} % of clips of actors it "
            "had not seen)"
        )
    return judges


def _leave_out(findings: Results, key: str, why: str) -> None:
    logger.warning("%s is left out: %s", key, why)
    findings.left_out[key] = why


def _caveats(config: EvaluateConfig, findings: Results) -> tuple[str, ...]:
    actors = len({clip.actor for clip in findings.clips})
    other = (
        "The row for other speech is the same generation with another sentence's speech."
        if config.other_speech == "generate"
        else "The row for other speech holds the mouth generated for another clip's sentence "
        "against this clip's true mouth."
    )
    caveats = [
        "PSNR and SSIM: float RGB before any video encoding. The mouth crop is 48 x 40 px around "
        "the true mouth of each frame.",
        "NLMD is in sides of the 128 px crop, after Procrustes alignment of both faces to the "
        "template, by the same examiner for true and generated frames.",
        "A mouth that never moves has correlation 0.",
        other,
    ]
    if config.condition == "first_frame":
        caveats.append("The condition image is the clip's first frame, which is also compared.")
    if config.emotion == "judge":
        caveats.append("Emotions are judged on videos generated from the actor's neutral still.")
    if "judge" in {config.landmarks, config.emotion}:
        caveats.append("The shipped judges know drawn faces only; they say nothing of photographs.")
    if config.landmarks == "judge":
        caveats.append("The landmark judge sees a face in every frame: no share is ever missed.")
    alone = sum("other_speech" not in clip.rows for clip in findings.clips)
    if alone:
        caveats.append(
            f"{alone} of {len(findings.clips)} clips have no row for other speech: no clip of "
            "another sentence was evaluated beside them."
        )
    if actors < 2:
        caveats.append("One actor only: the intervals know nothing of how actors differ.")
    return tuple(caveats)


def _progress() -> Progress:
    return Progress(
        *Progress.get_default_columns()[:-1],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
