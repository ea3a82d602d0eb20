"""A plot of which there is nothing to show says why."""

from coordinator.plots.svg import document, words

SIZE = (760.0, 64.0)


def nothing(name: str, title: str, why: str) -> str:
    """The plot's place, with the reason in it."""
    return document(name, title, why, SIZE, words(why, 16.0, 37.0, "note"))
