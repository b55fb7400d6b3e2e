"""One clip's work on a node that lacks what the driver's has."""

import socket
from pathlib import Path

import pytest

from emotalk.config.etl import EtlConfig
from emotalk.config.load import load_config
from etl.executor import NodeUnfit
from etl.job.plan import make_plan
from etl.job.worker import process_clip


def test_a_node_without_the_models_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "source" / f"{number}.mp4").write_bytes(b"a clip")
    rows = "".join(f"{n}.mp4,a{n},neutral,\n" for n in (1, 2, 3))
    (tmp_path / "source" / "clips.csv").write_text(f"clip,actor,emotion,level\n{rows}")
    words = [f"source={tmp_path / 'source'}", f"output={tmp_path / 'out'}"]
    words.append(f"landmarks.root={tmp_path / 'nowhere'}")
    config = load_config(EtlConfig, Path("configs/etl/folder.yaml"), words)
    with pytest.raises(NodeUnfit) as error:
        process_clip(next(iter(make_plan(config).clips.values())), config, tmp_path / "store")
    for part in (f"on {socket.gethostname()}: ", str(tmp_path / "nowhere"), "--exclude=NODE"):
        assert part in str(error.value)
