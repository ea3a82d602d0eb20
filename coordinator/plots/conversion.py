"""A plot as PNG or PDF, by an extra that others do without (docs/decisions/0027-plots.md)."""

from importlib import import_module
from typing import Any

from coordinator.plots.svg import standalone
from shared.errors import SettingsError

SHARPNESS = 2.0
"""Pixels of a PNG for each of the plot's: sharp on dense screens and in slides."""
NO_PICTURES = "no_pictures"


def as_png(svg: str) -> bytes:
    """The plot as PNG, in its light form.

    Raises:
        SettingsError: the extra `pictures` is not installed.
    """
    png: bytes = _converter().svg_to_png(standalone(svg), scale=SHARPNESS)
    return png


def as_pdf(svg: str) -> bytes:
    """The plot as PDF of one page of its size, with text as text and its fonts in it.

    Raises:
        SettingsError: the extra `pictures` is not installed.
    """
    pdf: bytes = _converter().svg_to_pdf(standalone(svg))
    return pdf


def _converter() -> Any:
    try:
        return import_module("vl_convert")
    except ImportError:
        raise SettingsError(
            "PNG and PDF need the extra `pictures`, and SVG needs nothing.",
            where="plots",
            remedy="Install fedglmm with it: `pip install '.[pictures]'` in its folder; or take the SVG.",
            code=NO_PICTURES,
        ) from None
