"""A federation on loopback as hospitals would run it: a process a site, and one for the coordinator."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from coordinator.client.federation import serving
from shared.consortium import FILE_NAME
from site_node.founding import COORDINATOR

BIN = Path(sys.executable).parent
WAIT_SECONDS = 600


@dataclass(frozen=True)
class Loopback:
    """What is running."""

    url: str
    logs: Sequence[Path]
    """The sites' logs."""

    def fit(self, request: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Seconds from the request to the result, and the result."""
        with httpx.Client(base_url=self.url, timeout=2 * WAIT_SECONDS, follow_redirects=True) as http:
            began = time.perf_counter()
            answer = http.post("/v1/analyses", json=request, headers={"Prefer": f"wait={WAIT_SECONDS}"})
            taken = time.perf_counter() - began
        if not answer.is_success or not answer.history:
            sys.exit(f"The fit has no result: {answer.text}")
        return taken, answer.json()


@contextmanager
def loopback(place: Path, folders: Sequence[Path], *, processes: bool = True) -> Iterator[Loopback]:
    """Serves these sites, each in a process of its own or all in one, and a coordinator."""
    shares = [[folder] for folder in folders] if processes else [list(folders)]
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        for k, share in enumerate(shares):
            serve = [str(BIN / "fedglmm-site"), "serve", *map(str, share)]
            urls |= stack.enter_context(serving(serve, place / f"sites-{k:03d}.json"))["sites"]
        config = place / "coordinator.toml"
        tables = [f"[[sites]]\nname = {json.dumps(name)}\nurl = {json.dumps(url)}\n" for name, url in urls.items()]
        sites = folders[0].parent
        masked = f'consortium = "{sites}/{FILE_NAME}"\nidentity_file = "{sites}/{COORDINATOR}"\n'
        config.write_text(
            f'port = 0\npolicy = "open"\ndictionary = "{sites}/dictionary.json"\n'
            + (masked if (sites / FILE_NAME).exists() else "")
            + "".join(tables)
        )
        serve = [str(BIN / "fedglmm-coordinator"), "serve", str(config)]
        announced = stack.enter_context(serving(serve, place / "coordinator.json"))
        yield Loopback(announced["url"], sorted(place.glob("sites-*.log")))
