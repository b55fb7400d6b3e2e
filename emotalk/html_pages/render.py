"""Render templates to self-contained pages whose every text is escaped."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from emotalk.printable import printable

SHARED = Path(__file__).parent
LONGEST = 120  # characters of a text, unless a template says otherwise


def render_page(
    template: Path,
    content: Mapping[str, Any],
    *,
    filters: Mapping[str, Callable[..., object]] | None = None,
) -> bytes:
    """Return the page of a template that may include `style.css` of this folder.

    The filter `shown` makes a text printable and short. Texts are escaped by the template engine;
    `shown` does not replace that.

    Raises:
        jinja2.UndefinedError: the template uses a name that `content` does not have.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["shown"] = shown
    environment.filters |= filters or {}
    page = environment.get_template(template.name).render(**content)
    return page.encode("utf-8", "backslashreplace")


def shown(text: object, longest: int = LONGEST) -> str:
    """Return a value as one printable line of `longest` characters at most."""
    return printable(str(text), longest=longest)


def data_address(data: bytes, media_type: str) -> str:
    """Return an address that holds the data itself, as `image/png` or `video/mp4`."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
