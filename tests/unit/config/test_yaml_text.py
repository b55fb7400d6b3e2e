"""YAML that anybody may have written: values, or one reason, in bounded time."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from emotalk.cli import main
from emotalk.config.etl import EtlConfig
from emotalk.config.load import load_config
from emotalk.config.run import TrainConfig
from emotalk.config.yaml_text import parse_yaml
from emotalk.errors import WrongUse
from emotalk.printable import is_printable
from tests.helpers.shared import shared_data
from tests.helpers.tiny_training import tiny_config

ROOT = Path(__file__).parents[3]
NAMED = {"a": 1, "b": [1, 2.5, None, True], "c": {"d": "x: y", "e": []}, "f": 1e-4, "g": "0x"}


def test_plain_values_and_aliases_are_read() -> None:
    assert parse_yaml(yaml.safe_dump(NAMED)) == NAMED
    assert parse_yaml("a: &x {lr: 1}\nb: {<<: *x, c: 2}\nd: *x") == {
        "a": {"lr": 1}, "b": {"lr": 1, "c": 2}, "d": {"lr": 1},
    }  # fmt: skip
    assert parse_yaml("") is None


def test_off_and_no_are_texts_and_settings_that_are_true_or_false_take_them() -> None:
    assert parse_yaml("[off, On, yes, NO, true, False]") == ["off", "On", "yes", "NO", True, False]
    assert parse_yaml("[trueish, f, n]") == ["trueish", "f", "n"]
    words = ["corpus=folder", "source=a", "output=b", "quality.sync=off"]
    assert load_config(EtlConfig, None, words).quality.sync == "off"
    train = load_config(
        TrainConfig,
        ROOT / "configs" / "train" / "demo.yaml",
        ["shards=a", "run_dir=b", "data.balance.emotions=off", "tracking.mlflow.enabled=no"],
    )
    assert train.data.balance.emotions == "off"
    assert train.tracking.mlflow.enabled is False


BOMB = "\n".join(
    [f"a0: &a0 [{','.join('x' * 10)}]"]
    + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
)
TEXTS = {
    "alias bomb": (BOMB, "more than 20000 values once its aliases are written out"),
    "merge bomb": (BOMB.replace("[", "{<<: [").replace("]", "]}"), "not valid YAML"),
    "alias of itself": ("a: &a [*a]", "a value that contains itself"),
    "impossible date": ("seed: 2020-99-99", "not valid YAML: month must be in 1..12"),
    "digits": ("seed: " + "9" * 5000, "a number of 5000 characters"),
    "hexadecimal digits": ("seed: 0x" + "f" * 5000, "a number of 5002 characters"),
    "sexagesimal": ("seed: 1" + ":1" * 50_000, "a number of"),
    "brackets": ("[" * 3000, "nested more than 32 deep"),
    "braces": ("{a: " * 3000, "nested more than 32 deep"),
    "dashes": ("- " * 3000, "nested more than 32 deep"),
    "question marks": ("? " * 3000, "nested more than 32 deep"),
    "too large": ("a: " + "b" * 200_000, "more than 131072 bytes"),
    "python object": ("!!python/object/apply:os.system [true]", "could not determine a constr"),
    "tag that does not fit": ("seed: !!bool maybe", "a value that does not fit its tag"),
    "empty number": ('seed: !!int ""', "a value that does not fit its tag"),
    "no time": ("seed: !!timestamp now", "a value that does not fit its tag"),
    "half a letter": ('run_dir: "\\ud800"', "half of a surrogate pair"),
    "zero byte": ('run_dir: "a\\0b"', "a text with a zero byte"),
    "infinite": ("optim: {eps: .inf}", "eps: input should be a finite number, got inf"),
    "not a number": ("optim: {eps: .nan}", "eps: input should be a finite number, got nan"),
    "many keys": ("\n".join(f"k{n}: 1" for n in range(5000)), "and 4"),
    "long key": (f'? "{"k" * 50_000}"\n: 1', "unknown key"),
    "escapes": ('"\\e]0;owned\\a": 1', r"\x1b]0;owned\x07: unknown key"),
    "extends a list": ("extends: [a.yaml]", "expected the path of one file, got ['a.yaml']"),
    "extends a device": ("extends: /dev/zero", "/dev/zero: is a pipe or device"),
    "extends a pipe": ("extends: pipe", "pipe: is a pipe or device"),
    "extends a folder": ("extends: .", "Is a directory"),
}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_file_that_is_no_configuration_is_one_message(tmp_path: Path, name: str) -> None:
    text, words = TEXTS[name]
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WrongUse) as refusal:
        load_config(TrainConfig, tmp_path / "c.yaml")
    message = str(refusal.value)
    assert words in message
    assert all(is_printable(line) for line in message.splitlines())
    assert len(message) < 50_000


@pytest.mark.parametrize("name", sorted(n for n in TEXTS if not n.startswith("extends")))
def test_the_same_texts_on_the_command_line_are_one_message(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongUse):
        tiny_config(tmp_path, f"seed={TEXTS[name][0]}")


@pytest.mark.parametrize("file", ["aliasbomb_seed8.yaml", "date.yaml"])
def test_files_met_in_the_field_end_the_command_with_2(
    file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = shared_data("data/faults/hostile", file)
    words = ["evaluate", "--config", str(config), "--checkpoint", "c", "--shards", "s"]
    monkeypatch.setattr(sys, "argv", ["emotalk", *words, "--output", str(tmp_path / "o")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"{file}: not valid YAML: " in said


def test_bytes_that_are_no_text_a_loop_of_links_and_a_long_chain_are_named(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for number in range(20):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    for name, words in (
        ("bytes.yaml", "no UTF-8 text"),
        ("loop.yaml", "cannot read the configuration"),
        ("0.yaml", "extends more than 16 files"),
        ("n" * 300, "File name too long"),
        ("a\0b", "cannot read the configuration"),
    ):
        with pytest.raises(WrongUse, match=words):
            load_config(TrainConfig, tmp_path / name)
