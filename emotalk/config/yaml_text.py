"""Parse untrusted YAML text within bounds of size, depth and time."""

import re
from typing import Any

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

MAX_BYTES = 128 * 2**10  # the configurations here have less than 5
MAX_DEPTH = 32
MAX_VALUES = 20_000  # once aliases are written out
LONGEST_NUMBER = 400  # characters of a number or date
BOOL = "tag:yaml.org,2002:bool"
COUNTED = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")
# Errors that PyYAML's constructors raise besides their own: an impossible date, a number of
# thousands of digits, `!!bool maybe`, `!!int ""`, `!!timestamp now`.
CONSTRUCTOR_ERRORS = (
    yaml.YAMLError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)


def parse_yaml(text: str) -> Any:
    """Return the plain values, lists and mappings that YAML text holds.

    Raises:
        ValueError: not YAML, or beyond what a configuration needs in size, depth, number of values
            or digits.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ValueError(f"has more than {MAX_BYTES} bytes, too many for a configuration")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _count_values(node, {})
        return loader.construct_document(node)
    except CONSTRUCTOR_ERRORS as error:
        unfit = isinstance(error, LookupError | TypeError | AttributeError)
        said = "a value that does not fit its tag" if unfit else " ".join(str(error).split())
        raise ValueError(said[:400]) from None


class _Loader(yaml.SafeLoader):
    """Load YAML as PyYAML's safe loader does, but refuse deep nesting and endless numbers.

    As in YAML 1.2, `off`, `on`, `yes` and `no` are texts: `off` is a value of several settings. A
    setting that is true or false takes them too.
    """

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Return the next value; raise if the text nests deeper than `MAX_DEPTH`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} deep")
        node: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_scalar_node(self, anchor: dict[str, Node]) -> ScalarNode:
        """Return a single value; raise if it can be no number, date or file name."""
        node: ScalarNode = super().compose_scalar_node(anchor)
        if node.tag in COUNTED and len(node.value) > LONGEST_NUMBER:
            raise ValueError(f"a number of {len(node.value)} characters")
        if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in node.value):
            raise ValueError("a text with a zero byte or half of a surrogate pair")
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    BOOL, re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _count_values(node: Node, counts: dict[int, int]) -> int:
    """Return how many values a node holds once its aliases are written out.

    `counts` holds those of the nodes counted before, by identity; 0 while they are being counted.

    Raises:
        ValueError: more than `MAX_VALUES`, or a value that contains itself.
    """
    if not isinstance(node, CollectionNode):
        return 1
    known = counts.get(id(node))
    if known == 0:
        raise ValueError("a value that contains itself")
    if known is not None:
        return known
    counts[id(node)] = 0
    parts = node.value
    if isinstance(node, MappingNode):
        parts = [part for pair in node.value for part in pair]
    total = 1
    for part in parts:
        total += _count_values(part, counts)
        if total > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES} values once its aliases are written out")
    counts[id(node)] = total
    return total
