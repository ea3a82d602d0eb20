"""Made-up rows of groups that lie in the sites: clinics, and wards in clinics."""

from typing import NamedTuple

import numpy as np

DICTIONARY = {
    "variables": [
        {"name": "y", "type": "number"},
        {"name": "d", "type": "integer"},
        {"name": "k", "type": "integer"},
        {"name": "x", "type": "number"},
        *({"name": name, "type": "group"} for name in ("clinic", "ward", "unit")),
    ]
}


class MadeUp(NamedTuple):
    """Rows of several sites with the same number of clinics each, and of rows in each clinic."""

    site: np.ndarray
    clinic: np.ndarray
    """Counted over all sites."""
    x: np.ndarray
    y: np.ndarray
    d: np.ndarray
    """0 or 1."""
    k: np.ndarray
    """Counts."""

    def tables(self) -> list[str]:
        """The file of each site. The sites' clinics have the same labels; a ward has rows in every clinic, a unit in one."""
        files = []
        for site in np.unique(self.site):
            lines = ["y,d,k,x,clinic,ward,unit"]
            for row in np.flatnonzero(self.site == site).tolist():
                clinic = int(self.clinic[row] - self.clinic[self.site == site].min())
                y, d, k, x = float(self.y[row]), int(self.d[row]), int(self.k[row]), float(self.x[row])
                lines.append(f"{y!r},{d},{k},{x!r},c{clinic},w{row % 3},u{clinic}{row % 3}")
            files.append("\n".join(lines) + "\n")
        return files


def made_up(sites: int = 6, clinics: int = 5, rows: int = 9, *, effect: float = 1.0, seed: int = 4) -> MadeUp:
    """Intercepts of sites and of clinics, and slopes of sites, of this standard deviation."""
    rng = np.random.default_rng(seed)
    clinic = np.repeat(np.arange(sites * clinics), rows)
    site = clinic // clinics
    x = np.round(rng.normal(size=len(site)), 3)
    eta = 0.2 + 0.5 * x + effect * (rng.normal(size=sites)[site] + rng.normal(size=sites * clinics)[clinic])
    eta += effect * x * rng.normal(size=sites)[site]
    y = np.round(eta + rng.normal(size=len(site)), 3)
    d = (rng.random(len(site)) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    return MadeUp(site, clinic, x, y, d, rng.poisson(np.exp(np.minimum(eta, 3.0))).astype(float))
