"""A process that hangs ends the run with a code of its own, after all have said where they are."""

import json
import os
from pathlib import Path

import pytest

from tests.helpers.run_to_end import run_to_end
from tests.helpers.tiny_training import tiny_shards, tiny_yaml, train_command

pytestmark = pytest.mark.distributed

# The second process stops for good before its third step.
HANGS = """
import os, runpy, sys, time
sys.argv = sys.argv[1:]
from emotalk.training import trainer
plain = trainer.Trainer._next_batch
def sleeping(self):
    if os.environ["RANK"] == "1" and self.state.step == 2:
        time.sleep(3600)
    return plain(self)
trainer.Trainer._next_batch = sleeping
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_every_process_writes_its_stacks_and_the_status_has_the_code_of_a_hang(
    tmp_path: Path,
) -> None:
    config, run_dir = tiny_yaml(tmp_path, tiny_shards(tmp_path / "shards")), tmp_path / "run"
    words = ("stages.gan.iterations=9", "checkpoint.every=0", "runtime.watchdog.step_s=12")
    command, environment = train_command(config, run_dir, *words, processes=2)
    script = tmp_path / "hangs.py"
    script.write_text(HANGS, encoding="utf-8")
    place = next(n for n, word in enumerate(command) if word.endswith("train.py"))
    command.insert(place, str(script))
    root = Path(command[place + 1]).parent
    environment["PYTHONPATH"] = os.pathsep.join([str(root), environment.get("PYTHONPATH", "")])
    done = run_to_end(command, environment)
    status = json.loads((run_dir / "status.json").read_text(encoding="utf-8"))
    assert (status["state"], status["code"], status["may_pass"]) == ("failed", 86, True), status
    assert "exitcode  : 86" in done.stderr
    logs = [(run_dir / "logs" / f"rank-000{n}.log").read_text(encoding="utf-8") for n in (0, 1)]
    assert "in sum_on_host" in logs[0], "it waits for the other one"
    assert "in sleeping" in logs[1]
    assert all("runtime.watchdog.step_s" in log for log in logs)
    for rank in (0, 1):
        path = run_dir / "logs" / f"collectives-rank-000{rank}.json"
        calls = json.loads(path.read_text(encoding="utf-8"))["entries"]
        assert "gloo:all_reduce" in {call["profiling_name"] for call in calls}
