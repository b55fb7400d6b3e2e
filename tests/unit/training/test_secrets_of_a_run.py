"""A run on shards behind a signed address works, and the secret is written and shown nowhere."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotalk.config.run import TrainConfig
from emotalk.config.shards import sources_of
from emotalk.errors import WrongUse
from emotalk.runs.dry_run import describe
from emotalk.runs.folder import check_run_folder, open_run_folder
from emotalk.runs.status import write_status
from emotalk.runs.tags import run_tags
from emotalk.shards.joined_set import open_shards
from emotalk.shards.reader import SampleReader
from emotalk.shards.shard_set import ShardSet
from emotalk.tracking.params import as_params
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.tiny_training import tiny_config, tiny_shards

USER, PASSWORD, SIGNATURE = "anna", "pw0123456789", "sg0123456789"


class Guarded(SimpleHTTPRequestHandler):
    """Serves files to those alone who give both the password and the signature."""

    def do_GET(self) -> None:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        signed = self.path.partition("?")[2] == f"sv=1&sig={SIGNATURE}"
        if self.headers.get("Authorization") != f"Basic {wanted}" or not signed:
            self.send_error(403)
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("served")
    tiny_shards(root / "shards")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Guarded, directory=str(root))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        yield f"http://{USER}:{PASSWORD}@{host}/shards?sv=1&sig={SIGNATURE}"
        server.shutdown()


@pytest.fixture
def config(address: str, tmp_path: Path) -> TrainConfig:
    return tiny_config(
        tmp_path, f"shards={address}", f"data.remote.cache_dir={tmp_path / 'cache'}",
        f"tracking.mlflow.uri=http://{USER}:{PASSWORD}@127.0.0.1:9",
    )  # fmt: skip


def holds_secret(text: str) -> bool:
    return PASSWORD in text or SIGNATURE in text


def address_of(config: TrainConfig) -> str:
    return sources_of(config.shards)[0].path


def test_shards_behind_a_password_and_a_signature_are_read(config: TrainConfig) -> None:
    assert holds_secret(address_of(config))
    shard_set = open_shards(config.shards, config.data.remote)
    sample = shard_set.split("train").samples[0]
    assert SampleReader(shard_set, verify=True).read(sample, ["json"])
    assert not holds_secret(shard_set.location)


def test_a_renewed_signature_finds_the_copies_of_the_old_one(config: TrainConfig) -> None:
    shard_set = open_shards(config.shards, config.data.remote)
    sample = shard_set.split("train").samples[0]
    SampleReader(shard_set).read(sample, ["json"])
    copies = sorted(config.data.remote.cache_dir.rglob("*.tar"))
    renewed = address_of(config).replace("sv=1", "sv=2")  # which this server does not know
    with pytest.raises(WrongUse, match="no shard set here") as caught:
        ShardSet.open(renewed, config.data.remote.model_copy(update={"tries": 1}))
    assert not holds_secret(str(caught.value))
    assert sorted(config.data.remote.cache_dir.rglob("*.tar")) == copies
    assert len({copy.parent for copy in copies}) == 1


def test_nothing_a_run_writes_or_shows_holds_a_secret(config: TrainConfig) -> None:
    open_run_folder(config, None)
    write_status(config.run_dir, "failed", f"OSError: {config.shards}: 403")
    files = [path for path in config.run_dir.rglob("*") if path.is_file()]
    assert {"config.yaml", "status.json"} <= {path.name for path in files}
    told = [path.read_text() for path in files]
    told += [str(run_tags(config, None)), str(as_params(config.model_dump(mode="json")))]
    told += [describe(config)]
    assert [text[:300] for text in told if holds_secret(text)] == []
    assert "http://***@127.0.0.1:" in "".join(told)


def test_a_run_goes_on_whose_written_configuration_is_masked(config: TrainConfig) -> None:
    open_run_folder(config, None)
    assert not check_run_folder(config, None)
    renewed = config.model_copy(update={"shards": address_of(config).replace(SIGNATURE, "another")})
    assert not check_run_folder(renewed, None)


def test_a_masked_address_cannot_be_trained_on_and_says_so(config: TrainConfig) -> None:
    with pytest.raises(WrongUse, match=r"shards: .*give the whole address again: shards="):
        ShardSet.open("http://***@127.0.0.1:9/shards?sig=***")


def run_of(config: TrainConfig) -> TrainConfig:
    """Return the configuration after a run folder with a checkpoint was made for it."""
    open_run_folder(config, None)
    checkpoint = config.run_dir / "checkpoints" / "step-000002"
    write_tiny_model(checkpoint)
    (checkpoint / "state.json").write_text(json.dumps({"step": 2}))
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(checkpoint.iterdir())
    )
    (checkpoint / "SHA256SUMS").write_text(sums)
    (checkpoint.parent / "latest").write_text(f"{checkpoint.name}\n")
    return config


def test_a_dry_run_runs_no_command(config: TrainConfig, tmp_path: Path) -> None:
    command = f"pipe:touch {tmp_path / 'ran'}; false {{}}"
    piped = config.model_copy(update={"shards": command})
    said = describe(piped)
    begun = run_of(piped)  # whose shards a run that goes on is compared with
    assert "goes on from" in describe(begun)
    assert "a command; a dry run runs none" in said
    assert "checkpoints/step-XXXXXX/" in said
    assert not (tmp_path / "ran").exists()
