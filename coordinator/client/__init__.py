"""The analyst's package: it talks to a coordinator over HTTP and imports nothing of the server.

A name is loaded when it is first used (PEP 562), so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coordinator.client.asynchronous import AsyncCoordinator
    from coordinator.client.connection import Coordinator
    from coordinator.client.fit import Fit

__all__ = ["AsyncCoordinator", "Coordinator", "Fit"]

_HOMES = {"AsyncCoordinator": "asynchronous", "Coordinator": "connection", "Fit": "fit"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
