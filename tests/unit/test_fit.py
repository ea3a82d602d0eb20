"""Every accessor of a fit, followed by hand; files and plots have tests of their own."""

import csv
import io
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from coordinator.client import Fit
from coordinator.client.random_part import NotReleasedError
from shared.errors import RequestError
from shared.formula.expressions import Column
from shared.optimisation.outcome import OutcomeKind
from shared.specification import RandomTerm
from tests.unit.finished import result

INTERCEPT = Column("(Intercept)")
NORMAL_90 = 1.6448536269514722
"""The normal quantile of 0.95, which a 90% interval reaches to."""


def test_estimates_and_their_tests_are_by_term() -> None:
    fit = Fit(result())
    assert fit.params == {"(Intercept)": 0.5, "x_dose": -1.2}
    assert fit.bse == pytest.approx({"(Intercept)": 0.25, "x_dose": 0.5})
    assert fit.tvalues == pytest.approx({"(Intercept)": 2.0, "x_dose": -2.4})
    assert fit.pvalues == pytest.approx(
        {"(Intercept)": math.erfc(math.sqrt(2.0)), "x_dose": math.erfc(2.4 / math.sqrt(2.0))}
    )


def test_intervals_are_at_the_level_that_is_asked_for() -> None:
    fit = Fit(result(confidence_level=0.9))
    expected = (-1.2 - NORMAL_90 * 0.5, -1.2 + NORMAL_90 * 0.5)
    assert fit.conf_int()["x_dose"] == pytest.approx(expected)
    assert Fit(result()).conf_int(0.9)["x_dose"] == fit.conf_int()["x_dose"]
    with pytest.raises(RequestError, match="no confidence level"):
        fit.conf_int(90)


def test_the_covariance_is_by_name_and_name() -> None:
    assert Fit(result()).cov_params() == {
        "(Intercept)": {"(Intercept)": pytest.approx(0.0625), "x_dose": 0.0},
        "x_dose": {"(Intercept)": 0.0, "x_dose": pytest.approx(0.25)},
    }


def test_criteria_and_counts_are_those_of_the_likelihood() -> None:
    fit = Fit(result())
    assert (fit.llf, fit.nobs, fit.outcome, fit.formula) == (
        -120.0,
        200,
        "converged",
        "y ~ x_dose + (1 + x_dose | site)",
    )
    assert fit.aic == 250.0
    assert fit.bic == pytest.approx(240.0 + 5 * math.log(200))
    assert fit.glance() == {
        "nobs": 200,
        "npar": 5,
        "sigma": None,
        "logLik": -120.0,
        "AIC": 250.0,
        "BIC": fit.bic,
        "deviance": 240.0,
        "df.residual": 195,
    }


def test_variances_and_covariances_are_rows_as_r_has_them() -> None:
    assert Fit(result()).var_corr() == [
        {"grp": "site", "var1": "(Intercept)", "var2": None, "vcov": pytest.approx(0.64), "sdcor": pytest.approx(0.8)},
        {"grp": "site", "var1": "x_dose", "var2": None, "vcov": pytest.approx(0.25), "sdcor": pytest.approx(0.5)},
        {
            "grp": "site",
            "var1": "(Intercept)",
            "var2": "x_dose",
            "vcov": pytest.approx(0.24),
            "sdcor": pytest.approx(0.6),
        },
    ]


def test_a_model_without_random_effects_has_no_variances() -> None:
    made = result()
    made["tidy"] = [row for row in made["tidy"] if row["effect"] == "fixed"]
    assert Fit(made).var_corr() == []


def test_the_sites_effects_are_by_group_site_and_term() -> None:
    assert Fit(result()).ranef() == {
        "site": {"Aarau": {"(Intercept)": 0.4, "x_dose": -0.1}, "Bern": {"(Intercept)": -0.4, "x_dose": 0.1}}
    }


@pytest.mark.parametrize(
    ("random", "told"),
    [
        ((RandomTerm(group="site", columns=(INTERCEPT,)),), r"no site released its own effect\..*`shares_own = true`"),
        ((RandomTerm(group="ward", columns=(INTERCEPT,)),), r"effects of ward stay at the sites"),
        ((), r"the model has no random effects"),
    ],
    ids=["not-shared", "inside-a-site", "none"],
)
def test_effects_that_are_not_there_are_explained_with_the_setting_that_would_release_them(
    random: tuple[RandomTerm, ...], told: str
) -> None:
    made = result(effects=False)
    made["specification"]["random"] = [term.model_dump(mode="json") for term in random]
    with pytest.raises(NotReleasedError, match=told):
        Fit(made).ranef()


def test_the_setting_that_is_named_is_one_of_a_sites() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    assert "| `shares_own` |" in page


def test_an_ending_without_estimates_has_no_errors_and_says_so_first() -> None:
    fit = Fit(result(OutcomeKind.ROUND_LIMIT))
    assert not fit.has_estimates
    assert set(fit.bse.values()) == {None}
    assert set(fit.conf_int().values()) == {(None, None)}
    assert fit.summary().startswith("Warning: The rounds are used up")
    assert fit.summary().count("The rounds are used up") == 1


def test_warnings_come_before_the_summary_and_once() -> None:
    fit = Fit(result())
    assert str(fit) == fit.summary()
    assert repr(fit) == f"<Fit of {fit.formula}: {fit.outcome}>"
    assert fit.summary().splitlines()[: len(fit.warnings)] == [f"Warning: {one}" for one in fit.warnings]
    assert all(fit.summary().count(one) == 1 for one in fit.warnings)
    assert "converged after 4 rounds (the start and 3 more), Newton decrement 1.0e-18. The estimates" in fit.summary()


def test_a_notebook_shows_warnings_first_and_well_formed_html() -> None:
    made = result()
    made["warnings"].append({"code": "odd", "message": "<script>1 & 2</script>"})
    section = ET.fromstring(Fit(made)._repr_html_())  # noqa: S314 -- our own
    assert [child.tag for child in section] == ["p", "ul", "table", "p"]
    assert [item.text for item in section.findall("ul/li")] == Fit(made).warnings
    assert section[-1].text == "converged after 4 rounds. logLik -120.00; AIC 250.00; BIC 266.49"
    del made["warnings"][:]
    assert [child.tag for child in ET.fromstring(Fit(made)._repr_html_())] == ["table", "p"]  # noqa: S314 -- our own


def test_text_for_others_is_returned_and_written_where_a_file_is_named(tmp_path: Path) -> None:
    fit = Fit(result())
    for write, name in ((fit.to_csv, "fit.csv"), (fit.to_latex, "fit.tex")):
        text = write(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text == write()
    assert len(list(csv.reader(io.StringIO(fit.to_csv())))) == 1 + len(fit.tidy())


def test_importing_the_package_loads_no_server_and_nothing_heavy() -> None:
    heavy = {
        "fastapi",
        "sqlalchemy",
        "matplotlib",
        "pandas",
        "numpy",
        "scipy",
        "cryptography",
        "duckdb",
        "typer",
        "uvicorn",
    }
    loaded = "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    nothing = _printed(f"import sys; import coordinator.client; {loaded}")
    assert nothing.isdisjoint(heavy | {"httpx", "pydantic", "rich"})
    names = _printed(f"import sys; from coordinator.client import AsyncCoordinator, Coordinator, Fit; {loaded}")
    assert names.isdisjoint(heavy | {"httpx", "rich"})
    assert "pydantic" in names
    speaking = _printed(
        f"import sys; from coordinator.client import Coordinator; Coordinator('http://127.0.0.1'); {loaded}"
    )
    assert speaking.isdisjoint(heavy)
    assert "httpx" in speaking


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(ImportError, match="Coordinater"):
        from coordinator.client import Coordinater  # noqa: F401, PLC0415 -- misspelt on purpose


def _printed(program: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())
