"""What the coordinator's pages and a site's have in common: frame and looks, templates and forms, and who has signed in."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""The stylesheet and the mark."""
