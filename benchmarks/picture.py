"""Panels with axes, as SVG: what the pages of docs/ show. A white ground, so that it reads on a dark page too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 330, 300
"""Of a panel, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 42, 52
"""Room around the axes."""
INK, FAINT = "#222222", "#c8c8c8"
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"


@dataclass
class Panel:
    """One set of axes. Positions are in the axes' own units."""

    title: str
    x_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    parts: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def line(self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 2.0, dash: str = "") -> None:
        places = " ".join(f"{self.x(a):.1f},{self.y(b):.1f}" for a, b in points)
        dashes = f" stroke-dasharray='{dash}'" if dash else ""
        self.parts.append(
            f"<polyline points='{places}' fill='none' stroke='{colour}' stroke-width='{width:g}'{dashes}/>"
        )

    def band(self, low: float, high: float, colour: str) -> None:
        """Between two heights, over the whole width."""
        top, height = self.y(high), self.y(low) - self.y(high)
        width = WIDTH - LEFT - RIGHT
        self.parts.append(f"<rect x='{LEFT}' y='{top:.1f}' width='{width}' height='{height:.1f}' fill='{colour}'/>")

    def dot(self, at: tuple[float, float], colour: str) -> None:
        self.parts.append(f"<circle cx='{self.x(at[0]):.1f}' cy='{self.y(at[1]):.1f}' r='4' fill='{colour}'/>")

    def text(self, at: tuple[float, float], words: str, *, colour: str = INK, anchor: str = "start") -> None:
        place = f"x='{self.x(at[0]):.1f}' y='{self.y(at[1]):.1f}'"
        self.parts.append(_text(place, words, colour=colour, anchor=anchor))

    def svg(self, across: float) -> str:
        """The panel, moved to the right by so much."""
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        lines = [_text(f"x='{LEFT}' y='22'", self.title, size=13, weight=" font-weight='bold'"), *self.parts]
        lines += [f"<path d='M{LEFT} {TOP} V{bottom} H{right}' fill='none' stroke='{INK}'/>"]
        for value, label in self.x_ticks:
            x = self.x(value)
            lines.append(f"<path d='M{x:.1f} {bottom} v5' stroke='{INK}'/>")
            lines.append(_text(f"x='{x:.1f}' y='{bottom + 19}'", label, anchor="middle"))
        for value, label in self.y_ticks:
            y = self.y(value)
            lines.append(f"<path d='M{LEFT} {y:.1f} h-5' stroke='{INK}'/>")
            lines.append(_text(f"x='{LEFT - 9}' y='{y + 4:.1f}'", label, anchor="end"))
        lines.append(_text(f"x='{(LEFT + right) / 2:.1f}' y='{HEIGHT - 12}'", self.x_label, anchor="middle"))
        return "\n".join([f"<g transform='translate({across:g} 0)'>", *lines, "</g>"])


def picture(panels: Sequence[Panel], description: str) -> str:
    """The panels side by side."""
    width = WIDTH * len(panels)
    body = [panel.svg(WIDTH * k) for k, panel in enumerate(panels)]
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {HEIGHT}' width='{width}' height='{HEIGHT}' role='img'>"
    ground = f"<rect width='{width}' height='{HEIGHT}' fill='#ffffff'/>"
    return "\n".join([head, f"<title>{escape(description)}</title>", ground, *body, "</svg>"]) + "\n"


def _text(place: str, words: str, *, colour: str = INK, anchor: str = "start", size: int = 12, weight: str = "") -> str:
    style = f"fill='{colour}' font-size='{size}' text-anchor='{anchor}'{weight}"
    return f"<text {place} {FONT} {style}>{escape(words)}</text>"
