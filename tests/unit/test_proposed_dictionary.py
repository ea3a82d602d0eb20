"""Claims about what whoever splits a file or proposes a dictionary from it is told about the file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.dictionary import read_dictionary
from shared.errors import DataError
from site_node.cli import app
from site_node.data.doubts import MAX_TREND_NOTES
from site_node.data.inference import infer

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(content: str) -> Path:
        path = tmp_path / "data.csv"
        path.write_bytes(content.encode())
        return path

    return write


def columns(**values: Sequence[object]) -> str:
    lines = zip(*values.values(), strict=True)
    return "\n".join([",".join(values), *(",".join(map(str, line)) for line in lines)]) + "\n"


def notes(path: Path, **levels: list[str]) -> list[str]:
    return list(infer(path, levels=levels).notes)


def fault(path: Path, *, groups: Sequence[str] = (), levels: Mapping[str, Sequence[str]] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        infer(path, groups=groups, levels=levels)
    return caught.value


def test_whole_numbers_of_three_to_twelve_values_are_noted_with_the_levels_to_give(written: Written) -> None:
    cycle = range(104)
    path = written(
        columns(
            zero_one=[k % 2 for k in cycle],
            two=[k % 2 + 1 for k in cycle],
            period=[k % 4 + 7 for k in cycle],
            twelve=[k % 12 for k in cycle],
            thirteen=[k % 13 for k in cycle],
            fraction=[k % 4 / 2 for k in cycle],
        )
    )
    period, twelve = notes(path)
    assert period == "`period` has 4 values and is read as a number; for a factor: --levels period=7,8,9,10"
    assert twelve.startswith("`twelve` has 12 values")
    assert notes(path, period=["7", "8", "9", "10"]) == [twelve]


def test_the_levels_that_a_note_proposes_are_spelled_as_in_the_file(written: Written) -> None:
    path = written("visit\n03\n01\nNA\n02\n")
    assert notes(path)[0].endswith("--levels visit=01,02,03")
    assert notes(path, visit=["01", "02", "03"]) == []


def test_after_eight_columns_of_few_whole_numbers_only_their_count_is_noted(written: Written) -> None:
    told = notes(written(columns(**{f"q{k}": [1, 2, 3] for k in range(11)})))
    assert len(told) == MAX_TREND_NOTES + 1
    assert told[-1].startswith("and 3 more")


@pytest.mark.parametrize("command", ["split", "init"])
def test_the_notes_of_split_and_init_stand_on_stderr(tmp_path: Path, written: Written, command: str) -> None:
    path = str(written(columns(h=["a", "b", "a", "b"], period=[1, 2, 3, 4])))
    folder = str(tmp_path / "new")
    options = {"split": [path, "--by", "h", "--out", folder], "init": [folder, "--data", path, "--name", "A"]}
    done = CliRunner().invoke(app, [command, *options[command]])
    assert done.exit_code == 0
    assert "Note: `period` has 4 values and is read as a number" in done.stderr
    assert "Note" not in done.stdout


@pytest.mark.parametrize(
    ("header", "sign"), [("a;b", "semicolon"), ('"a";"b"', "semicolon"), ("a\tb", "tab"), ("\ufeffa;b", "semicolon")]
)
def test_a_header_with_another_separator_says_that_commas_are_expected(
    written: Written, header: str, sign: str
) -> None:
    error = fault(written(f"{header}\n1,5;2\n"))
    assert f"it seems to be separated by {sign}s; columns are separated by commas here" in error.message
    assert "CSV separated by commas" in error.remedy


def test_a_separator_within_one_of_several_names_is_a_name(written: Written) -> None:
    assert [variable.name for variable in infer(written('"a;b",c\n1,2\n')).dictionary.variables] == ["c"]


@pytest.mark.parametrize("stray", ["Mrs-Smith", "1_000", "inf", "-Infinity", "nan.", "7;5", " "])
def test_a_few_texts_among_numbers_are_refused_by_column_count_and_row_and_never_quoted(
    written: Written, stray: str
) -> None:
    values = ["", *map(str, range(20)), stray, "NA", stray]
    error = fault(written(columns(x=[0] * 24, age=values)))
    assert error.where == "column `age`"
    assert "not a finite number: 2, the first in row 22." in error.message
    assert "--levels age=a,b,c" in error.remedy
    assert stray == " " or stray not in str(error)


def test_texts_in_more_than_a_tenth_of_the_values_make_a_factor_and_given_levels_always_do(written: Written) -> None:
    values, levels = ["0", "1", "2"] * 3, ("0", "1", "2", "3+")
    tenth = written(columns(x=[0] * 10, n=[*values, "3+"]))
    assert fault(tenth).where == "column `n`"
    assert infer(tenth, levels={"n": levels}).dictionary["n"].type == "factor"
    assert infer(written(columns(x=[0] * 9, n=[*values[1:], "3+"]))).dictionary["n"].levels == levels


@pytest.mark.parametrize("pair", [("male", "Male"), ("male", "male "), (" male", "MALE")])
def test_levels_that_differ_only_by_case_or_blanks_around_them_are_noted(written: Written, pair: tuple[str]) -> None:
    (told,) = notes(written(columns(sex=[*pair, "female"], arm=["a", "b", "a b"])))
    assert "`sex` has levels that differ only in upper and lower case or in blanks" in told


def test_rows_with_a_level_that_was_not_given_are_counted_and_the_first_is_named_by_its_row(written: Written) -> None:
    path = written(columns(gender=["male", "female", "NA", "other", "female"]))
    error = fault(path, levels={"gender": ["male", "femal"]})
    assert error.where == "column `gender`"
    assert error.message == "rows that hold a level which is not among those given: 3, the first is row 2."


def test_identifiers_are_counted_and_not_quoted_when_levels_are_given_for_them(written: Written) -> None:
    error = fault(written(columns(patient=[f"Mrs-Smith-{k}" for k in range(60)])), levels={"patient": ["a"]})
    assert error.message.endswith("not among those given: 60, the first is row 1.")


@pytest.mark.parametrize("options", [["--by", "gendre"], ["--by", "clinic", "--levels", "GENDER=f,m"]])
def test_a_column_that_is_not_there_is_answered_with_the_nearest_name_and_the_columns(
    tmp_path: Path, written: Written, options: list[str]
) -> None:
    path = written("gender,clinic\nf,a\n")
    done = CliRunner().invoke(app, ["split", str(path), *options, "--out", str(tmp_path / "fed")])
    assert done.exit_code == 2
    assert "Did you mean `gender`? The columns are: gender, clinic." in done.stderr


def test_a_site_column_that_is_not_there_is_answered_in_the_same_way(tmp_path: Path, written: Written) -> None:
    done = CliRunner().invoke(app, ["split", str(written("x\n1\n")), "--by", "site", "--out", str(tmp_path / "fed")])
    assert "there is no column `site`. The columns are: x." in done.stderr


def test_at_most_twenty_columns_are_listed(written: Written) -> None:
    error = fault(written(columns(**{f"x{k}": [1] for k in range(25)})), groups=["zzz"])
    assert error.remedy.endswith("x18, x19 and 5 more.")
    assert "mean" not in error.remedy


def test_a_file_that_is_not_there_is_named_without_a_word_of_settings(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["split", str(tmp_path / "no.csv"), "--by", "g", "--out", str(tmp_path / "fed")])
    assert done.exit_code == 2
    assert f"{tmp_path / 'no.csv'}: there is no such file." in done.stderr
    assert "site.toml" not in done.stderr


def test_a_file_with_a_header_and_no_rows_proposes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("y,x\n")
    with pytest.raises(DataError, match="no column holds a value"):
        infer(path)


@pytest.mark.parametrize(
    "values",
    [
        [f"{k},{k}{k}" for k in range(20)],
        ["1.234,5", "-2,5", "+3,5e-2", ",5", " 7,25 "] * 4,
        ["1,000", "12,000,000", "1,234.5", "7"] * 5,
        [*(str(k) for k in range(10)), *(f"{k},5" for k in range(8)), ".", "n/a"],
    ],
)
def test_numbers_with_commas_are_refused_by_column_and_count_and_never_quoted(
    written: Written, values: list[str]
) -> None:
    path = written(columns(x=[0] * 20, crp=[f'"{value}"' for value in values]))
    error = fault(path)
    assert error.where == "column `crp`"
    assert f"With a comma: {sum(',' in value for value in values)} of 20." in error.message
    first = next(k for k, value in enumerate(values, 1) if "," in value)
    assert error.message.endswith(f"The first is row {first}.")
    assert "with a point" in error.remedy
    assert infer(path, groups=["crp"]).dictionary["crp"].type == "group"


def test_texts_with_commas_that_are_no_numbers_are_levels(written: Written) -> None:
    levels = ["1, 2", "a,b", "1,b", ",", "5,"]
    proposal = infer(written(columns(ward=[f'"{level}"' for level in levels])))
    assert proposal.dictionary["ward"].levels == tuple(sorted(levels))
    assert proposal.notes == ()


@pytest.mark.parametrize(("text", "count"), [(".", 11), ("n/a", 11), ("n/a", 60), ("n/a", 90)])
def test_a_text_column_with_a_tenth_of_numbers_or_more_is_noted_with_what_to_do(
    written: Written, text: str, count: int
) -> None:
    values = [text] * count + [str(k) for k in range(100 - count)]
    (told,) = notes(written(columns(x=[0, 1] * 50, lab=values)))
    kind = "group" if count < 50 else "factor"
    assert told.startswith(f"`lab` is read as a {kind}, and {100 - count} of 100 values are numbers. If it should be a")
    assert "leave the field empty (or write NA) where the value is missing" in told
    assert f"`{text}`" not in told


def test_fewer_numbers_given_levels_and_chosen_groups_are_not_noted(written: Written) -> None:
    few = written(columns(code=[*(f"A{k}" for k in range(91)), *range(9)]))
    assert notes(few) == []
    mixed = written(columns(grade=["1", "2", "3+"] * 3, h=["4", "4a", "2020-01-01"] * 3))
    assert list(infer(mixed, groups=["h"], levels={"grade": ["1", "2", "3+"]}).notes) == []


def test_numbers_with_commas_among_texts_are_counted_in_the_note(written: Written) -> None:
    (told,) = notes(written(columns(lab=['"1,5"', "2", "n/a", "n/a"])))
    assert "2 of 4 values, 1 of them with a comma, are numbers" in told


@pytest.mark.parametrize(
    "date",
    [
        "2020-0{}-11", "2020/{}/1", "1{}.01.2020", "{}/1/20", "1{}JAN2020", "{}. März 2020", "0{}-Dec-99",
        "2020-01-0{}T12:30:00Z", "1{}.01.2020 08:15",
    ],
)  # fmt: skip
def test_a_column_of_dates_is_noted_and_not_quoted(written: Written, date: str) -> None:
    values = [date.format(k % 9 + 1) for k in range(18)]
    (told,) = notes(written(columns(x=[0, 1] * 10, admitted=[*values, "unknown", "NA"])))
    assert told.startswith("`admitted` holds dates (18 of 19 values) and is read as a factor: its dates stand in the")
    assert not any(value in told for value in values)


def test_a_column_of_many_dates_is_a_group_and_noted_without_a_word_of_levels(written: Written) -> None:
    (told,) = notes(written(columns(born=[f"{1900 + k}-01-01" for k in range(60)])))
    assert "is read as a group: delete it" in told


@pytest.mark.parametrize("text", ["12-34", "v1.2", "1.2.3.4", "12 abc 2020", "2020"])
def test_texts_that_are_no_dates_are_not_called_dates(written: Written, text: str) -> None:
    assert not any("dates" in note for note in notes(written(columns(code=[text, "b", "c", "b"]))))


@pytest.mark.parametrize("command", ["split", "init"])
def test_whole_numbers_that_are_all_different_are_a_group_to_every_command_unless_they_measure(
    command: str, written: Written, tmp_path: Path
) -> None:
    path, folder = (
        str(written(columns(h=["a", "b"] * 12, patient=range(101, 125), pay=range(24)))),
        str(tmp_path / "new"),
    )
    options = {"split": [path, "--by", "h", "--out", folder], "init": [folder, "--data", path, "--name", "A"]}
    done = CliRunner().invoke(app, [command, *options[command], "--numbers", "pay"])
    assert done.exit_code == 0
    dictionary = read_dictionary(tmp_path / "new" / "dictionary.json")
    assert [dictionary[name].type for name in ("patient", "pay")] == ["group", "integer"]
    assert "`patient` holds whole numbers that are all different" in done.stderr
    assert "--numbers patient" in done.stderr
    assert "`pay`" not in done.stderr


VISITS: dict[str, Sequence[object]] = {
    "h": ["a", "b"] * 40,
    "patient": [1000 + k // 2 for k in range(80)],
    "age": [30 + k % 37 for k in range(80)],
}
"""40 patients with two rows each, of 37 ages."""


def test_whole_numbers_with_equally_many_rows_each_are_noted_as_what_may_identify(written: Written) -> None:
    proposal = infer(written(columns(**VISITS)))
    assert proposal.dictionary["patient"].type == "integer"
    (told,) = proposal.notes
    assert told.startswith("`patient` holds whole numbers with 2 rows each")
    assert told.endswith("--groups patient")
    assert infer(written(columns(**VISITS)), numbers=["patient"]).notes == ()


@pytest.mark.parametrize("values", [[k // 2 for k in range(38)], [*range(40), *range(39)], [0, 0, *range(30)]])
def test_few_whole_numbers_or_with_unequally_many_rows_are_not(written: Written, values: list[int]) -> None:
    assert notes(written(columns(x=values))) == []


@pytest.mark.parametrize("command", ["split", "init"])
def test_a_column_is_a_group_to_every_command_that_is_told_so(command: str, written: Written, tmp_path: Path) -> None:
    path, folder = str(written(columns(**VISITS))), str(tmp_path / "new")
    options = {"split": [path, "--by", "h", "--out", folder], "init": [folder, "--data", path, "--name", "A"]}
    done = CliRunner().invoke(app, [command, *options[command], "--groups", "patient"])
    assert done.exit_code == 0
    dictionary = read_dictionary(tmp_path / "new" / "dictionary.json")
    assert [dictionary[name].type for name in ("patient", "age")] == ["group", "integer"]
    assert "`patient`" not in done.stderr


def test_numbers_of_a_column_that_is_not_there_are_told(written: Written) -> None:
    with pytest.raises(DataError, match="no column `y`"):
        infer(written(columns(x=[1, 2])), numbers=["y"])
