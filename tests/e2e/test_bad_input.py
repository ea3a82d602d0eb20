"""Whatever a user gets wrong, the command says where and what to do, with an exit code, and never a traceback."""

import random
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest

from coordinator.client.federation import federation
from tests.e2e.commands import run

WRONG, REFUSED, NO_ESTIMATES = 2, 3, 1
ARMS = ("a", "b")
Row: TypeAlias = dict[str, str | float]


def rows() -> list[Row]:
    """200 patients of 4 hospitals."""
    rng = random.Random(1)  # noqa: S311 -- data, not a secret
    return [
        {"hospital": f"h{k % 4}", "y": rng.randint(0, 1), "x": round(rng.gauss(0, 1), 3), "arm": rng.choice(ARMS)}
        for k in range(200)
    ]


def faulty(k: int, row: Row) -> Row:
    """A patient with more columns, each with a fault of its own."""
    x, y = float(row["x"]), row["y"]
    return row | {
        "three": 2 if k == 7 else y,
        "unknown": "NA" if row["hospital"] == "h2" else x,
        "gaps": "NaN" if k % 10 == 0 else x,
        "double": 2 * x + 1,
        "certain": int(x > 0),
        "w": -1 if k == 9 else 1,
    }


def write(folder: Path, table: list[Row]) -> str:
    path = folder / "rows.csv"
    lines = [",".join(table[0]), *(",".join(str(value) for value in row.values()) for row in table)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def rehearse(folder: Path, table: list[Row], formula: str, *options: str) -> "CompletedProcess[str]":
    return run("fedglmm", "rehearse", write(folder, table), formula, "--site", "hospital", *options)


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a coordinator whose four sites hold the columns with faults beside those without."""
    table = [faulty(k, row) for k, row in enumerate(rows())]
    with federation([write(tmp_path_factory.mktemp("faulty"), table), "--by", "hospital"]) as url:
        yield url


def fit(consortium: str, formula: str, *options: str) -> "CompletedProcess[str]":
    return run("fedglmm", "fit", formula, "--coordinator", consortium, *options)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("y ~ z + (1 | site)", ["character 5", "no such variable", "It has: hospital, y, x, arm"]),
        ("y ~ system(x) + (1 | site)", ["character 5", "not a known function", "log, log1p"]),
        ("y ~ x.__class__ + (1 | site)", ["character 5"]),
        ("y ~ x$y", ["character 6"]),
        ("y ~ {x} + (1 | site)", ["character 5", "holds no code"]),
        ("y ~ scale(x) + (1 | site)", ["character 11", "no `mean` of `x`", "differs by site"]),
    ],
)
def test_a_formula_that_cannot_be_is_refused_with_its_place(consortium: str, formula: str, said: list[str]) -> None:
    done = fit(consortium, formula)
    assert done.returncode == WRONG
    for part in said:
        assert part in done.stderr
    assert done.stdout == ""


def test_a_response_that_is_not_binary_names_the_site_and_the_row(consortium: str) -> None:
    done = fit(consortium, "three ~ x + (1 | site)")
    assert done.returncode == REFUSED
    assert "h3: the response, column `three`" in done.stderr
    assert "row 2 holds a number that is neither 0 nor 1, and the family is binomial" in done.stderr
    assert "for counts use family poisson" in done.stderr


def test_a_level_missing_from_the_given_ones_is_told_by_column_and_row_and_not_quoted(tmp_path: Path) -> None:
    done = rehearse(tmp_path, rows(), "y ~ arm + (1 | site)", "--levels", "arm=a")
    assert done.returncode == WRONG
    assert re.search(r"column `arm`: rows that hold a level .*: \d+, the first is row \d+\.", done.stderr)


def test_rows_that_are_all_incomplete_at_one_site_name_it(consortium: str) -> None:
    done = fit(consortium, "y ~ unknown + (1 | site)")
    assert done.returncode == REFUSED
    assert "h2: the data: every row has a missing value" in done.stderr


def test_missing_values_are_dropped_counted_and_reported(consortium: str) -> None:
    done = fit(consortium, "y ~ gaps + (1 | site)")
    assert done.returncode == 0
    assert "20 rows were left out for missing values" in done.stdout


def test_collinear_columns_are_named_and_give_no_estimates(consortium: str) -> None:
    done = fit(consortium, "y ~ x + double + (1 | site)")
    assert done.returncode == NO_ESTIMATES
    assert "cannot tell these apart: (Intercept), x, double" in done.stdout


def test_complete_separation_is_refused_as_beta_gets_steep_with_the_remedy(consortium: str) -> None:
    """What is left of the answers then is of the rows on either side of the step."""
    done = fit(consortium, "certain ~ x + (1 | site)")
    assert done.returncode == REFUSED
    assert "too much that of a single unit" in done.stderr
    assert "Leave out a variable that separates the outcomes" in done.stderr
    assert done.stderr.count("\n") < 25


def test_complete_separation_is_named_where_the_policy_is_open_and_gives_no_estimates(tmp_path: Path) -> None:
    table = [row | {"certain": int(float(row["x"]) > 0)} for row in rows()]
    done = rehearse(tmp_path, table, "certain ~ x + (1 | site)", "--policy", "open")
    assert done.returncode == NO_ESTIMATES
    assert "No finite estimate exists" in done.stdout
    assert done.stderr.count("\n") < 25


def test_a_negative_weight_names_the_site_the_column_and_the_row(consortium: str) -> None:
    done = fit(consortium, "y ~ x", "--weights", "w")
    assert done.returncode == REFUSED
    assert "h1: column `w`: row 3 holds a negative weight" in done.stderr


def test_a_roster_of_one_site_has_no_sum_that_hides_it_and_is_refused_with_the_remedy(consortium: str) -> None:
    done = fit(consortium, "y ~ x + (1 | site)", "--sites", "h0")
    assert done.returncode == WRONG
    assert "minimum_sites: the roster has too few sites" in done.stderr
    assert "Add sites to the roster" in done.stderr


def test_a_site_that_is_too_small_refuses_in_words_and_without_numbers(tmp_path: Path) -> None:
    table = [row for k, row in enumerate(rows()) if row["hospital"] != "h1" or k < 60]
    done = rehearse(tmp_path, table, "y ~ x + (1 | site)")
    assert done.returncode == REFUSED
    assert done.stderr.startswith("fedglmm: h1: the site's policy: ")
    assert not any(character.isdigit() for character in done.stderr.split("policy: ")[1])


@pytest.mark.parametrize("content", ["", "hospital,y,x,arm\n"])
def test_a_file_without_rows_says_so(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    done = run("fedglmm", "rehearse", str(path), "y ~ x", "--site", "hospital")
    assert done.returncode == WRONG
    assert "rows.csv: the file" in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(",", ";"), "separated by semicolons"),
        (lambda text: text + "h0,1,0,5,a\n", "line 202 has more fields than the header"),
        (lambda text: text + "h0,1,1\n", "line 202 has fewer fields than the header"),
        (lambda text: text + 'h0,1,1,"a\n', "line 202 has a quote that does not close"),
        (lambda text: text + "h0,1,inf,a\n", "column `x`: nearly all of its values are numbers"),
        (lambda text: text.replace("arm", "x", 1), "columns 3 and 4 have the same name"),
        (lambda text: text.replace("arm", "Y", 1), "have the same name, but for upper and lower case"),
        (lambda text: text + "h0,1,1,\x00\n" + "a" * 3_000_000, "line 203 is longer than"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_line_or_column(
    tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    path = Path(write(tmp_path, rows()))
    path.write_text(change(path.read_text()))
    done = run("fedglmm", "rehearse", str(path), "y ~ x + arm", "--site", "hospital")
    assert done.returncode == WRONG
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, encoding: str) -> None:
    path = Path(write(tmp_path, [row | {"arm": "é"} for row in rows()]))
    path.write_text(path.read_text(), encoding=encoding)
    done = run("fedglmm", "rehearse", str(path), "y ~ x", "--site", "hospital")
    assert done.returncode == WRONG
    assert "UTF-8" in done.stderr


def test_a_site_whose_file_is_not_there_says_so_when_it_is_checked(tmp_path: Path) -> None:
    run("fedglmm-site", "split", write(tmp_path, rows()), "--by", "hospital", "--out", str(tmp_path / "sites"))
    home = tmp_path / "sites" / "h0"
    (home / "data.csv").unlink()
    done = run("fedglmm-site", "check", str(home))
    assert done.returncode == WRONG
    assert "data.csv: there is no such file." in done.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [(["--site", "nowhere"], "nowhere"), (["--site", "hospital", "--family", "tweedie"], "family")],
)
def test_a_wrong_option_is_named(tmp_path: Path, option: list[str], said: str) -> None:
    done = run("fedglmm", "rehearse", write(tmp_path, rows()), "y ~ x", *option)
    assert done.returncode == WRONG
    assert said in done.stderr


def test_a_port_in_use_is_named_with_the_remedy(tmp_path: Path) -> None:
    done = run("fedglmm-site", "split", write(tmp_path, rows()), "--by", "hospital", "--out", str(tmp_path / "sites"))
    assert done.returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = tmp_path / "sites" / "h0" / "site.toml"
        settings.write_text(settings.read_text().replace("port = 0", f"port = {port}"))
        done = run("fedglmm-site", "serve", str(settings.parent))
        assert done.returncode == WRONG
        assert f"port {port} is in use or not to be had" in done.stderr
        assert "Stop what uses it, or set another port in site.toml" in done.stderr
        (tmp_path / "coordinator.toml").write_text(
            f'port = {port}\ndictionary = "sites/dictionary.json"\n[[sites]]\nname = "h0"\nurl = "http://127.0.0.1:1"\n'
        )
        done = run("fedglmm-coordinator", "serve", str(tmp_path / "coordinator.toml"))
        assert done.returncode == WRONG
        assert f"port {port} is in use or not to be had" in done.stderr
        assert f"Stop what uses it, or set another `port` in {tmp_path / 'coordinator.toml'}" in done.stderr


def test_a_coordinator_that_is_not_there_is_named() -> None:
    done = run("fedglmm", "fit", "y ~ x", "--coordinator", "http://127.0.0.1:9")
    assert done.returncode == 4
    assert "http://127.0.0.1:9: the coordinator cannot be reached" in done.stderr
