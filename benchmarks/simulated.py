"""Rows of a logistic model with a random intercept, the same on every machine, and the site folders that hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from shared.consortium import FILE_NAME
from shared.dictionary import Dictionary, Variable
from shared.parameters import Matrix, Vector
from site_node.data.inference import write_dictionary
from site_node.data.split import Federation, Share
from site_node.estimation.rows import Index
from site_node.folder import NewSite, write_site
from site_node.founding import write_consortium
from site_node.release.policy import PolicyName

SEED = 20240601
SD = 0.7


@dataclass(frozen=True)
class Simulated:
    """y ~ x1 + ... + xp + (1 | g)."""

    y: Vector
    group: Index
    X: Matrix
    """(n, p), without the intercept's column."""

    @property
    def p(self) -> int:
        """Columns."""
        return len(self.X.T)

    @property
    def formula(self) -> str:
        """As lme4 writes it."""
        return f"y ~ {' + '.join(f'x{j}' for j in range(1, self.p + 1))} + (1 | g)"

    @property
    def dictionary(self) -> Dictionary:
        """What the sites agree on."""
        numbers = [Variable(name=f"x{j}", type="number") for j in range(1, self.p + 1)]
        return Dictionary(variables=(Variable(name="y", type="integer"), Variable(name="g", type="group"), *numbers))

    def part(self, k: int, of: int) -> "Simulated":
        """The rows of every group whose number leaves the remainder k."""
        mine = self.group % of == k
        return Simulated(self.y[mine], self.group[mine], self.X[mine])

    def columns(self) -> dict[str, Vector | Index]:
        """As a file holds them."""
        columns: dict[str, Vector | Index] = {"y": self.y, "g": self.group}
        return columns | {f"x{j + 1}": self.X[:, j].copy() for j in range(self.p)}


def simulate(n: int, p: int, groups: int) -> Simulated:
    """Standard normal columns, coefficients of sd 0.3, effects of sd 0.7, groups of random sizes."""
    rng = np.random.default_rng(SEED)
    beta = rng.normal(size=p) * 0.3
    u = rng.normal(size=groups) * SD
    group = rng.integers(0, groups, size=n)
    X = rng.normal(size=(n, p))
    eta = X @ beta - 0.5 + u[group]
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(np.float64)
    return Simulated(y, group, X)


def write_sites(
    folder: Path, data: Simulated, sites: int, *, policy: PolicyName = "default", masked: bool = False
) -> list[Path]:
    """A folder a site, each with its groups' rows in Parquet; all beside one dictionary, and one consortium file if masked."""
    folders = [folder / f"site-{k:03d}" for k in range(sites)]
    consortium = f"../{FILE_NAME}" if masked else None
    for k, one in enumerate(folders):
        new = NewSite(
            name=one.name, data="data.parquet", dictionary="../dictionary.json", policy=policy, consortium=consortium
        )
        write_site(one, new)
        write_parquet(one / "data.parquet", data.part(k, sites).columns())
    write_dictionary(data.dictionary, folder / "dictionary.json")
    if masked:
        shares = tuple(Share(one.name, one.name, ()) for one in folders)
        write_consortium(folder, "simulated rows", Federation(shares, "data.parquet", data.dictionary, ()))
    return folders


def write_parquet(path: Path, columns: Mapping[str, Vector | Index]) -> None:
    """Writes columns of equal length."""
    with duckdb.connect() as connection:
        connection.register("given", dict(columns))
        connection.execute(f"COPY given TO '{path}' (FORMAT parquet)")
