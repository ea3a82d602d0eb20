"""The consortium file is read whole or refused by its key, and its hash is of what people agreed on, not of how it is written."""

from pathlib import Path

import pytest

from shared.consortium import Consortium, aloud, read_consortium
from shared.dictionary import Dictionary
from shared.errors import ConsortiumError
from shared.specification import sha256_of

NORTH, SOUTH, MIDDLE = "1" * 64, "2" * 64, "3" * 64
HEAD = f'name = "Trials"\ndictionary_sha256 = "{"d" * 64}"\n'
COORDINATOR = f'[coordinator]\npublic_key = "{MIDDLE}"\n'
SITES = f'[sites.North]\npublic_key = "{NORTH}"\n[sites."South St. 2"]\npublic_key = "{SOUTH}"\n'
WHOLE = HEAD + COORDINATOR + SITES


def written(folder: Path, text: str) -> Path:
    path = folder / "consortium.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Consortium:
    return read_consortium(written(folder, text))


def refused(folder: Path, text: str) -> ConsortiumError:
    with pytest.raises(ConsortiumError) as caught:
        read(folder, text)
    assert str(folder / "consortium.toml") in str(caught.value)
    assert "agreed file" in caught.value.remedy
    return caught.value


def test_it_is_read_with_safe_defaults(tmp_path: Path) -> None:
    consortium = read(tmp_path, WHOLE)
    assert (consortium.name, consortium.dictionary_sha256) == ("Trials", "d" * 64)
    assert (consortium.minimum_sites, consortium.two_sites_consent) == (2, False)
    assert {name: site.public_key for name, site in consortium.sites.items()} == {"North": NORTH, "South St. 2": SOUTH}
    assert consortium.coordinator.public_key == MIDDLE


def test_the_dictionarys_hash_is_the_one_that_specifications_hold(tmp_path: Path) -> None:
    agreed = sha256_of(Dictionary(variables=()))
    assert read(tmp_path, WHOLE.replace("d" * 64, agreed)).dictionary_sha256 == agreed


def test_another_dictionary_is_refused_with_what_to_do_for_those_who_have_it_and_those_who_changed_it(
    tmp_path: Path,
) -> None:
    consortium = read(tmp_path, WHOLE)
    consortium.check_dictionary("d" * 64, where="dictionary.json")
    with pytest.raises(ConsortiumError, match=r"^dictionary\.json: the dictionary is not the agreed one") as caught:
        consortium.check_dictionary("e" * 64, where="dictionary.json")
    assert "Ask the consortium for the agreed file." in caught.value.remedy
    assert "found the consortium anew: docs/operations.md" in caught.value.remedy


def test_the_hash_does_not_depend_on_order_comments_or_blanks_nor_on_writing_defaults_out(tmp_path: Path) -> None:
    first, second = SITES.split("[sites.", maxsplit=2)[1:]
    again = (
        f"minimum_sites   = 2 # at least\ntwo_sites_consent=false\n{HEAD}[sites.{second}[sites.{first}\n{COORDINATOR}"
    )
    assert again.index("South") < again.index("North")
    assert read(tmp_path, again).sha256 == read(tmp_path, WHOLE).sha256


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Trials", "Trails"),
        ("d" * 64, "d" * 63 + "e"),
        (NORTH, "4" * 64),
        (MIDDLE, "4" * 64),
        ("North", "Nord"),
        (HEAD, HEAD + "minimum_sites = 3\n"),
        (HEAD, HEAD + "two_sites_consent = true\n"),
        (SITES, SITES + f'[sites.East]\npublic_key = "{"5" * 64}"\n'),
    ],
)
def test_whatever_was_agreed_changes_the_hash(tmp_path: Path, old: str, new: str) -> None:
    assert read(tmp_path, WHOLE.replace(old, new)).sha256 != read(tmp_path, WHOLE).sha256


def test_sites_that_change_their_keys_among_them_change_the_hash(tmp_path: Path) -> None:
    swapped = WHOLE.replace(NORTH, "x").replace(SOUTH, NORTH).replace("x", SOUTH)
    assert read(tmp_path, swapped).sha256 != read(tmp_path, WHOLE).sha256


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (HEAD, 'name = "Trials"\n', "dictionary_sha256"),
        ("Trials", "", "name"),
        ("d" * 64, "d" * 63, "dictionary_sha256"),
        (COORDINATOR, "", "coordinator"),
        (SITES, "", "sites"),
        (NORTH, NORTH[:-1], "sites.North.public_key"),
        (NORTH, NORTH[:-1] + "g", "sites.North.public_key"),
        (MIDDLE, "AB" * 32, "coordinator.public_key"),
        (HEAD, HEAD + "minimum_sites = 1\n", "minimum_sites"),
        (HEAD, HEAD + "two_site_consent = true\n", "two_site_consent"),
        ("North", '"../North"', "sites.../North"),
    ],
)
def test_what_is_wrong_is_named_by_its_file_and_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert refused(tmp_path, WHOLE.replace(old, new)).where.startswith(f"{tmp_path / 'consortium.toml'}: {key}")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (SOUTH, NORTH, "`sites.South St. 2.public_key` is that of `sites.North` too"),
        (NORTH, MIDDLE, "`sites.North.public_key` is that of `coordinator` too"),
    ],
)
def test_two_parties_with_one_key_are_refused_by_their_names(tmp_path: Path, one: str, other: str, said: str) -> None:
    assert said in str(refused(tmp_path, WHOLE.replace(one, other)))


@pytest.mark.parametrize("text", ["name = ", "[sites.North]\n[sites.North]\n", '{"name": "Trials"}'])
def test_what_is_no_toml_is_said_so(tmp_path: Path, text: str) -> None:
    assert "no TOML" in refused(tmp_path, text).message


def test_bytes_that_are_no_text_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "consortium.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ConsortiumError, match=r"consortium\.toml: it is no TOML"):
        read_consortium(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConsortiumError, match=r"consortium\.toml: the consortium file cannot be read.*Copy"):
        read_consortium(tmp_path / "consortium.toml")


def test_two_sites_need_consent_and_one_hides_nothing(tmp_path: Path) -> None:
    third = f'[sites.East]\npublic_key = "{"5" * 64}"\n'
    asks, consents = (
        read(tmp_path, WHOLE + third),
        read(tmp_path, HEAD + "two_sites_consent = true\n" + WHOLE[len(HEAD) :]),
    )
    asks.check_roster(("East", "North", "South St. 2"))
    consents.check_roster(("North", "South St. 2"))
    for roster, where in (
        (("North", "East"), "two_sites_consent"),
        (("North",), "minimum_sites"),
        (("North", "North"), "minimum_sites"),
        ((), "minimum_sites"),
        (("North", "West", "East"), "West"),
    ):
        with pytest.raises(ConsortiumError) as caught:
            asks.check_roster(roster)
        assert (caught.value.where, bool(caught.value.remedy)) == (where, True)


def test_a_consortium_may_ask_for_more_sites(tmp_path: Path) -> None:
    consortium = read(tmp_path, HEAD + "minimum_sites = 3\ntwo_sites_consent = true\n" + WHOLE[len(HEAD) :])
    with pytest.raises(ConsortiumError, match="too few sites"):
        consortium.check_roster(("North", "South St. 2"))


def test_a_hash_is_read_aloud_in_groups_of_four(tmp_path: Path) -> None:
    digits = "".join(f"{number:02x}" for number in range(32))
    assert aloud(digits) == "0001 0203 0405 0607 0809 0a0b 0c0d 0e0f 1011 1213"
    assert aloud(read(tmp_path, WHOLE).sha256) != aloud(read(tmp_path, WHOLE.replace(NORTH, "4" * 64)).sha256)
