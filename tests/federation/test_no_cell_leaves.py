"""No cell of the private rows is in any body, log line, error or file of a masked federation, however an analysis ends."""

import json
import re
import struct
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from structlog.testing import capture_logs

from coordinator.sql_store import SqlStore
from shared.masking.encoding import encode, to_bytes
from shared.masking.messages import MaskedReply
from site_node.answering import Estimator
from site_node.app import LAPLACE, create_app
from site_node.estimation.rows import Rows
from site_node.settings import HISTORY_NAME, KEPT_NAME
from tests.federation.fake_sites import client, until
from tests.federation.real_sites import Heard, coordinator_of, real_sites
from tests.unit.bad_data import CANARY

pytestmark = pytest.mark.anyio
NUMBERS = ("y", "x", "rare", "dose")
DICTIONARY = {"variables": [*({"name": name, "type": "number"} for name in NUMBERS), {"name": "ward", "type": "group"}]}
DATABASE = "coordinator.db"
SIZE, DIGITS = 40, 12
"""Rows of a site; digits of a number by which it is known again."""
MASKED = re.compile(rb'"(?:numbers|path)": ?"((?:[A-Za-z0-9+/=]{4})+)"')


@dataclass
class Private:
    """The rows of a site, whose numbers have 16 digits that nothing else has."""

    y: np.ndarray
    x: np.ndarray
    rare: np.ndarray
    dose: list[str]

    @property
    def csv(self) -> str:
        """With a column that no model can name."""
        rows = zip(self.y.tolist(), self.x.tolist(), self.rare.tolist(), self.dose, strict=True)
        lines = [
            f"{y!r},{x!r},{r!r},{dose},{CANARY}-{k % 8},{CANARY} by name" for k, (y, x, r, dose) in enumerate(rows)
        ]
        return "\n".join([",".join((*NUMBERS, "ward", "note")), *lines]) + "\n"


def private(seed: int) -> Private:
    """The first site has a single row of a kind, the last one a text where a number is due."""
    rng = np.random.default_rng(seed)
    x, rare = rng.normal(size=SIZE), np.zeros(SIZE)
    rare[7] = rng.normal() if seed == 0 else 0.0
    dose = [f"{CANARY} mg" if (seed, k) == (2, 5) else "1" for k in range(SIZE)]
    return Private(1.0 + 0.4 * x + 0.3 * seed + rng.normal(size=SIZE), x, rare, dose)


SITES = tuple(map(private, range(3)))
VALUES = [value for site in SITES for column in (site.y, site.x, site.rare) for value in column.tolist() if value]


def digits_of(value: float) -> bytes:
    """The first of its digits, as they are written in a file or in JSON."""
    return repr(value).replace("-", "").lstrip("0.").encode()[:DIGITS]


def forms(value: float) -> set[bytes]:
    """As text, as a float either way round, and in fixed point."""
    fixed = to_bytes(encode(np.array([value]), 1))
    return {digits_of(value), struct.pack("<d", value), struct.pack(">d", value), fixed}


def cells_in(seen: Iterable[bytes]) -> list[bytes]:
    """The private texts and numbers that stand in any of these, also in what is masked and written in base64."""
    pieces = set(seen)
    pieces |= {b64decode(numbers) for piece in pieces for numbers in MASKED.findall(piece)}
    everything = b"\n".join(pieces)
    return [form for form in {CANARY.encode()}.union(*map(forms, VALUES)) if form in everything]


def quoting(rows: Rows, *_: object) -> Any:
    """A fault that nobody foresaw, whose text quotes what is private."""
    raise RuntimeError(f"{CANARY} {rows.y.tolist()} {rows.X.tolist()}")


@dataclass
class Overheard(Heard):
    """A site, and everything that it was sent, answered and kept, after each answer."""

    estimator: Estimator = LAPLACE
    seen: list[bytes] = field(default_factory=list)

    def restart(self) -> None:
        self.site = httpx.ASGITransport(create_app(self.settings, estimator=self.estimator))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        headers = f"{request.url} {request.headers} {response.headers}".encode()
        self.seen += [headers, request.content, response.content, *self.files()]
        return response

    def files(self) -> list[bytes]:
        """The contents of all that it keeps."""
        assert self.settings.identity_file is not None
        assert self.settings.history is not None
        kept = self.settings.identity_file.with_name(KEPT_NAME)
        beside = kept.parent.glob(f"{KEPT_NAME}*")  # SQLite's logs are files of their own
        return [path.read_bytes() for path in (*beside, self.settings.history, self.settings.ledger)]


def contents(folder: Path) -> list[bytes]:
    """What the coordinator keeps, and what SQLite has beside it."""
    return [file.read_bytes() for file in folder.glob(f"{DATABASE}*")]


def overheard(folder: Path, estimator: Estimator) -> dict[str, Overheard]:
    made = real_sites(folder, DICTIONARY, [site.csv for site in SITES], "default", masked=True)
    return {
        name: Overheard(site.settings.model_copy(update={"history": folder / name / HISTORY_NAME}), estimator=estimator)
        for name, site in made.items()
    }


ENDINGS: dict[str, tuple[str, Estimator]] = {
    "converged": ("y ~ x + (1 | site) + (1 | ward)", LAPLACE),
    "refused: rare_level": ("y ~ x + rare + (1 | site)", LAPLACE),
    "refused: bad_value": ("y ~ x + dose + (1 | site)", LAPLACE),
    "failed: internal": ("y ~ x + (1 | site)", replace(LAPLACE, contribution=quoting)),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_however_an_analysis_ends_no_cell_is_anywhere_but_in_the_sites_data(
    ending: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    formula, estimator = ENDINGS[ending]
    with capture_logs() as log:
        sites = overheard(tmp_path, estimator)
        app = coordinator_of(tmp_path, sites, SqlStore(f"sqlite:///{tmp_path / DATABASE}"))
        async with client(app) as http:
            submitted = await http.post("/v1/analyses", json={"formula": formula, "family": "gaussian"})
            view = await until(http, submitted.json()["id"])
            links = [link for link in view["links"].values() if link]
            told = [submitted.content, *[(await http.get(link)).content for link in links]]
            told += contents(tmp_path)
    assert ": ".join([view["state"], *sorted({one["code"] for one in view["problems"]})]) == ending, view["problems"]
    assert log
    seen = [
        *told,
        *contents(tmp_path),
        json.dumps(log, default=repr).encode(),
        caplog.text.encode(),
        "".join(capfd.readouterr()).encode(),
    ]
    for site in sites.values():
        seen += [*site.seen, *site.files()]
    assert len(seen) > 30
    assert cells_in(seen) == []


def test_they_would_be_found_wherever_they_stood() -> None:
    value, *_ = VALUES
    masked = MaskedReply.of(1, encode(np.array([1.0, value]), 1)).written
    for piece in (
        SITES[1].csv.encode(),
        json.dumps({"value": VALUES[5]}).encode(),
        struct.pack(">d", VALUES[7]),
        masked,
    ):
        assert cells_in([piece])
    assert len(set(map(digits_of, VALUES))) == len(VALUES)
    assert min(len(digits_of(value)) for value in VALUES) == DIGITS
