"""A certificate that cannot be used is told at the start, by its file and with what to do, and never by what its key holds."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from typer.testing import CliRunner

from coordinator.cli import app as coordinator
from coordinator.settings import load_settings as coordinator_settings
from shared.errors import SettingsError
from shared.tls import check_certificate, trusting
from site_node.cli import app as site
from site_node.settings import load_settings as site_settings

AUTHORITY = trustme.CA()
SITE_TOML = 'name = "Bern"\ndata = "d.csv"\ndictionary = "dictionary.json"\n'
COORDINATOR_TOML = 'dictionary = "dictionary.json"\n[[sites]]\nname = "Bern"\nurl = "http://127.0.0.1:9001"\n'
DICTIONARY = '{"variables": [{"name": "y", "type": "number"}]}'


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    made = AUTHORITY.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    for blob in made.cert_chain_pems:
        blob.write_to_path(certificate, append=True)
    made.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    return certificate, key


def refused(certificate: Path | None, key: Path | None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        check_certificate(certificate, key)
    assert caught.value.remedy
    return caught.value


def test_a_certificate_with_its_key_passes_and_so_does_none(files: tuple[Path, Path]) -> None:
    check_certificate(*files)
    check_certificate(None, None)


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(files: tuple[Path, Path], mode: int) -> None:
    files[1].chmod(mode)
    error = refused(*files)
    assert (error.where, error.remedy) == (str(files[1]), "chmod 600 tls.key")


@pytest.mark.parametrize(("missing", "setting"), [(0, "tls_certificate"), (1, "tls_key")])
def test_a_file_that_is_not_there_is_named_with_its_setting(
    files: tuple[Path, Path], missing: int, setting: str
) -> None:
    files[missing].unlink()
    assert refused(*files).where == f"{setting}: {files[missing]}"


def test_another_certificates_key_is_refused(files: tuple[Path, Path]) -> None:
    AUTHORITY.issue_cert("127.0.0.1").private_key_pem.write_to_path(files[1])
    assert refused(*files).message == "it is not the certificate's key."


@pytest.mark.parametrize("at", [0, 1])
def test_a_file_that_holds_something_else_is_refused_and_not_quoted(files: tuple[Path, Path], at: int) -> None:
    files[at].write_text("sesame", encoding="ascii")
    error = refused(*files)
    assert error.message == "they are no certificate and key."
    assert "sesame" not in str(error)


def test_a_key_behind_a_passphrase_is_refused_and_nobody_is_asked_for_it(files: tuple[Path, Path]) -> None:
    key = load_pem_private_key(files[1].read_bytes(), None)
    hidden = BestAvailableEncryption(b"sesame")
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
    assert refused(*files).message == "the key needs a passphrase."


def test_authorities_are_those_of_the_file_alone(tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = trusting(tmp_path / "ca.pem")
    assert len(context.get_ca_certs()) == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), ("", "no certificate"), ("x", "no certificate")]
)
def test_a_file_without_authorities_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, encoding="ascii")
    with pytest.raises(SettingsError, match=said) as caught:
        trusting(file)
    assert caught.value.where == f"ca_file: {file}"


@pytest.mark.parametrize("one", ["tls_certificate", "tls_key"])
def test_one_of_the_two_settings_alone_is_refused_by_the_other_ones_name(tmp_path: Path, one: str) -> None:
    other = {"tls_certificate": "tls_key", "tls_key": "tls_certificate"}[one]
    for name, text, load in (
        ("site.toml", SITE_TOML, site_settings),
        ("coordinator.toml", COORDINATOR_TOML, coordinator_settings),
    ):
        (tmp_path / name).write_text(f'{one} = "file"\n{text}', encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            load(tmp_path / name)
        assert caught.value.where == f"{tmp_path / name}: {other}"


@pytest.mark.parametrize("command", ["check", "serve"])
def test_neither_server_starts_with_a_certificate_that_it_cannot_use(
    tmp_path: Path, files: tuple[Path, Path], command: str
) -> None:
    files[1].chmod(0o644)
    (tmp_path / "dictionary.json").write_text(DICTIONARY, encoding="utf-8")
    for app, name, text in ((site, "site.toml", SITE_TOML), (coordinator, "coordinator.toml", COORDINATOR_TOML)):
        (tmp_path / name).write_text(f'tls_certificate = "tls.pem"\ntls_key = "tls.key"\n{text}', encoding="utf-8")
        done = CliRunner().invoke(app, [command, str(tmp_path / name)])
        assert done.exit_code == 2, done.output
        assert "others than its owner can read the certificate's key" in done.output
