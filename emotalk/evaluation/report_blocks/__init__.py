"""Collect the parts of a report's page.

Each part is one module of this package with a `BLOCK`. They stand in the order of their numbers:
below 20 what was evaluated, 20 to 39 figures, 40 to 79 figures of one kind, from 80 on notes.
"""

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from emotalk.evaluation.report import Report
from emotalk.evaluation.report_block import Block, Section, section_of


def load_blocks() -> tuple[Block, ...]:
    """Return the block of every module of this package, in the order of the page."""
    names = sorted(module.name for module in iter_modules(__path__))
    blocks: Sequence[Block] = [import_module(f"{__name__}.{name}").BLOCK for name in names]
    return tuple(sorted(blocks, key=lambda block: block.order))


BLOCKS = load_blocks()


def sections(report: Report) -> list[Section]:
    """Return the parts of the report's page that have something to show."""
    found = [section_of(block, report) for block in BLOCKS]
    return [section for section in found if section.content]
