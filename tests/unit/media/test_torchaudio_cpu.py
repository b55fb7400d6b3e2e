"""torchaudio is imported with any build; other errors are raised."""

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

from emotalk.media import torchaudio_cpu


def in_a_fresh_process(code: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    return run.stdout.strip()


def test_resampling_works_with_the_installed_build() -> None:
    code = (
        "import torch\n"
        "from emotalk.media.torchaudio_cpu import functional\n"
        "import sys\n"
        "sys.stdout.write(str(functional().resample(torch.ones(100), 10, 5).shape[0]))"
    )
    assert in_a_fresh_process(code) == "50"


def test_an_installation_that_loads_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("torchaudio")
    monkeypatch.setattr(importlib, "import_module", lambda name: real)
    assert torchaudio_cpu.torchaudio() is real


def test_only_the_native_library_is_stood_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise OSError("disk on fire")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(OSError, match="disk on fire"):
        torchaudio_cpu.torchaudio()


def test_the_stand_in_reports_no_extension_and_refuses_what_needs_one() -> None:
    absent = torchaudio_cpu._absent_extension()
    assert not absent._IS_TORCHAUDIO_EXT_AVAILABLE
    assert not absent._load_lib("libtorchaudio")

    def forced_align() -> None: ...

    with pytest.raises(RuntimeError, match="forced_align needs torchaudio's native library"):
        absent.fail_if_no_align(forced_align)()
