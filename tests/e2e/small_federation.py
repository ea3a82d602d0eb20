"""A small federation of real processes that can be killed and started again, each site behind a gate."""

import json
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import sqlalchemy as sql

from coordinator.states import AnalysisState
from tests.e2e.commands import BIN, PATIENCE, run
from tests.e2e.gate import Gate

SITES = ("Aarau", "Bern", "Chur")
REQUEST = {"formula": "y ~ x + (1 | site)", "family": "binomial"}
PORTS = range(20_000, 32_000)
Bits: TypeAlias = tuple[list[tuple[int, str, str]], dict[str, Any]]
"""Number, psi and sum of every stored round, and the result."""
ENDED = {state.value for state in AnalysisState if state.ended}


class Server:
    """One of the project's servers, as a process."""

    def __init__(self, command: Sequence[str], announce: Path, **options: Any) -> None:
        self._command = [*command, "--announce", str(announce)]
        self._announce = announce
        self._options = options
        self._log = announce.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        """Starts it, waits until it listens, and returns what it announces."""
        self.launch()
        return self.announced()

    def launch(self) -> None:
        self._announce.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._options)

    def announced(self) -> dict[str, Any]:
        eventually(lambda: self._announce.exists() or self.process.poll() is not None)
        assert self._announce.exists(), self.log
        announced: dict[str, Any] = json.loads(self._announce.read_text())
        return announced

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        if self._process is not None:
            self.kill()


class Federation:
    """A coordinator and three sites in a folder. The sites keep their ports and secrets over a restart."""

    def __init__(self, folder: Path, running: ExitStack, inside: Sequence[str], **settings: object) -> None:
        self.folder = folder
        self.database = folder / "coordinator.db"
        self.sites: dict[str, Server] = {}
        self.gates: dict[str, Gate] = {}
        split(folder)
        for name, port in zip(SITES, free_ports(len(SITES)), strict=True):
            file = self.data(name).with_name("site.toml")
            file.write_text(file.read_text().replace("port = 0", f"port = {port}").replace("# key_file", "key_file"))
            file.with_name("key").write_text(key(name))
            command = [str(BIN / "fedglmm-site"), "serve", str(file.parent)]
            self.sites[name] = Server(command, folder / f"{name}.json")
            self.gates[name] = running.enter_context(Gate(port))
        self.configure(**settings)
        command = [*inside, str(BIN / "fedglmm-coordinator"), "serve", str(folder / "coordinator.toml")]
        self.coordinator = Server(command, folder / "coordinator.json")
        for server in (*self.sites.values(), self.coordinator):
            running.callback(server.close)
            server.launch()
        for site in self.sites.values():
            site.announced()
        self.http = self._connected()
        running.callback(self.disconnect)

    def configure(self, **settings: object) -> None:
        """Writes coordinator.toml."""
        told = {"port": 0, "database": "sqlite:///coordinator.db", "dictionary": "sites/dictionary.json"}
        told |= {"policy": "open"} | settings
        lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
        store = str(told["database"])
        self._store = f"sqlite:///{self.database}" if store.startswith("sqlite:") else store
        for name, gate in self.gates.items():
            lines += ["[[sites]]", f'name = "{name}"', f'url = "{gate.url}"', f'key_file = "{name}.key"']
            (self.folder / f"{name}.key").write_text(key(name))
        (self.folder / "coordinator.toml").write_text("\n".join(lines) + "\n")

    def address(self, site: str) -> str:
        """Where a site listens, past its gate."""
        url: str = self.sites[site].announced()["sites"][site]
        return url

    def data(self, site: str) -> Path:
        return self.folder / "sites" / site / "data.csv"

    def restart_coordinator(self) -> None:
        """`kill -9`, and a new one on the same database."""
        self.disconnect()
        self.coordinator.kill()
        self.coordinator.launch()
        self.http = self._connected()

    def healthy(self) -> None:
        """Everything answers, and an analysis runs to its end."""
        for site in self.sites.values():
            if site.process.poll() is not None:
                site.start()
        assert all(site["reachable"] for site in self.http.get("/sites").json()["sites"])
        self.until(self.submit(), "converged")

    def disconnect(self) -> None:
        self.http.close()

    def _connected(self) -> httpx.Client:
        return httpx.Client(base_url=self.coordinator.announced()["url"] + "/v1", timeout=PATIENCE)

    def submit(self, **request: Any) -> str:
        response = self.http.post("/analyses", json=REQUEST | request)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def view(self, analysis: str) -> dict[str, Any]:
        view: dict[str, Any] = self.http.get(f"/analyses/{analysis}").json()
        return view

    def until(self, analysis: str, *states: str) -> dict[str, Any]:
        """The analysis once it is in one of the states (any ending unless given)."""
        wanted = set(states) or ENDED
        eventually(lambda: self.view(analysis)["state"] in wanted | ENDED)
        view = self.view(analysis)
        assert view["state"] in wanted, view
        return view

    def fitted(self, **request: Any) -> Bits:
        """The bits of an analysis that nothing disturbs."""
        return self.bits(self.submit(**request))

    def bits(self, analysis: str) -> Bits:
        """Every round's psi and sum as they are stored, and the result but for the rounds' seconds."""
        view = self.until(analysis, "converged", "boundary")
        result: dict[str, Any] = self.http.get(view["links"]["result"].removeprefix("/v1")).json()
        for entry in result["convergence"]["trace"]:
            del entry["seconds"]
        return self.rounds(analysis), result

    def rounds(self, analysis: str) -> list[tuple[int, str, str]]:
        """Number, psi and sum of every stored round."""
        engine = sql.create_engine(self._store, poolclass=sql.NullPool)
        query = sql.text("SELECT number, psi, summed FROM rounds WHERE analysis = :analysis ORDER BY number")
        with engine.connect() as connection:
            return [(row.number, row.psi, row.summed) for row in connection.execute(query, {"analysis": analysis})]


def url_of(federation: Federation) -> str:
    """What a client is told of where the coordinator is."""
    return str(federation.http.base_url).removesuffix("/v1/")


@contextmanager
def small_federation(folder: Path, inside: Sequence[str] = (), **settings: object) -> Iterator[Federation]:
    """Runs one, its coordinator inside another command if there is one."""
    with ExitStack() as running:
        yield Federation(folder, running, inside, **settings)


def key(site: str) -> str:
    return f"the-key-of-{site.lower()}"


def rows() -> str:
    """Three sites of 60 rows that differ much."""
    rng = random.Random(7)  # noqa: S311 -- data, not a secret
    lines = ["site,y,x"]
    for name, level in zip(SITES, (-1.0, 0.2, 1.5), strict=True):
        for _ in range(60):
            x = round(rng.gauss(0, 1), 3)
            lines.append(f"{name},{int(level + 0.8 * x + rng.gauss(0, 1.5) > 0)},{x}")
    return "\n".join(lines) + "\n"


def split(folder: Path) -> None:
    """A folder for each site."""
    (folder / "rows.csv").write_text(rows())
    done = run(
        "fedglmm-site", "split", str(folder / "rows.csv"), "--by", "site", "--out", str(folder / "sites"),
        "--policy", "open", "--unmasked",  # gates put answers of their own in the sites' place, which no site signs
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on, of those that no system hands out by itself: so nobody gets one while its server is down."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < number:
            port = random.SystemRandom().choice(PORTS)
            with suppress(OSError):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.append(port)
    return found


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
