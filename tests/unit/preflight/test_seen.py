"""A node says which of the others' files it does not see."""

from pathlib import Path

import pytest

from emotalk.preflight import seen
from emotalk.preflight.lines import joined


def test_what_other_nodes_wrote_elsewhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "lab1")
    (tmp_path / "probe").mkdir()
    (tmp_path / "probe" / "lab1").write_text("lab1")
    words = ["--write", str(tmp_path), "--probe", "probe", "--nodes", "lab1,lab2"]
    assert seen.main(words) == 0
    said = joined(capsys.readouterr().out.splitlines())
    assert said == {("seen", "lab1"): {"unseen": ["lab2"]}}
