"""Faults of code, made by rule: where each could be set into a source file, and its text there."""

import ast
import hashlib
from collections import Counter
from dataclasses import dataclass, replace

from tests.mutants.rules import changes_of, skipped_children


@dataclass(frozen=True)
class Fault:
    """One change of one place in one file.

    Attributes:
        file: path in the project, `/` between its parts.
        function: qualified name of the function around the place; empty at the top of the module.
        rule: the kind of change, one of `rules.RULES`.
        line: number of the line, from 1.
        code: the line as it stands, without its indentation.
        before: the changed expression or statement.
        after: what stands there instead.
        span: first and last byte (exclusive) of the place in the file.
        nth: counts equal changes of equal lines of one function, from 0.
    """

    file: str
    function: str
    rule: str
    line: int
    code: str
    before: str
    after: str
    span: tuple[int, int]
    nth: int = 0

    @property
    def key(self) -> str:
        """The fault's name: its code, never its line number, which moves."""
        return " | ".join(
            (self.file, self.function, self.code, f"{self.before} -> {self.after}", str(self.nth))
        )

    @property
    def change(self) -> str:
        """The change as one line for a table."""
        return f"{_one_line(self.before)}  ->  {_one_line(self.after)}"

    def set_into(self, source: bytes) -> bytes:
        """Return the file's bytes with the fault in them."""
        start, end = self.span
        return source[:start] + self.after.encode() + source[end:]


def faults_of(file: str, source: bytes) -> list[Fault]:
    """Return every fault that the rules make in a file, in the order of its lines.

    A change that leaves the program the same is no fault.
    """
    lines = tuple(source.decode().splitlines())
    made: list[Fault] = []
    _visit(ast.parse(source), _Place(file, source, lines, _line_starts(source), ""), made)
    return _numbered(sorted(made, key=lambda fault: (fault.span, fault.rule, fault.after)))


@dataclass(frozen=True)
class _Place:
    file: str
    source: bytes
    lines: tuple[str, ...]
    starts: tuple[int, ...]
    function: str

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def fault(self, node: ast.expr | ast.stmt, rule: str, after: str) -> Fault:
        start, end = self.span(node)
        return Fault(
            file=self.file,
            function=self.function,
            rule=rule,
            line=node.lineno,
            code=self.lines[node.lineno - 1].strip(),
            before=self.source[start:end].decode(),
            after=after,
            span=(start, end),
        )


def _visit(node: ast.AST, place: _Place, made: list[Fault]) -> None:
    skipped = skipped_children(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        place = replace(place, function=f"{place.function}.{node.name}".lstrip("."))
    for rule, target, after in changes_of(node):
        if _differs(target, after):
            made.append(place.fault(target, rule, after))
    for child in ast.iter_child_nodes(node):
        if not any(child is other for other in skipped):
            _visit(child, place, made)


def _differs(node: ast.expr | ast.stmt, after: str) -> bool:
    """Return whether the new text is another program than the old one, not only written anew."""
    return isinstance(node, ast.stmt) or ast.dump(ast.parse(after, mode="eval").body) != ast.dump(
        node
    )


def _numbered(faults: list[Fault]) -> list[Fault]:
    seen: Counter[str] = Counter()
    numbered = []
    for fault in faults:
        numbered.append(replace(fault, nth=seen[fault.key]))
        seen[fault.key] += 1
    return numbered


def _line_starts(source: bytes) -> tuple[int, ...]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return tuple(starts)


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 90 else f"{words[:87]}..."


def order_of(seed: int, fault: Fault) -> str:
    """Return where a fault stands in the draw of a seed; other faults do not move it."""
    return hashlib.sha256(f"{seed}/{fault.key}".encode()).hexdigest()
