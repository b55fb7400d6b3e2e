"""The lip-sync model on real clips: people it has not seen, clips it has not seen, faulty clips.

    python -m tests.benchmarks.bench_lip_sync [--json]

Samples of the shared test material, made by the ETL's own code with the ONNX landmark models.
`people not seen`: every clip of clips/grid whose speaker the model was not trained on.
`clips not seen`: those of grid_s1_600 that `lip_sync_net.json` names as held out. Other speech is
the held-out clips' and the unseen people's. In the tables of wild and faulty clips nothing is
averaged: a line a clip, and over windows of three seconds the share of sure verdicts and the share
of those whose offset is within a frame of the whole clip's.
Wild clips and their windows come with no truth: looked at frame by frame, the sound of
obama_450.mp4 is late by six frames, as the model says.
The cost is CPU seconds of one thread, beside making and encoding the same samples.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotalk.config.etl import EtlConfig
from emotalk.faces.backends import build_landmark_detector
from emotalk.lip_sync.corpus import TalkingClip
from emotalk.lip_sync.estimate import SyncEstimate, estimate_sync, load_lip_sync_model
from emotalk.lip_sync.features import lip_shapes, power_spectra
from emotalk.lip_sync.held_out import measure
from emotalk.lip_sync.load import LipSyncModel
from emotalk.schema import FPS, SAMPLES_PER_FRAME, AlignedSample, ClipLabel, Rejection
from emotalk.shards.members import encode_members
from etl.clip.sample import make_sample
from etl.corpora.listing import SourceClip
from etl.corpora.source import FolderSource
from tests.helpers.shared import shared_root

SPEAKERS = {  # of clips/grid; the corpus' speaker s1 stands in grid_s1_600
    "brbk7n": "woman with long hair",
    "lbax4n": "man with glasses",
    "lrwp9a": "lrwp9a",
    "sbia1a": "sbia1a",
    "sbwe5n": "sbwe5n",
    "pwij3p": "s2",
    "id2_vcd_swwp2s": "s2",
}
WINDOW, STEP = 3 * FPS, FPS
SEED = 0


class Samples:
    """Makes aligned samples of the shared clips, and counts the time that it takes."""

    def __init__(self, data: Path) -> None:
        models = data / "models"
        self.config = EtlConfig.model_validate(
            {
                "corpus": "folder",
                "source": str(data),
                "output": "nowhere",
                "quality": {"sync": "off", "max_picture_change": 1, "max_face_jump": None}
                | {"min_face_motion": 0},  # cuts and stills are shown to the model too
                "landmarks": {
                    "backend": "onnx",
                    "detector": models / "yunet_n_dynamic.onnx",
                    "landmarker": models / "peppa_slim_160_68.onnx",
                },
            }
        )
        self.data = data
        self.source = FolderSource(data)
        self.detector = build_landmark_detector(self.config.landmarks)
        self.seconds = 0.0  # of making and encoding
        self.made = 0

    def of(self, paths: Iterable[Path]) -> Iterator[tuple[str, AlignedSample]]:
        """Yield name and sample of each clip that the ETL accepts."""
        for path in paths:
            name = str(path.relative_to(self.data))
            label = ClipLabel(path.stem, name, "someone", "neutral")
            began = time.process_time()
            try:
                sample = make_sample(
                    SourceClip(label, self.source.media(name)), self.detector, self.config
                )
            except Rejection as rejection:
                sys.stderr.write(f"{rejection}\n")
                continue
            encode_members(sample, corpus="folder", video=self.config.video)
            self.seconds += time.process_time() - began
            self.made += 1
            yield name, sample


def talking(name: str, sample: AlignedSample, person: str) -> TalkingClip:
    """Return a sample as the figures take it; the sentence is the file's name without speaker."""
    return TalkingClip(
        key=name,
        person=person,
        sentence=Path(name).stem.split("_")[-1],
        lips_TLP=lip_shapes(sample.landmarks_TLP),
        power_JF=power_spectra(sample.audio_S),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = shared_root() / "data"
    if not data.exists():
        sys.stdout.write("no real clips here: nothing measured\n")
        return
    found = run(data)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for group, figures in found.items():
        sys.stdout.write(f"{group}\n")
        for name, value in figures.items():
            sys.stdout.write(f"  {name:<44}{value if isinstance(value, str) else f'{value:g}'}\n")


def run(data: Path) -> dict[str, dict[str, Any]]:
    """Return the figures by group and name."""
    model = load_lip_sync_model()
    samples = Samples(data)
    unseen = [
        talking(name, sample, SPEAKERS[Path(name).stem])
        for name, sample in samples.of(data / "clips" / "grid" / f"{stem}.mpg" for stem in SPEAKERS)
        if SPEAKERS[Path(name).stem] not in model.facts["trained_on"]
    ]
    files = [name.replace("/", "_") for name in model.facts["held_out_clips"]]
    held_out = [
        talking(name, sample, "s1")
        for name, sample in samples.of(data / "grid_s1_600" / f"{stem}.mp4" for stem in files)
    ]
    donors = [*held_out, *unseen]
    return {
        "people not seen": measure(model, unseen, donors, seed=SEED),
        "clips not seen": measure(model, held_out, donors, seed=SEED),
        "wild": _one_by_one(model, samples.of(sorted((data / "clips" / "wild").iterdir()))),
        "faulty": _one_by_one(model, samples.of(sorted((data / "faults/cleaning").glob("*.mp4")))),
        "cost": _cost(model, samples, data),
    }


def _one_by_one(
    model: LipSyncModel, samples: Iterable[tuple[str, AlignedSample]]
) -> dict[str, str]:
    return {Path(name).name: _in_words(model, sample) for name, sample in samples}


def _in_words(model: LipSyncModel, sample: AlignedSample) -> str:
    whole = estimate_sync(model, sample.landmarks_TLP, sample.audio_S)
    windows = [_window(model, sample, begin) for begin in _begins(len(sample.landmarks_TLP))]
    sure = [each for each in windows if each.verdict in ("in_step", "shifted")]
    agree = [abs(each.offset - whole.offset) <= 1 for each in sure]
    refused = sum(each.verdict == "no_lag_fits" for each in windows)
    return (
        f"{whole.offset:+d} frames, confidence {whole.confidence:.3f}, {whole.verdict}; "
        f"{len(windows)} windows: {len(sure)} sure, {sum(agree)} of them agree, {refused} fit none"
    )


def _begins(frames: int) -> range:
    return range(0, frames - WINDOW + 1, STEP)


def _window(model: LipSyncModel, sample: AlignedSample, begin: int) -> SyncEstimate:
    samples = slice(begin * SAMPLES_PER_FRAME, (begin + WINDOW) * SAMPLES_PER_FRAME)
    frames = slice(begin, begin + WINDOW)
    return estimate_sync(model, sample.landmarks_TLP[frames], sample.audio_S[samples])


def _cost(model: LipSyncModel, samples: Samples, data: Path) -> dict[str, float]:
    """Return CPU seconds a clip of the estimate and of the ETL on the same clips."""
    made = [
        sample for _, sample in samples.of(data / "clips/grid" / f"{stem}.mpg" for stem in SPEAKERS)
    ]
    times = []
    for sample in made * 3:
        began = time.process_time()
        estimate_sync(model, sample.landmarks_TLP, sample.audio_S)
        times.append(time.process_time() - began)
    estimate_s, etl_s = float(np.median(times)), samples.seconds / samples.made
    return {
        "estimate, ms a clip": round(1e3 * estimate_s, 2),
        "make and encode, ms a clip": round(1e3 * etl_s, 1),
        "estimate, % of that": round(100 * estimate_s / etl_s, 2),
    }


if __name__ == "__main__":
    main()
