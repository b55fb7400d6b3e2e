"""Put the ready configurations into the built package; all else stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONFIGS = Path(__file__).parent / "configs"


class BuildWithConfigs(build_py):
    """Builds the package with `configs/` as `emotalk/configs/`; a checkout uses its own folder."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "emotalk" / "configs"
            shutil.copytree(CONFIGS, target, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
