"""Configurations of others: YAML files, overrides, emotions and time lines of a command line."""

from pathlib import Path

from tests.fuzz.mutate import TEXTS, VALUES, Random, change_bytes, change_text
from tests.fuzz.surface import ROOT, Door, Surface

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
PIECES = (
    BOMB,
    "x: " + "[" * 3000,
    "x: " + "{a: " * 3000,
    "x: 2024-02-31\n",
    "x: " + "9" * 5000 + "\n",
    "x: .inf\nseed: .nan\n",
    "x: !!python/object/apply:os.system [id]\n",
    "x: !!binary aGk=\n",
    "extends: /dev/zero\n",
    "extends: .\n",
    "extends: ../../../../etc/passwd\n",
    "? [a, b]\n: c\n",
    "<<: *nothing\n",
    "<<: [1]\n",
    "1: 2\nnull: 3\n",
    "seed: &a [*a]\n",
    "shards: 'pipe:touch fuzz-was-here'\n",
    "\ufeffseed: 1\n",
    "---\na: 1\n---\nb: 2\n",
    "%TAG ! tag:x,2000:\n",
)


def _yaml(folder: Path) -> Door:
    from pydantic import BaseModel

    from emotalk.config.etl import EtlConfig
    from emotalk.config.evaluate import EvaluateConfig
    from emotalk.config.load import dump_config, load_config
    from emotalk.config.run import TrainConfig
    from emotalk.errors import WrongUse

    kinds: dict[str, type[BaseModel]] = {
        "etl": EtlConfig,
        "train": TrainConfig,
        "evaluate": EvaluateConfig,
    }
    texts = [(p.parent.name, p.read_text()) for p in sorted((ROOT / "configs").glob("*/*.yaml"))]

    def make(rng: Random) -> tuple[str, bytes]:
        kind, text = rng.choice(texts)
        if rng.random() < 0.3:
            lines = text.splitlines(keepends=True)
            lines.insert(rng.randint(0, len(lines)), rng.choice(PIECES))
            text = "".join(lines)
        text = change_text(text, rng)
        data = text.encode("utf-8", "surrogatepass")
        return kind, change_bytes(data, rng) if rng.random() < 0.3 else data

    def enter(case: tuple[str, bytes]) -> None:
        kind, data = case
        path = folder / "changed.yaml"
        path.write_bytes(data)
        needed = ["source=in", "output=out"] if kind == "etl" else ["shards=in", "run_dir=out"]
        config = load_config(kinds[kind], path, [] if kind == "evaluate" else needed)
        dump_config(config)

    return Door(make, enter, (WrongUse,))


def _overrides(folder: Path) -> Door:
    from emotalk.config.load import flatten, load_config
    from emotalk.config.run import TrainConfig
    from emotalk.errors import WrongUse

    del folder
    path = ROOT / "configs/train/demo.yaml"
    known = sorted(flatten(load_config(TrainConfig, path, ["shards=in", "run_dir=out"])))

    def make(rng: Random) -> list[str]:
        given = []
        for _ in range(rng.choice((1, 1, 2))):
            key = rng.choice((rng.choice(known), "stages.gan.iterations", "stages.0.updates.1.lr"))
            value = str(rng.choice(VALUES)) if rng.random() < 0.6 else rng.choice(PIECES)
            text = f"{key}={value}"
            given.append(change_text(text, rng) if rng.random() < 0.4 else text)
        return given

    def enter(given: list[str]) -> None:
        load_config(TrainConfig, path, ["shards=in", "run_dir=out", *given])

    return Door(make, enter, (WrongUse,))


PIECES_OF_MIX = ("happy", "anger:0.1", "Sad:.2", "fear:1e-1", "disgust:0", "", ":", "1=calm", ",")


def _timeline(folder: Path) -> Door:
    from emotalk.errors import WrongUse
    from emotalk.inference.emotion_timeline import (
        parse_timeline,
        timeline_weights,
    )
    from emotalk.schema import EMOTIONS

    del folder
    texts = (
        "happiness",
        "anger:0.3",
        "0=neutral,1.5=anger:0.8",
        "0=sadness:1,0.04=fear,0.08=disgust:0.5,3.96=neutral",
        "happiness:0.6+fear:0.4",
        "Angry:0.2+sad+calm",
        "linear,0=happy,2=fear:0.3+disgust:0.7",
        "step,0=Sad,0.4=happy:0.6+fear,1=neutral",
    )

    def make(rng: Random) -> str:
        if rng.random() < 0.2:
            return ",".join(f"{n / 9}={rng.choice(EMOTIONS)}" for n in range(rng.randint(1, 400)))
        if rng.random() < 0.1:
            return rng.choice(TEXTS)
        if rng.random() < 0.1:
            return "+".join(rng.choice(PIECES_OF_MIX) for _ in range(rng.randint(1, 30)))
        return change_text(rng.choice(texts), rng)

    def enter(text: str) -> None:
        import numpy as np

        weights_TE = timeline_weights(parse_timeline(text, EMOTIONS), EMOTIONS, 100)
        assert np.isfinite(weights_TE).all()
        assert (weights_TE >= 0).all()
        assert (weights_TE.sum(1) <= 1.0001).all()

    return Door(make, enter, (WrongUse,))


SURFACES = (
    Surface("yaml", 10_000, _yaml),
    Surface("overrides", 16_000, _overrides),
    Surface("time line", 28_000, _timeline),
)
