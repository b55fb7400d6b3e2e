"""The rules that make faults: for a node of the syntax tree, the texts that may stand in its place.

What only people read is left alone: annotations, docstrings, messages of exceptions, logging.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Change: TypeAlias = tuple[str, ast.expr | ast.stmt, str]  # rule, the node replaced, its new text

RULES = (
    "sign",
    "operator",
    "comparison",
    "boundary",
    "argument dropped",
    "argument swapped",
    "call dropped",
    "constant",
    "negation",
    "return value",
)
OPERATORS: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.FloorDiv(),
    ast.Pow: ast.Mult(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
}
OPPOSITES: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.Lt: ast.GtE(),
    ast.LtE: ast.Gt(),
    ast.Gt: ast.LtE(),
    ast.GtE: ast.Lt(),
}
NEIGHBOURS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
}
# Changes of type alone: without them Python goes on with an equal value, and mypy tells.
CONVERSIONS = {"float", "int", "str", "bool", "tuple", "list", "Path", "cast", "asarray", "tolist"}
# Arguments that no test on a CPU can miss: a length that is checked once more, a tensor's device.
SILENT_ARGUMENTS = {"strict", "device"}
COMMUTATIVE = {"max", "min", "maximum", "minimum", "gcd", "lcm", "hypot"}
NO_CONTEXT = "__import__('contextlib').nullcontext()"
TOLD = ("logger.", "logging.", "LOG.", "warnings.")


def changes_of(node: ast.AST) -> Iterator[Change]:
    """Yield what each rule makes of one node, its children left aside."""
    for kind, rule in MAKERS.items():
        if isinstance(node, kind):
            yield from rule(node)


def skipped_children(node: ast.AST) -> list[ast.AST]:
    """Return the children in which no fault is made."""
    skipped: list[ast.AST | None] = []
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
        return list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call) and is_said(node):
        return list(ast.iter_child_nodes(node))
    if isinstance(node, ast.arg):
        return list(ast.iter_child_nodes(node))
    if isinstance(node, ast.keyword) and node.arg in SILENT_ARGUMENTS:
        return [node.value]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        skipped += [*node.decorator_list, node.returns]
    if isinstance(node, ast.ClassDef):
        skipped += [*node.decorator_list, *node.bases, *node.keywords]
    if isinstance(node, ast.AnnAssign):
        skipped.append(node.annotation)
        if isinstance(node.annotation, ast.Name) and node.annotation.id == "TypeAlias":
            skipped.append(node.value)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        skipped.append(node.value)
    return [child for child in skipped if child is not None]


def is_said(call: ast.Call) -> bool:
    """Return whether a call only tells people something, or makes a name for types."""
    name = ast.unparse(call.func)
    return name.startswith(TOLD) or name in ("TypeVar", "cast")


def _compared(node: ast.Compare) -> Iterator[Change]:
    for index, operator in enumerate(node.ops):
        for rule, table in (("comparison", OPPOSITES), ("boundary", NEIGHBOURS)):
            other = table.get(type(operator))
            if other is not None:
                ops = [*node.ops[:index], other, *node.ops[index + 1 :]]
                yield rule, node, _wrapped(ast.Compare(node.left, ops, node.comparators))


def _calculated(node: ast.BinOp) -> Iterator[Change]:
    if _is_text(node.left) or _is_text(node.right):
        return
    other = OPERATORS.get(type(node.op))
    if other is not None:
        yield "operator", node, _wrapped(ast.BinOp(node.left, other, node.right))
    if isinstance(node.op, ast.Sub):
        yield "sign", node, _wrapped(ast.BinOp(node.right, node.op, node.left))


def _assigned(node: ast.AugAssign) -> Iterator[Change]:
    other = OPERATORS.get(type(node.op))
    if other is not None:
        yield "operator", node, ast.unparse(ast.AugAssign(node.target, other, node.value))


def _constants(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "negation", node, str(not value)
    elif isinstance(value, int):
        yield "constant", node, str(value + 1)
    elif isinstance(value, float):
        yield "constant", node, repr(value * 2 if value else 1.0)


def _joined(node: ast.BoolOp) -> Iterator[Change]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "operator", node, _wrapped(ast.BoolOp(other, node.values))


def _prefixed(node: ast.UnaryOp) -> Iterator[Change]:
    if isinstance(node.op, ast.USub | ast.Not):
        rule = "sign" if isinstance(node.op, ast.USub) else "negation"
        yield rule, node, _wrapped(node.operand)


def _stated(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call) and not is_said(node.value):
        yield "call dropped", node, "pass"


def _called(node: ast.Call) -> Iterator[Change]:
    if is_said(node):
        return
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None and keyword.arg not in SILENT_ARGUMENTS:
            kept = [*node.keywords[:index], *node.keywords[index + 1 :]]
            yield "argument dropped", node, _wrapped(ast.Call(node.func, node.args, kept))
    plain = [argument for argument in node.args if not isinstance(argument, ast.Starred)]
    if len(plain) == len(node.args) > 1:
        fewer = ast.Call(node.func, node.args[:-1], node.keywords)
        yield "argument dropped", node, _wrapped(fewer)
        commutes = ast.unparse(node.func).rpartition(".")[2] in COMMUTATIVE
        for index in range(0 if commutes else len(plain) - 1):
            turned = [*plain[:index], plain[index + 1], plain[index], *plain[index + 2 :]]
            yield "argument swapped", node, _wrapped(ast.Call(node.func, turned, node.keywords))
    yield from _uncalled(node, plain)


def _uncalled(node: ast.Call, plain: list[ast.expr]) -> Iterator[Change]:
    name = ast.unparse(node.func).rpartition(".")[2]
    if name in CONVERSIONS or name[:1].isupper():
        return
    if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Constant):
        yield "call dropped", node, _wrapped(node.func.value)
    elif len(plain) == len(node.args) == 1 and not node.keywords:
        yield "call dropped", node, _wrapped(plain[0])


def _decided(node: ast.If | ast.While | ast.IfExp) -> Iterator[Change]:
    yield "negation", node.test, _negated(node.test)


def _filtered(node: ast.comprehension) -> Iterator[Change]:
    for test in node.ifs:
        yield "negation", test, _negated(test)


def _within(node: ast.With) -> Iterator[Change]:
    for item in node.items:
        if item.optional_vars is None:
            yield "call dropped", item.context_expr, NO_CONTEXT


def _returned(function: ast.FunctionDef) -> Iterator[Change]:
    """Yield, for each value a function returns, an empty or opposite one of its type."""
    kind = ast.unparse(function.returns) if function.returns else ""
    for node in _returns(function):
        assert node.value is not None
        value = ast.unparse(node.value)
        yield "return value", node.value, _instead(kind, value)


def _returns(function: ast.FunctionDef) -> Iterator[ast.Return]:
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))


def _instead(kind: str, value: str) -> str:
    if kind == "bool":
        return f"(not ({value}))"
    if kind in ("int", "float", "Tensor"):
        return f"(({value}) + 1)"
    if kind in ("Floats", "Doubles"):
        return f"(({value}) * 2)"
    for start, empty in (("list", "[]"), ("tuple", "()"), ("dict", "{}"), ("Mapping", "{}")):
        if kind.startswith(start):
            return empty
    return "''" if kind == "str" else "None"


def _is_text(node: ast.expr) -> bool:
    text = isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    return text or isinstance(node, ast.JoinedStr)


def _negated(test: ast.expr) -> str:
    return f"(not ({ast.unparse(test)}))"


def _wrapped(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


MAKERS: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.Compare: _compared,
    ast.BinOp: _calculated,
    ast.AugAssign: _assigned,
    ast.BoolOp: _joined,
    ast.UnaryOp: _prefixed,
    ast.Constant: _constants,
    ast.Call: _called,
    ast.Expr: _stated,
    ast.FunctionDef: _returned,
    ast.If: _decided,
    ast.While: _decided,
    ast.IfExp: _decided,
    ast.comprehension: _filtered,
    ast.With: _within,
}
