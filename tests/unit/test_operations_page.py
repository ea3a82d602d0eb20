"""docs/operations.md names every setting with its default, every line of the logs with its fields, and every ending."""

import ast
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from coordinator.access.keys import Key, keys_in
from coordinator.access.roles import Role
from coordinator.cli import app
from coordinator.records import Analysis
from coordinator.settings import OidcSettings, Settings
from coordinator.settings import SiteSettings as RemoteSite
from coordinator.sql_store import SqlStore
from coordinator.states import AnalysisState
from shared.request import AnalysisRequest
from site_node.settings import SiteSettings
from site_node.source_settings import SourceSettings
from tests.unit import smallest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
MINIMAL = 'dictionary = "dictionary.json"\n[[sites]]\nname = "Bern"\nurl = "http://127.0.0.1:9001"\n'
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def table(head: str) -> dict[str, list[str]]:
    """The rows of the table whose first column has that head, by their first cell."""
    rows = PAGE.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    return {row[0].strip("`"): row[1:] for row in cells}


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def _in_toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("model", "title", "head"),
    [
        (SiteSettings, "A site", "field"),
        (SourceSettings, "A site", "field of `[source]`"),
        (Settings, "A coordinator", "field"),
        (RemoteSite, "A coordinator", "field of a site"),
        (OidcSettings, "A coordinator", "field of `[oidc]`"),
    ],
)
def test_every_setting_is_named_with_its_default(model: type[BaseModel], title: str, head: str) -> None:
    rows = section(title).split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", "\n".join(rows), re.MULTILINE))
    fields = model.model_fields.items()
    assert told == {
        name: "none" if field.is_required() or field.default is None else f"`{_in_toml(field.default)}`"
        for name, field in fields
    }


def test_the_entry_of_the_page_is_one_of_a_keys_file() -> None:
    block = section("Keys").split("    # Anna Meier", 1)[1].split("\n\n", 1)[0]
    (key,) = keys_in(textwrap.dedent(f"    # Anna Meier{block}"), Path("keys.toml"))
    assert (key.name, key.role, key.state(key.created)) == ("anna", "run", "valid")
    assert set(Key.model_fields) == set(re.findall(r"^    (\w+) = ", block, re.MULTILINE)) | {"revoked"}


def test_every_role_is_named() -> None:
    assert list(table("role")) == list(Role)


def test_the_commands_about_keys_are_commands(tmp_path: Path) -> None:
    (tmp_path / "coordinator.toml").write_text(f'keys_file = "k.toml"\n{MINIMAL}', encoding="utf-8")
    written = re.findall(r"^    fedglmm-coordinator (keys [^>\n]*)", PAGE, re.MULTILINE)
    assert len(written) == 3
    for words in written:
        done = CliRunner().invoke(app, [str(tmp_path) if word == "FOLDER" else word for word in words.split()])
        assert done.exit_code == 0, done.output


def logged(package: str) -> dict[str, set[str]]:
    """The fields of each event that a package's code writes to its log."""
    events: dict[str, set[str]] = defaultdict(set)
    for file in (ROOT / package).rglob("*.py"):
        for call in calls(ast.parse(file.read_text(encoding="utf-8"))):
            event, *_ = call.args
            name = event.value if isinstance(event, ast.Constant) else None
            assert isinstance(name, str), f"{file}:{call.lineno}: an event is a text, so that it can be looked for"
            events[name] |= {keyword.arg or "" for keyword in call.keywords}
    return events


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            yield node


@pytest.mark.parametrize(("package", "head"), [("site_node", "at a site"), ("coordinator", "at the coordinator")])
def test_every_line_of_the_logs_is_named_with_its_fields(package: str, head: str) -> None:
    told = {event: set(re.findall(r"`(\w+)`", cells[0])) for event, cells in table(head).items()}
    assert told == logged(package)


def test_every_ending_is_named() -> None:
    assert set(table("ending")) == {state.value for state in AnalysisState if state.ended}


def test_the_backup_of_the_page_copies_a_database_that_is_in_use(tmp_path: Path) -> None:
    written = re.search(r"^    fedglmm-coordinator (backup FOLDER backup\.db)$", PAGE, re.MULTILINE)
    assert written is not None
    (tmp_path / "coordinator.toml").write_text(MINIMAL, encoding="utf-8")
    store = SqlStore(f"sqlite:///{tmp_path / 'coordinator.db'}")
    request = AnalysisRequest(formula="y ~ 1")
    analysis = store.add(Analysis.submitted(request, smallest.SPECIFICATION, None), smallest.SPECIFICATION)
    try:
        command = [str(Path(sys.executable).parent / "fedglmm-coordinator"), *written.group(1).split()]
        subprocess.run([str(tmp_path) if word == "FOLDER" else word for word in command], cwd=tmp_path, check=True)
    finally:
        store.close()
    copy = SqlStore(f"sqlite:///{tmp_path / 'backup.db'}")
    try:
        assert copy.get(analysis.id) == analysis
    finally:
        copy.close()
