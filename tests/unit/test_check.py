"""`fedglmm-site check` says in words, and as JSON, what would be refused and why."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shared.dictionary import Dictionary, Variable
from site_node.cli import app
from site_node.data.inference import write_dictionary
from site_node.folder import Database, NewSite, write_site
from site_node.release.policy import PolicyName

DICTIONARY = Dictionary(
    variables=(
        Variable(name="arm", type="factor", levels=("a", "b", "c")),
        Variable(name="dead", type="integer"),
        Variable(name="age", type="number", unit="years", range=(0, 120)),
        Variable(name="crp", type="number"),
        Variable(name="ward", type="group"),
    )
)
HEADER = "arm,dead,age,crp,ward,remark\n"


def lines(count: int, **changes: str) -> str:
    cells = [
        {"arm": "ab"[k % 2], "dead": str(k // 2 % 2), "age": "50", "crp": "1.5", "ward": "w"} for k in range(count)
    ]
    return "".join(",".join((row | changes).values()) + ",x\n" for row in cells)


def site(folder: Path, rows: str, dictionary: Dictionary = DICTIONARY, policy: PolicyName = "default") -> Path:
    write_site(folder / "site", NewSite(name="A", data="rows.csv", dictionary="dictionary.json", policy=policy))
    write_dictionary(dictionary, folder / "site" / "dictionary.json")
    (folder / "site" / "rows.csv").write_text(HEADER + rows, encoding="utf-8")
    return folder / "site"


def said(home: Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", str(home)], env={"COLUMNS": "400"})
    return done.exit_code, " ".join((done.stdout + done.stderr).split())


def as_json(home: Path) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["check", str(home), "--json"])
    return done.exit_code, json.loads(done.stdout)


def test_sound_rows_are_told_what_they_are_enough_for_and_what_is_not_agreed_on(tmp_path: Path) -> None:
    code, words = said(site(tmp_path, lines(40)))
    assert code == 0
    assert "Nothing was found that would be refused." in words
    assert "Columns that the dictionary does not have are never read: remark." in words
    assert "gives no unit, so nobody notices that another site measures in another one: crp." in words
    assert "gives no range, so a typing error of any size is taken for a value: crp." in words
    assert "With all rows a model may have 13 parameters here" in words


def test_a_level_of_one_or_two_rows_is_named_here_with_what_to_do(tmp_path: Path) -> None:
    home = site(tmp_path, lines(40) + lines(2, arm="c", dead="0"))
    code, words = said(home)
    assert code == 1
    assert "Would be refused, rare_level (arm)" in words
    assert "`arm`: of these there are 1 to 2, and it has to be none or at least 3: c." in words
    _, found = as_json(home)
    assert [(one["name"], one["rare"]) for one in found["variables"] if one["rare"]] == [("arm", ["c"])]
    assert [(one["code"], one["variable"]) for one in found["refused"]] == [("rare_level", "arm")]


def test_a_value_of_few_that_one_row_has_is_named(tmp_path: Path) -> None:
    _, words = said(site(tmp_path, lines(40) + lines(1, dead="7")))
    assert "`dead`: of these there are 1 to 2, and it has to be none or at least 3: 7." in words


def test_missing_values_are_counted_and_their_consequence_is_told(tmp_path: Path) -> None:
    home = site(tmp_path, lines(15) + lines(25, age=""))
    code, words = said(home)
    assert code == 0
    assert (
        "`age` is missing in 25 of 40 rows (62 %): a model with it has at most 15, and would be refused (too_few_rows)."
        in words
    )
    assert "Rows in which no variable is missing: 15 of 40." in words
    _, found = as_json(home)
    assert (found["rows"], found["complete"], found["unread"]) == (40, 15, ["remark"])


def test_a_value_beyond_the_range_is_told_by_its_row_and_makes_the_rows_unsound(tmp_path: Path) -> None:
    home = site(tmp_path, lines(30) + lines(1, age="1951"))
    code, words = said(home)
    assert code == 1
    assert "row 31 holds a value outside the dictionary's range" in words
    assert "1951" not in words
    code, found = as_json(home)
    assert (code, found["sound"]) == (1, False)
    assert "row 31" in next(one["problem"] for one in found["variables"] if one["name"] == "age")


def test_patients_are_counted_where_there_is_a_privacy_unit(tmp_path: Path) -> None:
    patients = DICTIONARY.model_copy(update={"privacy_unit": "ward"})
    home = site(tmp_path, "".join(lines(4, ward=f"w{k}", arm="ab"[k % 2] if k else "c") for k in range(25)), patients)
    _, found = as_json(home)
    assert [one["rare"] for one in found["variables"] if one["name"] == "arm"] == [["c"]]


def test_under_the_open_policy_no_floor_is_spoken_of(tmp_path: Path) -> None:
    code, words = said(site(tmp_path, lines(5, age="") + lines(1, arm="c"), policy="open"))
    assert code == 0
    assert "refused (" not in words
    assert "parameters here" not in words


def test_rows_of_a_database_are_checked_as_a_files_are(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        connection.execute(f"CREATE TABLE trial ({HEADER})")
        rows = [line.split(",") for line in (lines(30) + lines(1, arm="d")).splitlines()]
        typed = [(arm, int(dead), float(age), float(crp), *rest) for arm, dead, age, crp, *rest in rows]
        connection.executemany("INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?)", typed)
    connection.close()
    data = Database(f"sqlite:///{tmp_path / 'rows.db'}", "SELECT * FROM trial ORDER BY rowid")
    write_site(tmp_path / "site", NewSite(name="A", data=data, dictionary="dictionary.json"))
    write_dictionary(DICTIONARY, tmp_path / "site" / "dictionary.json")
    code, words = said(tmp_path / "site")
    assert code == 1
    assert "row 31 holds a level that the dictionary lacks" in words
    assert "The dictionary lacks: d." in words
    assert "Row N is the Nth that the query gives" in words
    (tmp_path / "rows.db").unlink()
    assert said(tmp_path / "site") == (
        2,
        f"the database: there is no such database. Set `url` in site.toml. ({tmp_path / 'rows.db'})",
    )


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_what_cannot_be_read_at_all_ends_with_two_and_says_so_on_standard_error(
    tmp_path: Path, option: list[str]
) -> None:
    home = site(tmp_path, "")
    done = CliRunner().invoke(app, ["check", str(home), *option])
    assert (done.exit_code, done.stdout.strip().startswith("{")) == (2, False)
    assert "the file has a header and no rows." in done.stderr


def test_decimal_commas_and_texts_among_numbers_are_counted_with_the_first_row_and_not_quoted(tmp_path: Path) -> None:
    rows = lines(30) + lines(2, crp='"7,25"') + lines(1, crp="Zq7Canary")
    code, words = said(site(tmp_path, rows))
    assert code == 1
    assert "column `crp`: row 31 holds something that is not a finite number." in words
    assert "No number: 3 of 33 values, 2 of these but for a comma." in words
    assert "7,25" not in words
    assert "Zq7Canary" not in words
