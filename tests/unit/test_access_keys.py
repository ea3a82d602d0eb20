"""Keys of people: what the keys file says, whom a key lets in, and the commands that change the file."""

import hmac
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from coordinator.access import keys as rules
from coordinator.access.key_ring import KeyRing
from coordinator.access.keys import caller_of, hashed, read_keys, today
from coordinator.access.keys_file import add_key, revoke_keys
from coordinator.access.roles import ANYBODY, Caller, Role
from coordinator.cli import app
from shared.errors import AccessError, CredentialsError, RoleError, SettingsError
from tests.federation.people import entry, key_of, keys_file

DAY = date(2026, 11, 28)
SETTINGS = 'dictionary = "d.json"\nkeys_file = "keys.toml"\n[[sites]]\nname = "Bern"\nurl = "http://127.0.0.1:9001"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "keys.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def command(folder: Path, *words: str) -> tuple[int, str, str]:
    """The command's exit code, standard output and standard error."""
    (folder / "coordinator.toml").write_text(SETTINGS, encoding="utf-8")
    done = CliRunner().invoke(app, ["keys", *words, "--config", str(folder)])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("needed", Role)
def test_a_role_may_what_those_before_it_may_and_no_more(role: Role, needed: Role) -> None:
    may = list(Role).index(role) >= list(Role).index(needed)
    if may:
        Caller("anna", role).require(needed)
    else:
        with pytest.raises(RoleError, match=f"needs the role `{needed}`, and yours is `{role}`"):
            Caller("anna", role).require(needed)


def test_an_analysis_is_ended_by_its_owner_by_an_administrator_and_by_nobody_else() -> None:
    Caller("anna", Role.RUN).require_may_end("anna")
    Caller("beth", Role.ADMINISTER).require_may_end("anna")
    ANYBODY.require_may_end("anna")
    for owner in ("anna", None):
        with pytest.raises(RoleError, match="`administer`"):
            Caller("beth", Role.RUN).require_may_end(owner)


def test_a_key_lets_in_its_owner_with_its_role(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, keys_file({"anna": "run", "beth": "read"})))
    assert caller_of(keys, key_of("beth"), DAY) == Caller("beth", Role.READ)


@pytest.mark.parametrize("wrong", ["", "sesame", key_of("nobody"), key_of("anna").upper(), key_of("anna")[:-1], "\xe9"])
def test_what_is_no_key_of_the_file_lets_nobody_in_and_is_not_quoted(tmp_path: Path, wrong: str) -> None:
    keys = read_keys(written(tmp_path, entry("anna", "run")))
    with pytest.raises(CredentialsError, match="nobody is known by this key") as caught:
        caller_of(keys, wrong, DAY)
    assert "keys add" in caught.value.remedy
    assert not wrong or wrong not in str(caught.value)


def test_the_hash_in_the_file_opens_nothing(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, entry("anna", "run")))
    with pytest.raises(CredentialsError):
        caller_of(keys, hashed(key_of("anna")), DAY)


def test_a_made_up_key_lets_nobody_in_though_its_hash_is_in_the_file(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, entry("anna", "run", key="sesame")))
    with pytest.raises(CredentialsError):
        caller_of(keys, "sesame", DAY)


def test_a_key_is_valid_before_the_day_on_which_it_expires_and_not_on_it(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, entry("anna", "run", expires=str(DAY))))
    assert caller_of(keys, key_of("anna"), DAY - timedelta(days=1)).name == "anna"
    with pytest.raises(CredentialsError, match=f"expired on {DAY}"):
        caller_of(keys, key_of("anna"), DAY)


@pytest.mark.parametrize("since", [DAY - timedelta(days=1), DAY + timedelta(days=1)])
def test_a_revoked_key_is_refused_whatever_the_day(tmp_path: Path, since: date) -> None:
    keys = read_keys(written(tmp_path, entry("anna", "run", revoked=str(since))))
    with pytest.raises(CredentialsError, match=f"was revoked on {since}") as caught:
        caller_of(keys, key_of("anna"), DAY)
    assert "new key" in caught.value.remedy


def test_a_key_is_compared_in_constant_time_with_all_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = read_keys(written(tmp_path, keys_file(dict.fromkeys(("anna", "beth", "carl"), "run"))))
    compared: list[str] = []

    def compare(digest: str, other: str) -> bool:
        compared.append(other)
        return hmac.compare_digest(digest, other)

    monkeypatch.setattr(rules, "hmac", type("", (), {"compare_digest": staticmethod(compare)}))
    caller_of(keys, key_of("anna"), DAY)
    assert compared == [key.sha256 for key in keys]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no key"),
        ("# nobody yet\n", "holds no key"),
        ("anna:0123456789abcdef\n", "keys add NAME --role run"),
        (entry("anna", "rule"), "key `anna`, role"),
        (entry("anna", "run").replace("sha256", "hash"), "key `anna`, hash"),
        (entry("anna", "run").replace('sha256 = "', 'sha256 = "0'), "key `anna`, sha256"),
        (entry("oidc:anna", "run"), "name"),
        (entry("anna", "run", expires='"soon"'), "key `anna`, expires"),
        (entry("anna", "run") + entry("beth", "read", key=key_of("anna")), "keys of anna, beth"),
    ],
)
def test_a_keys_file_that_is_none_is_refused_by_place_and_no_hash_is_quoted(
    tmp_path: Path, text: str, said: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        read_keys(path)
    assert said in str(caught.value)
    assert caught.value.where.startswith(str(path))
    assert caught.value.remedy
    assert hashed(key_of("anna")) not in str(caught.value)
    assert "0123456789abcdef" not in str(caught.value)


def test_a_keys_file_that_others_can_read_is_refused_beyond_loopback(tmp_path: Path) -> None:
    path = written(tmp_path, entry("anna", "run"))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_keys(path, exposed=True)
    with capture_logs() as log:
        read_keys(path)
    assert [one["event"] for one in log] == ["key_file_readable_by_others"]


def test_a_change_of_the_file_is_seen_at_the_next_request(tmp_path: Path) -> None:
    path = written(tmp_path, entry("anna", "run"))
    ring = KeyRing(path, exposed=True)
    beth = add_key(path, "beth", Role.READ, today=today())
    assert ring.caller(beth) == Caller("beth", Role.READ)
    revoke_keys(path, "beth", today=today())
    with pytest.raises(CredentialsError, match="revoked"):
        ring.caller(beth)
    assert ring.caller(key_of("anna")).name == "anna"


@pytest.mark.parametrize("broken", ["[[keys", "", None])
def test_a_file_that_becomes_unusable_lets_nobody_in_is_logged_once_and_can_be_mended(
    tmp_path: Path, broken: str | None
) -> None:
    path = written(tmp_path, entry("anna", "run"))
    ring = KeyRing(path, exposed=True)
    path.unlink() if broken is None else path.write_text(broken, encoding="utf-8")
    with capture_logs() as log:
        for _ in range(2):
            with pytest.raises(AccessError, match="keys file cannot be used") as caught:
                ring.caller(key_of("anna"))
            assert not isinstance(caught.value, CredentialsError)
            assert str(tmp_path) not in str(caught.value)
    assert [(one["event"], str(path) in one["problem"]) for one in log] == [("keys_file_unusable", True)]
    written(tmp_path, entry("anna", "run"))
    assert ring.caller(key_of("anna")).name == "anna"


def test_a_key_that_is_made_is_256_random_bits_and_only_its_hash_is_written(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    made = {add_key(path, "anna", Role.RUN, today=DAY) for _ in range(3)}
    assert len(made) == 3
    assert {len(bytes.fromhex(key)) for key in made} == {32}
    text = path.read_text(encoding="utf-8")
    assert not [key for key in made if key in text]
    assert {key.sha256 for key in read_keys(path)} == {hashed(key) for key in made}
    assert path.stat().st_mode & 0o777 == 0o600


def test_adding_and_revoking_leave_what_people_wrote_into_the_file(tmp_path: Path) -> None:
    text = f"# ours\n\n# Anna, from Bern\n{entry('anna', 'run')}\n# Beth\n{entry('beth', 'administer')}"
    path = written(tmp_path, text)
    add_key(path, "carl", Role.READ, today=DAY, expires=DAY + timedelta(days=1))
    assert path.read_text(encoding="utf-8").startswith(text)
    assert revoke_keys(path, "anna", today=DAY) == 1
    assert path.read_text(encoding="utf-8").replace(f"revoked = {DAY}\n", "", 1).startswith(text)
    states = {key.name: key.state(DAY) for key in read_keys(path)}
    assert states == {"anna": "revoked", "beth": "valid", "carl": "valid"}


def test_a_rotation_has_two_valid_keys_until_the_old_one_is_revoked(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    old, new = (add_key(path, "anna", Role.RUN, today=DAY) for _ in range(2))
    other = add_key(path, "beth", Role.RUN, today=DAY)
    assert [caller_of(read_keys(path), key, DAY).name for key in (old, new)] == ["anna", "anna"]
    assert revoke_keys(path, "anna", today=DAY, keep_newest=True) == 1
    assert [caller_of(read_keys(path), key, DAY).name for key in (new, other)] == ["anna", "beth"]
    with pytest.raises(CredentialsError, match="revoked"):
        caller_of(read_keys(path), old, DAY)
    assert revoke_keys(path, "anna", today=DAY) == 1
    assert revoke_keys(path, "anna", today=DAY) == 0


def test_entries_that_are_written_in_another_way_are_left_to_the_administrator(tmp_path: Path) -> None:
    inline = entry("anna", "run").replace("[[keys]]\n", "").strip().replace("\n", ", ")
    path = written(tmp_path, f"keys = [{{ {inline} }}]\n")
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="Edit it: write `revoked = 2026-11-28`"):
        revoke_keys(path, "anna", today=DAY)
    with pytest.raises(SettingsError, match="Edit it: add"):
        add_key(path, "beth", Role.RUN, today=DAY)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])


@pytest.mark.parametrize("name", ["", "oidc:anna", "anna meier", "-anna", "a" * 64, 'a"b', "a\nb"])
def test_what_is_no_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="it is no name"):
        add_key(tmp_path / "keys.toml", name, Role.RUN, today=DAY)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_would_have_expired_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Give a later day"):
        add_key(tmp_path / "keys.toml", "anna", Role.RUN, today=DAY, expires=DAY)
    assert list(tmp_path.iterdir()) == []


def test_two_commands_do_not_change_the_file_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, entry("anna", "run"))
    (tmp_path / "keys.toml.draft").touch()
    with pytest.raises(SettingsError, match="remove the draft"):
        add_key(path, "beth", Role.RUN, today=DAY)
    assert [key.name for key in read_keys(path)] == ["anna"]


def test_a_file_that_root_changes_stays_the_servers_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, given = written(tmp_path, entry("anna", "run")), []
    monkeypatch.setattr(os, "chown", lambda file, user, group: given.append((file.name, user, group)))
    owner = path.stat()
    add_key(path, "beth", Role.RUN, today=DAY)
    assert given == [("keys.toml.draft", owner.st_uid, owner.st_gid)]


def test_keys_add_prints_the_key_alone_on_standard_output(tmp_path: Path) -> None:
    code, key, said = command(tmp_path, "add", "anna", "--role", "run", "--expires", "2099-11-01")
    assert code == 0
    (entry_,) = read_keys(tmp_path / "keys.toml", exposed=True)
    assert caller_of((entry_,), key.removesuffix("\n"), today()) == Caller("anna", Role.RUN)
    assert (entry_.created, entry_.expires) == (datetime.now(UTC).date(), date(2099, 11, 1))
    assert key.strip() not in said


def test_keys_list_shows_names_roles_and_states_and_neither_keys_nor_hashes(tmp_path: Path) -> None:
    written(tmp_path, entry("anna", "run", expires="2026-02-01") + entry("beth", "administer"))
    code, listed, _ = command(tmp_path, "list")
    assert code == 0
    rows = [[cell.strip() for cell in line.split("│")] for line in listed.splitlines() if "│" in line]
    assert [row[1:4] for row in rows] == [["anna", "run", "expired"], ["beth", "administer", "valid"]]
    assert not [name for name in ("anna", "beth") if hashed(key_of(name))[:12] in listed]


def test_keys_revoke_says_how_many_and_names_who_there_is_for_an_unknown_name(tmp_path: Path) -> None:
    written(tmp_path, entry("anna", "run"))
    assert command(tmp_path, "revoke", "anna") == (0, "", "Revoked: 1 key of anna.\n")
    code, _, said = command(tmp_path, "revoke", "Anna")
    assert (code, "The names: anna." in said) == (2, True)


def test_the_commands_ask_for_a_keys_file_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "coordinator.toml").write_text(SETTINGS.replace('keys_file = "keys.toml"\n', ""), encoding="utf-8")
    done = CliRunner().invoke(app, ["keys", "list", "--config", str(tmp_path)])
    assert (done.exit_code, "keys_file" in done.stderr) == (2, True)
