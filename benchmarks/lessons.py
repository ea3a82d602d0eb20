"""The fits of docs/quadrature.md: writes its tables and its picture. `make lessons`."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.exact import Exact, U, derivatives, log_terms, maximise
from benchmarks.measured import table
from benchmarks.picture import FAINT, INK, Panel, picture
from coordinator.inference import covariance_of_psi
from shared.contribution import Contribution
from shared.optimisation.outcome import OutcomeKind
from shared.optimisation.raising import LADDER, Raising
from shared.optimisation.state import State
from shared.parameters import Vector
from site_node.estimation.contribution import contribution
from site_node.estimation.slab import at_mode
from tests.reference.cases import case, fit

ROOT = Path(__file__).parents[1]
PAGE, PICTURE = ROOT / "docs" / "quadrature.md", ROOT / "docs" / "quadrature.svg"
VALUES = ROOT / "tests" / "reference" / "values"
TOENAIL, CBPP = "toenail_ri", "cbpp_ri"
OTHERS = (
    "guimmun_mom_ri",
    "ohio_ri",
    "toenail_ri",
    "respiratory_subject_ri",
    "bacteria_ri",
    "epil_ri",
    "cbpp_ri",
    "contraception_ri",
    "betablocker_trial_ri",
)
SITES = 5
BLUE, ORANGE = "#1f5fa8", "#c8550a"
BEGIN, END = "<!-- table {} -->", "<!-- end -->"


@cache
def fitted(name: str, points: int | Literal["auto"]) -> State:
    one = case(name)
    return fit(one.sites(SITES), one.model, points=points)


@cache
def exact(name: str) -> Exact:
    return maximise(case(name), fitted(name, 25).psi)


def estimates(state: State) -> tuple[Vector, Vector]:
    """The fixed effects and the sd, and their standard errors."""
    summed = _at_its_end(state)
    psi = state.psi.copy()
    psi[-1] = abs(psi[-1])
    errors = np.sqrt(covariance_of_psi(state.layout, state.psi, summed.hessian).diagonal())
    return psi, errors


def _at_its_end(state: State) -> Contribution:
    if state.accepted is None or state.ending is not OutcomeKind.CONVERGED:
        raise ArithmeticError(state.ending)
    return state.accepted


def name_of(points: int) -> str:
    return "1 (Laplace)" if points == 1 else str(points)


def toenail() -> str:
    theirs = json.loads((VALUES / "toenail_agq_path.json").read_text())["fits"]
    rows = []
    for points in LADDER:
        state = fitted(TOENAIL, points)
        psi, errors = estimates(state)
        other = theirs.get(f"lme4_nAGQ{points}")
        beside = (f"{other['intercept']:.4f}", f"{other['sd']:.4f}") if other else ("", "")
        rows.append((name_of(points), *_digits(psi, errors, _at_its_end(state).value), *beside))
    found = exact(TOENAIL)
    rows.append(
        ("the integral", *_digits(found.psi, np.sqrt(found.covariance.diagonal()), found.log_likelihood), "", "")
    )
    columns = ("nodes", "intercept", "SE", "sd", "SE", "log-likelihood", "lme4: intercept", "lme4: sd")
    return table(columns, rows)


def _digits(psi: Vector, errors: Vector, log_likelihood: float) -> tuple[str, ...]:
    numbers = (psi[0], errors[0], psi[-1], errors[-1], log_likelihood)
    return tuple(f"{number:.4f}" for number in numbers)


def errors_of_laplace() -> str:
    """What Laplace makes of the integral at two psi."""
    one = case(TOENAIL)
    (rows,) = one.sites(1)
    places = {"the integral's maximum": exact(TOENAIL).psi, "Laplace's maximum": estimates(fitted(TOENAIL, 1))[0]}
    lines = []
    for title, psi in places.items():
        by_laplace, whole = contribution(rows, one.model, psi).value, derivatives(one, psi)[0]
        numbers = (psi[0], psi[-1], whole, by_laplace, by_laplace - whole)
        lines.append((title, *(f"{number:.4f}" for number in numbers)))
    return table(("at", "intercept", "sd", "log of the integral", "by Laplace", "error"), lines)


def ladder() -> str:
    rows = []
    for name in (TOENAIL, CBPP):
        state = fitted(name, "auto")
        raising = state.raising or Raising(0.0)
        changes = [(rung.points, rung.change) for rung in raising.path if rung.change is not None]
        cells = {points: f"{change:.1e}" for points, change in changes}
        ends = "yes" if raising.settled else "no"
        rows.append((f"`{name}`", *(cells.get(points, "") for points in LADDER[1:]), ends))
    return table(("case", *(f"to {points}" for points in LADDER[1:]), "settled"), rows)


def cbpp() -> str:
    pql = json.loads((VALUES / "cbpp_pql.json").read_text())["fits"]
    rows = []
    for title, key in (
        ("PQL, residual scale estimated (MASS::glmmPQL)", "glmmPQL"),
        ("PQL, residual scale 1 (the textbook's)", "pql_tight_scale1"),
    ):
        one = pql[key]
        numbers = (*one["beta"].values(), one["sd"])
        rows.append((title, *(f"{number:.4f}" for number in numbers), "none"))
    for title, points in (("Laplace", 1), ("quadrature, 25 nodes", 25)):
        state = fitted(CBPP, points)
        rows.append((title, *(f"{number:.4f}" for number in estimates(state)[0]), f"{state.log_likelihood:.4f}"))
    found = exact(CBPP)
    rows.append(("the integral", *(f"{number:.4f}" for number in found.psi), f"{found.log_likelihood:.4f}"))
    return table(("method", "intercept", "period 2", "period 3", "period 4", "sd of herds", "log-likelihood"), rows)


def others() -> str:
    """How far Laplace is from quadrature as `auto` has it, in standard errors."""
    rows = []
    for name in OTHERS:
        one, (psi, _), (better, errors) = case(name), estimates(fitted(name, 1)), estimates(fitted(name, "auto"))
        moved = np.abs(psi - better) / errors
        (family, link) = _family(name)
        rows.append(
            (
                f"`{name}`",
                f"{family} {link}",
                f"{len(one.y) / one.groups:.1f}",
                f"{better[-1]:.2f}",
                f"{np.max(moved[:-1]):.3f}",
                f"{moved[-1]:.3f}",
                fitted(name, "auto").points,
            )
        )
    return table(("case", "family", "rows a group", "sd", "coefficients move by", "sd moves by", "nodes"), rows)


def _family(name: str) -> tuple[str, str]:
    values = json.loads((VALUES / f"{name}.json").read_text())
    return values["family"], values["link"]


TABLES = {"toenail": toenail, "errors": errors_of_laplace, "ladder": ladder, "cbpp": cbpp, "others": others}


def drawing() -> str:
    panels = [
        _one_patient(),
        _by_nodes("Intercept, log odds", 0, (-3.0, -1.0), 0.5),
        _by_nodes("Sd of the patients, log odds", -1, (3.0, 5.0), 0.5),
    ]
    return picture(
        panels,
        "The toenail data: the integrand of a patient without an event beside Laplace's normal curve; intercept and standard "
        "deviation by the number of nodes, beside the exact maximum.",
    )


def _one_patient() -> Panel:
    """The integrand over u of the commonest patient, without an event at any of the visits, and what Laplace takes for it."""
    one, found = case(TOENAIL), exact(TOENAIL)
    (rows,) = one.sites(1)
    slab = at_mode(rows, one.model, one.model.layout.unpack(found.psi))
    ends = rows.starts[1:] - 1
    events = np.add.reduceat(rows.y, rows.starts[:-1])
    visits = np.diff(rows.starts)
    chosen = int(np.flatnonzero((events == 0) & (visits == 7) & (rows.X[ends, 1] == 0.0))[0])
    terms = log_terms(one, found.psi)[chosen]
    density = np.exp(terms) / np.exp(terms).sum() / (U[1] - U[0])
    mode, precision = slab.u[chosen, 0], slab.arrow.blocks[1][chosen, 0, 0]
    top = np.interp(mode, U, density)
    normal = top * np.exp(-precision * (U - mode) ** 2 / 2.0)
    shown = (U >= -4.0) & (U <= 2.5)
    panel = Panel(
        "Density of one patient's effect",
        "u, in standard deviations",
        (-4.0, 2.5),
        (0.0, 0.8),
        [(float(u), f"{u}") for u in range(-4, 3)],
        [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75")],
    )
    for heights, colour, dash in ((density, BLUE, ""), (normal, ORANGE, "6 4")):
        panel.line(list(zip(U[shown].tolist(), heights[shown].tolist(), strict=True)), colour, dash=dash)
    panel.text((-3.9, 0.75), "the integrand", colour=BLUE)
    panel.text((-3.9, 0.69), "Laplace's normal curve", colour=ORANGE)
    return panel


def _by_nodes(title: str, entry: int, y_range: tuple[float, float], every: float) -> Panel:
    low, high = y_range
    ticks = [low + every * k for k in range(round((high - low) / every) + 1)]
    panel = Panel(
        title,
        "nodes",
        (-0.5, len(LADDER) - 0.5),
        y_range,
        [(k, "Laplace" if points == 1 else str(points)) for k, points in enumerate(LADDER)],
        [(tick, f"{tick:.1f}") for tick in ticks],
    )
    found = exact(TOENAIL)
    value, error = float(found.psi[entry]), float(np.sqrt(found.covariance.diagonal())[entry])
    panel.band(value - error, value + error, "#e8eef6")
    panel.line([(-0.5, value), (len(LADDER) - 0.5, value)], INK, width=1.0, dash="2 3")
    points = [(float(k), float(estimates(fitted(TOENAIL, nodes))[0][entry])) for k, nodes in enumerate(LADDER)]
    panel.line(points, FAINT, width=1.5)
    for place in points:
        panel.dot(place, ORANGE if place[0] == 0.0 else BLUE)
    panel.text((len(LADDER) - 0.6, value + error - 0.13), "± 1 SE", anchor="end")
    panel.text((len(LADDER) - 0.6, value - 0.18), f"the integral: {value:.3f}", anchor="end")
    return panel


def with_tables(page: str) -> str:
    """The page with its tables made anew."""
    for name, make in TABLES.items():
        begin = BEGIN.format(name)
        pattern = re.compile(re.escape(begin) + r"\n.*?" + re.escape(END), re.DOTALL)
        if not pattern.search(page):
            raise LookupError(begin)
        page = f"{begin}\n\n{make()}\n{END}".join(pattern.split(page))
    return page


def facts() -> dict[str, float]:
    """What the text says beside the tables."""
    one, pql = case(TOENAIL), json.loads((VALUES / "cbpp_pql.json").read_text())["fits"]["glmmPQL"]
    (rows,) = one.sites(1)
    share = np.add.reduceat(rows.y, rows.starts[:-1]) / np.diff(rows.starts)
    true = exact(CBPP).psi[0]
    return {
        "patients": one.groups,
        "never": int(np.sum(share == 0.0)),
        "always": int(np.sum(share == 1.0)),
        "visits": int(np.max(np.diff(rows.starts))),
        "points": len(U),
        "Laplace is off": abs(estimates(fitted(CBPP, 1))[0][0] - true),
        "glmmPQL is off": abs(pql["beta"]["(Intercept)"] - true),
        "rounds": fitted(TOENAIL, "auto").round + 1,
    }


def write() -> None:
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    write()
