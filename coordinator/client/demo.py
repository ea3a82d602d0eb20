"""The demonstration: the long-term beta-blocker trials after myocardial infarction, each trial a site.

Yusuf et al. 1985: 23 trials, 20,312 patients. One trial has too few deaths for the sites' default policy; the demonstration
shows the refusal and goes on with the other 22 because its second request names them.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from coordinator.client.connection import Coordinator
from coordinator.client.federation import federation
from coordinator.client.fit import Fit
from coordinator.client.following import Progress
from shared.errors import RefusedError, SettingsError

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY / "tests" / "reference" / "data" / "betablocker.csv"
POOLED = REPOSITORY / "tests" / "reference" / "values" / "betablocker_22_trials_ri.json"
FORMULA = "death ~ treatment + (1 | site)"
TOO_FEW_DEATHS = "Yusuf"
LEVELS = "treatment=control,beta-blocker"


def run_demo(data: Path | None, on_progress: Callable[[Progress], None]) -> None:
    """Run the whole demonstration on the terminal.

    Raises:
        SettingsError: the trials' file is not there.
    """
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    file = data or DATA
    if not file.exists():
        raise SettingsError("the trials' file is not there.", where=str(file), remedy="Name it with --data.")
    console.print("[bold]1. The federation.[/bold] Every trial becomes a site with its own folder, port and policy.")
    with federation([str(file), "--by", "trial", "--levels", LEVELS]) as url, Coordinator(url) as coordinator:
        names = [site["name"] for site in coordinator.sites()]
        console.print(f"   {len(names)} sites and a coordinator listen on loopback; the coordinator at {url}.\n")
        console.print(f"[bold]2. All {len(names)} trials:[/bold] {FORMULA}")
        _refused(console, coordinator, on_progress)
        roster = tuple(name for name in names if name != TOO_FEW_DEATHS)
        console.print(f"[bold]3. The same request, naming the other {len(roster)} trials.[/bold]")
        fit = coordinator.fit(FORMULA, on_progress=on_progress, sites=roster, title="Beta-blocker trials")
    console.print()
    console.print(fit.summary(), markup=False)
    console.print()
    _compare(console, fit)
    console.print(
        "[bold]Next.[/bold] Your own file, one column of which names the site:\n"
        "   .venv/bin/fedglmm rehearse DATA.csv --site COLUMN 'y ~ x + (1 | site)' --family binomial\n"
        "   README.md says how to run a real site and a real coordinator.",
        markup=True,
    )


def _refused(console: Console, coordinator: Coordinator, on_progress: Callable[[Progress], None]) -> None:
    try:
        coordinator.fit(FORMULA, on_progress=on_progress)
    except RefusedError as refusal:
        console.print(f"   Refused, before any sum left a site. {refusal}\n", markup=False)


def _compare(console: Console, fit: Fit) -> None:
    """The estimates beside those of glmmTMB on the pooled rows."""
    reference = json.loads(POOLED.read_text(encoding="utf-8"))["fits"]["glmmTMB_laplace"]
    theirs: dict[str, float] = {**reference["beta"], "sd__(Intercept)": _first(reference["random_effects"]["sd"])}
    console.print("[bold]Beside the pooled fit[/bold] (glmmTMB on all rows in one place):")
    console.print(f"   {'':24}{'federated':>14}{'pooled':>14}{'difference':>13}{'in its SE':>12}", markup=False)
    for row in [*fit.tidy("fixed"), *fit.tidy("ran_pars")]:
        pooled = theirs[row["term"]]
        difference = row["estimate"] - pooled
        line = f"{row['estimate']:14.8f}{pooled:14.8f}{difference:13.1e}{difference / row['std.error']:12.1e}"
        console.print(f"   {row['term']:24}{line}", markup=False)
    log_likelihood = float(reference["logLik"])
    difference = (fit.llf or 0.0) - log_likelihood
    console.print(f"   {'log-likelihood':24}{fit.llf:14.6f}{log_likelihood:14.6f}{difference:13.1e}", markup=False)
    console.print(
        f"   (glmmTMB stopped {_left_over(reference):.0e} of a standard error short of its own optimum: so says the gradient "
        "that it reports.)\n",
        markup=False,
    )


def _left_over(reference: dict[str, Any]) -> float:
    """The Newton step that the reference's gradient leaves, in standard errors."""
    covariance, gradient = reference["vcov_all"], reference["grad"]
    steps = [sum(c * g for c, g in zip(row, gradient, strict=True)) for row in covariance]
    return max(
        abs(float(step)) / math.sqrt(row[k]) for k, (step, row) in enumerate(zip(steps, covariance, strict=True))
    )


def _first(value: Any) -> float:
    return float(value[0] if isinstance(value, list) else value)
