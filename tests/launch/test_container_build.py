"""The image builds, runs README's first commands as a plain user, and keeps its package layer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.container_build import Builder, what_is_missing
from tests.helpers.distributions import copy_project
from tests.helpers.readme_commands import printed
from tests.helpers.tiny_training import ROOT

MISSING = what_is_missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]
IMAGE = "localhost/emotalk"
STAGES = {"emotion": 4, "initialise": 20, "gan": 2}  # iterations: the way is tried, not learning
USER = "10001"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    made = Builder(tmp_path_factory.mktemp("images"))
    try:
        made.make_base()
        yield made
    finally:
        made.remove_all()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def image(builder: Builder, project: Path) -> str:
    builder.build(project, IMAGE)
    return IMAGE


@pytest.fixture(scope="module")
def container(builder: Builder, image: str) -> str:
    return builder.start(image)


def test_it_runs_as_a_plain_user_who_owns_the_project(builder: Builder, container: str) -> None:
    said = builder.run(container, "id -u; pwd; touch written; stat -c %u written train.py")
    assert said.split() == [USER, "/opt/emotalk", USER, USER]


def test_setup_finds_the_environment_made(builder: Builder, container: str) -> None:
    assert "Nothing to be done" in builder.run(container, "make setup")


def test_readmes_first_commands_make_their_videos(builder: Builder, container: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [x for x in printed(text) if x.startswith("emotalk generate --image emotalk/")]
    assert len(lines) == 2
    for line in lines:
        video = line.split("--output ")[1].split()[0]
        builder.run(container, f"{line} && test -s {video}")


def test_the_demo_ends_with_its_table_and_video(builder: Builder, container: str) -> None:
    stages = " ".join(f"stages.{name}.iterations={number}" for name, number in STAGES.items())
    said = builder.run(container, f"make demo ACTORS=6 CLIPS=6 OVERRIDES='{stages}'")
    assert "6 clips of 1 actor" in said
    assert "\nMLflow " in said  # of the last lines
    for name in ("talking.mp4", "faces.png", "report/report.html"):
        builder.run(container, f"test -s demo/drawn/{name}")


def test_a_changed_line_of_code_or_text_leaves_the_package_layer(
    builder: Builder, image: str, project: Path
) -> None:
    """Of the layers only the last two differ: the project's files and the set-up's mark."""
    for name in ("emotalk/errors.py", "README.md"):
        with (project / name).open("a", encoding="utf-8") as file:
            file.write("\n# changed\n")
    said = builder.build(project, f"{IMAGE}:changed")
    assert "Collecting" not in said
    before, after = builder.layers(image), builder.layers(f"{IMAGE}:changed")
    assert len(before) == len(after) > 4
    assert before[:-2] == after[:-2]
    assert before[-2] != after[-2]
    changed = builder.start(f"{IMAGE}:changed")
    assert builder.run(changed, "tail -n 1 emotalk/errors.py; emotalk doctor --help").startswith(
        "# changed"
    )
