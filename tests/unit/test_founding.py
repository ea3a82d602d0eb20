"""A consortium is founded by commands: keys are made where they stay, public halves are put together, and hashes compared."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator.cli import app as coordinator
from coordinator.settings import load_settings as coordinators
from shared.consortium import aloud, read_consortium
from shared.dictionary import read_dictionary
from shared.signing import read_identity
from shared.specification import sha256_of
from site_node.cli import app as site
from site_node.settings import load_settings as sites

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
COMMANDS = {"fedglmm-site": site, "fedglmm-coordinator": coordinator}
NAMES = ("Bern", "Basel", "Chur")
ROWS = "treatment,death\n" + "a,0\na,1\nb,0\nb,1\n" * 10
KEY = re.compile(r"[0-9a-f]{64}")


def run(command: str, *words: str) -> Result:
    return CliRunner().invoke(COMMANDS[command], list(words))


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def parties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Three sites' folders and a coordinator's, made by their commands; the public key that each site printed."""
    monkeypatch.chdir(tmp_path)
    keys = {}
    for name in NAMES:
        Path(f"{name}.csv").write_text(ROWS, encoding="utf-8")
        (found,) = KEY.findall(said(run("fedglmm-site", "init", name, "--data", f"{name}.csv", "--name", name)))
        keys[name] = found
    urls = [f"{name}=http://127.0.0.1:{8101 + place}" for place, name in enumerate(NAMES)]
    said(run("fedglmm-coordinator", "init", "coordinator", *(f"--site={url}" for url in urls)))
    Path("coordinator/dictionary.json").write_bytes(Path("Bern/dictionary.json").read_bytes())
    return keys


def found(keys: dict[str, str], *options: str) -> Result:
    named = [word for name, key in keys.items() for word in ("--site", f"{name}={key}")]
    return run("fedglmm-coordinator", "found", "coordinator", "--name", "Beta-blockers", *named, *options)


def set_up(file: Path, consortium: str) -> None:
    """As the comment in the file says: the two lines are there."""
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"^# (identity_file = .*)$", r"\1", text, flags=re.MULTILINE)
    file.write_text(re.sub(r"^# consortium = .*$", f'consortium = "{consortium}"', text, flags=re.MULTILINE), "utf-8")


def test_each_party_makes_its_own_key_for_its_owner_only_and_prints_the_public_half(parties: dict[str, str]) -> None:
    for name, key in parties.items():
        assert read_identity(Path(name) / "identity").public_hex == key
    assert Path("coordinator/identity").stat().st_mode & 0o777 == 0o600
    assert len(set(parties.values()) | {read_identity(Path("coordinator/identity")).public_hex}) == 4


def test_the_coordinators_key_is_printed_and_never_overwritten(parties: dict[str, str]) -> None:
    own = Path("coordinator/identity").read_bytes()
    Path("coordinator/coordinator.toml").unlink()
    told = said(run("fedglmm-coordinator", "init", "coordinator", "--site", "Bern=http://127.0.0.1:8101"))
    assert Path("coordinator/identity").read_bytes() == own
    assert read_identity(Path("coordinator/identity")).public_hex in told
    assert own.decode().strip() not in told
    assert parties["Bern"] not in told


def test_what_is_found_is_what_was_told_and_all_read_the_same_hash_aloud(parties: dict[str, str]) -> None:
    told = said(found(parties))
    consortium = read_consortium(Path("coordinator/consortium.toml"))
    assert {name: party.public_key for name, party in consortium.sites.items()} == parties
    assert consortium.coordinator.public_key == read_identity(Path("coordinator/identity")).public_hex
    assert consortium.dictionary_sha256 == sha256_of(read_dictionary(Path("Bern/dictionary.json")))
    assert (consortium.minimum_sites, consortium.two_sites_consent) == (2, False)
    hash_ = aloud(consortium.sha256)
    assert hash_ in told
    set_up(Path("coordinator/coordinator.toml"), "consortium.toml")
    assert hash_ in said(run("fedglmm-coordinator", "check", "coordinator"))
    for name in NAMES:
        set_up(Path(name) / "site.toml", "../coordinator/consortium.toml")
        assert hash_ in said(run("fedglmm-site", "check", name))
        assert sites(Path(name)).member() is not None
    assert coordinators(Path("coordinator")).consortium == Path("coordinator/consortium.toml")


def test_what_the_consortium_agreed_on_rosters_is_written(parties: dict[str, str]) -> None:
    said(found(parties, "--minimum-sites", "3", "--two-sites-consent"))
    consortium = read_consortium(Path("coordinator/consortium.toml"))
    assert (consortium.minimum_sites, consortium.two_sites_consent) == (3, True)


def test_before_there_is_a_file_both_checks_say_so_and_a_site_its_key(parties: dict[str, str]) -> None:
    assert "not signed" in said(run("fedglmm-coordinator", "check", "coordinator"))
    told = said(run("fedglmm-site", "check", "Bern"))
    assert "No consortium file is set" in told
    assert parties["Bern"] in told


def test_a_file_that_is_there_is_kept(parties: dict[str, str]) -> None:
    said(found(parties))
    before = Path("coordinator/consortium.toml").read_bytes()
    again = found(parties, "--two-sites-consent")
    assert again.exit_code == 2
    assert "the file exists" in again.output
    assert Path("coordinator/consortium.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--site", "Davos"), "site `Davos`, public_key"),
        (("--site", "Davos=12ab"), "64 hexadecimal digits"),
        (("--site", f"Bern={'1' * 64}"), "site `Bern`: it is given twice"),
        (("--site", f"-={'1' * 64}"), "sites.-"),
    ],
)
def test_what_is_no_site_or_no_key_is_told_and_nothing_is_written(
    options: tuple[str, ...], told: str, parties: dict[str, str]
) -> None:
    result = found(parties, *options)
    assert result.exit_code == 2
    assert told in result.output
    assert not Path("coordinator/consortium.toml").exists()


def test_one_key_for_two_parties_is_refused(parties: dict[str, str]) -> None:
    result = found(parties | {"Chur": parties["Bern"]})
    assert result.exit_code == 2
    assert "each needs its own" in result.output


@pytest.mark.parametrize("other", ["dictionary.json", "consortium.toml"])
def test_a_site_or_coordinator_that_does_not_fit_the_file_says_so_before_it_is_online(
    other: str, parties: dict[str, str]
) -> None:
    said(found(parties))
    set_up(Path("coordinator/coordinator.toml"), "consortium.toml")
    set_up(Path("Bern/site.toml"), "../coordinator/consortium.toml")
    if other == "dictionary.json":
        for folder in ("Bern", "coordinator"):
            path = Path(folder) / other
            path.write_text(path.read_text("utf-8").replace("treatment", "arm"), encoding="utf-8")
    else:
        path = Path("coordinator") / other
        path.write_text(path.read_text("utf-8").replace("Bern", "Thun"), encoding="utf-8")
    for command, folder in (("fedglmm-site", "Bern"), ("fedglmm-coordinator", "coordinator")):
        result = run(command, "check", folder)
        assert result.exit_code == 2
        words = " ".join(result.output.split())
        assert ("not the agreed one" if other == "dictionary.json" else "it does not name `Bern`") in words


def test_the_steps_of_the_page_found_a_consortium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the section, in its order, with the keys that were printed in the place of `...`."""
    monkeypatch.chdir(tmp_path)
    section = PAGE.split("\n## Founding a consortium\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^ {7}(?:mkdir \w+ && )?(fedglmm-.*|cp .*)$", section.replace("\\\n", ""), re.MULTILINE)
    assert len(lines) == 7
    for name in ("bern", "basel"):
        Path(f"{name}.csv").write_text(ROWS, encoding="utf-8")
    keys: dict[str, str] = {}
    for line in lines:
        program, *words = shlex.split(line, comments=True)
        if program == "cp":
            Path(words[1]).mkdir(exist_ok=True)
            (Path(words[1]) / Path(words[0]).name).write_bytes(Path(words[0]).read_bytes())
            continue
        words = [
            word.replace("=...", f"={keys[word.removesuffix('=...')]}") if "=..." in word else word for word in words
        ]
        told = said(run(program, *words))
        if words[0] == "init" and program == "fedglmm-site":
            keys[words[words.index("--name") + 1]] = KEY.findall(told)[0]
        if words[0] == "found":
            set_up(Path("coordinator/coordinator.toml"), "consortium.toml")
            set_up(Path("bern/site.toml"), "../coordinator/consortium.toml")
    assert aloud(read_consortium(Path("coordinator/consortium.toml")).sha256) in told
