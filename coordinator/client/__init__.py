"""The analyst's package: it talks to a coordinator over HTTP and imports nothing of the server."""

from coordinator.client.connection import Coordinator
from coordinator.client.fit import Fit

__all__ = ["Coordinator", "Fit"]
