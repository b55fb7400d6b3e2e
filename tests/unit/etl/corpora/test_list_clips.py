"""Every corpus is one file, found by its name."""

from pathlib import Path

import pytest

import etl.corpora
from emotalk.errors import WrongUse
from etl.corpora import list_clips
from etl.job.plan import make_plan
from tests.helpers.corpora import config, touch


@pytest.mark.parametrize("corpus", ["crema_d", "mead", "folder"])
def test_a_source_that_is_not_there_or_not_that_corpus_is_refused(
    tmp_path: Path, corpus: str
) -> None:
    with pytest.raises(WrongUse, match="no such folder"):
        list_clips(config(corpus, tmp_path / "nowhere"))
    with pytest.raises(WrongUse, match=r"VideoFlash|ACTOR/video|clips\.csv"):
        list_clips(config(corpus, tmp_path))


GRID = '''
"""List GRID: one folder a speaker, no emotion but neutral."""

from emotalk.config.etl import EtlConfig
from emotalk.schema import ClipLabel
from etl.corpora.listing import Listing, SourceClip
from etl.corpora.source import open_source


def list_clips(config: EtlConfig) -> Listing:
    source = open_source(config)
    clips = []
    for name in source.files("") or []:
        actor, _, stem = name.removesuffix(".mpg").partition("/")
        label = ClipLabel(f"{actor}_{stem}", name, actor, "neutral")
        clips.append(SourceClip(label, source.media(name)))
    return Listing(tuple(clips))
'''


def test_a_new_corpus_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the file it only needs its name among the values of the setting `corpus`."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "grid.py").write_text(GRID)
    monkeypatch.setattr(etl.corpora, "__path__", [*etl.corpora.__path__, str(tmp_path / "new")])
    source = touch(tmp_path / "grid", *(f"s{n}/bbaf2n.mpg" for n in (1, 2, 3)))
    settings = config("folder", source).model_copy(update={"corpus": "grid"})
    plan = make_plan(settings)
    assert sorted(plan.clips) == ["s1_bbaf2n", "s2_bbaf2n", "s3_bbaf2n"]
    assert sorted(plan.split_of.values()) == ["test", "train", "val"]
    assert plan.config["corpus"] == "grid"
