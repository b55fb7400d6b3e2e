"""What every node must read and where it must write comes from configuration and command line."""

from pathlib import Path

import pytest

from emotalk.preflight import paths
from emotalk.preflight.paths import beside, job_paths


def test_the_words_win_over_the_file_and_addresses_are_passed_over(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("source: s3://bucket/x\nlandmarks: {root: /models}\noutput: /other/out\n")
    read, write = job_paths(config, [f"output={tmp_path}/a/b/out", "clips=/my clips.csv"])
    assert read == [Path("/my clips.csv"), Path("/models")]
    assert write == tmp_path / "a" / "b" / "out"
    assert beside(write) == tmp_path, "the nearest folder that exists, and never the output itself"


def test_every_part_of_a_mixture_must_be_there(tmp_path: Path) -> None:
    words = ["shards=[{path: /a, weight: 0.7}, {path: /b}]", f"run_dir={tmp_path / 'run'}"]
    assert job_paths(tmp_path / "none.yaml", words)[0] == [Path("/a"), Path("/b")]


def test_a_run_folder_that_exists_is_written_beside_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    assert paths.main([str(tmp_path / "none.yaml"), f"run_dir={tmp_path}/run"]) == 0
    assert capsys.readouterr().out == f"write {tmp_path}\noutput {tmp_path}/run\n"


def test_an_object_store_has_no_folder(tmp_path: Path) -> None:
    assert job_paths(tmp_path / "none.yaml", ["output=s3://bucket/shards"]) == ([], None)


def test_vggs_file_counts_where_the_configuration_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "vgg.pth"
    weights.touch()
    monkeypatch.setattr(paths, "vgg19_file", lambda: weights)
    config = tmp_path / "c.yaml"
    config.write_text("losses: {perceptual: {network: vgg19}}\n")
    assert job_paths(config, [])[0] == [weights]
    assert job_paths(config, ["losses.perceptual.network=random"])[0] == []


def test_broken_yaml_is_left_to_the_job(tmp_path: Path) -> None:
    assert job_paths(tmp_path / "none.yaml", ["shards=[{", "source=*x"]) == ([], None)


def test_the_command_prints_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert paths.main([str(tmp_path / "c.yaml"), "shards=/a b", f"run_dir={tmp_path}/run"]) == 0
    assert capsys.readouterr().out == f"read /a b\nwrite {tmp_path}\n"
