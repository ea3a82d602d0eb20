"""SVG as text: elements whose content and attributes are escaped, and the frame around every plot."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from coordinator.plots.style import STYLE

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, however they are written (XML 1.0, production 2)."""
Attribute = str | float | None


def element(name: str, *children: str, **attributes: Attribute) -> str:
    """An element.

    Args:
        name: of the element.
        children: elements, or texts that `text_of` has escaped.
        attributes: `class_` is class, and other underscores are hyphens; those that are None are left out.
    """
    written = "".join(f" {_named(key)}={_value(value)}" for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def text_of(text: str) -> str:
    """A text as it may stand in an element."""
    return escape(_NOT_XML.sub("\ufffd", text))


def words(text: str, x: float, y: float, class_: str = "") -> str:
    """A line of text at its baseline."""
    return element("text", text_of(text), x=x, y=y, class_=class_ or None)


def document(name: str, title: str, description: str, size: tuple[float, float], *body: str) -> str:
    """A whole plot, to stand in a page that has the stylesheet.

    Args:
        name: of the plot; identifiers begin with it, so a page can hold one of each.
        title: its name to whoever does not see it.
        description: what there is to see, in words.
        size: width and height, in pixels.
        body: the elements.
    """
    width, height = size
    return element(
        "svg",
        element("title", text_of(title), id=f"{name}-title"),
        element("desc", text_of(description), id=f"{name}-desc"),
        element("rect", class_="paper", width=width, height=height),
        *body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        class_="plot",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
    )


def standalone(svg: str) -> str:
    """The plot with its stylesheet in it, to stand in a file of its own."""
    opening, _, rest = svg.partition(">")  # within attributes that sign is escaped
    return f"{opening}>{element('style', text_of(STYLE))}{rest}"


def _named(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: Attribute) -> str:
    if isinstance(value, str):
        return quoteattr(_NOT_XML.sub("\ufffd", value))
    return f'"{round(value or 0.0, 2):.10g}"'
