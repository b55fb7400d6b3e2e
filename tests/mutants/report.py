"""What people read of a run: a table, and every survivor with its line."""

from collections.abc import Sequence

from tests.mutants.faults import Fault
from tests.mutants.sample import PACKAGES
from tests.mutants.trial import Tried

WANTED_SHARE = 0.95
COLUMNS = ("made", "caught", "timeout", "survived", "explained")


def package_of(file: str) -> str:
    """Return the package that a file belongs to."""
    return next(name for name, folder in PACKAGES.items() if file.startswith(f"{folder}/"))


def is_good(tried: Sequence[Tried]) -> bool:
    """Return whether enough were caught and each survivor is explained."""
    caught = sum(one.result.state != "survived" for one in tried)
    return caught >= WANTED_SHARE * len(tried) and not any(one.open for one in tried)


def table(tried: Sequence[Tried]) -> str:
    """Return the counts of each package and their sum."""
    lines = [
        f"{'package':12}{'made':>6}{'caught':>8}{'timeout':>9}{'survived':>10}{'explained':>11}"
    ]
    for name in PACKAGES:
        own = [one for one in tried if package_of(one.fault.file) == name]
        if own:
            lines.append(_row(name, own))
    return "\n".join([*lines, _row("all", tried)])


def survivors(tried: Sequence[Tried]) -> str:
    """Return one paragraph for each fault that no test noticed."""
    lines = []
    for one in tried:
        if one.result.state == "survived":
            fault = one.fault
            lines.append(f"{fault.file}:{fault.line}  [{fault.rule}]  {fault.function}")
            lines.append(f"    {fault.change}")
            lines.append(f"    explained: {one.reason}" if one.reason else f"    {_name(fault)}")
    return "\n".join(lines)


def _name(fault: Fault) -> str:
    """Return what names the fault in equivalent.yaml."""
    which = f"    nth: {fault.nth}" if fault.nth else ""
    return f"code: {fault.code}    change: {fault.before} -> {fault.after}{which}"


def _row(name: str, tried: Sequence[Tried]) -> str:
    states = [one.result.state for one in tried]
    explained = sum(one.result.state == "survived" and bool(one.reason) for one in tried)
    counts = [states.count(state) for state in ("caught", "timeout", "survived")]
    return f"{name:12}" + "".join(f"{count:10}" for count in (len(tried), *counts, explained))
