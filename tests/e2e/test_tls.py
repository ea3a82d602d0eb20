"""A masked fit over https by the servers' own certificates, and what is said of one that is not accepted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.e2e.commands import BIN, run
from tests.e2e.small_federation import SITES, Server, rows

FORMULA = "y ~ x + (1 | site)"


@dataclass
class Secure:
    """Three sites that are up, and a coordinator that is not yet."""

    folder: Path
    sites: dict[str, str]

    @contextmanager
    def coordinator(self, ca_file: str) -> Iterator[str]:
        """The address of one that takes the certificates of an authority."""
        name = ca_file.removesuffix(".pem")
        tables = [f'[[sites]]\nname = "{site}"\nurl = "{url}"\n' for site, url in self.sites.items()]
        settings = {
            "port": 0,
            "database": f"sqlite:///{name}.db",
            "dictionary": "sites/dictionary.json",
            "policy": "open",
            "consortium": "sites/consortium.toml",
            "identity_file": "sites/coordinator.identity",
            "tls_certificate": "server.pem",
            "tls_key": "server.key",
            "ca_file": ca_file,
        }
        file = self.folder / f"{name}.toml"
        lines = [f"{field} = {json.dumps(value)}" for field, value in settings.items()]
        file.write_text("\n".join([*lines, *tables]), encoding="utf-8")
        server = Server([str(BIN / "fedglmm-coordinator"), "serve", str(file)], self.folder / f"{name}.json")
        try:
            yield server.start()["url"]
        finally:
            server.close()

    def fit(self, url: str, *options: str) -> "tuple[int, str, str]":
        done = run("fedglmm", "fit", FORMULA, "--coordinator", url, *options)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA(organization_name="another").cert_pem.write_to_path(folder / "another.pem")
    made = authority.issue_cert("127.0.0.1")
    made.cert_chain_pems[0].write_to_path(folder / "server.pem")
    made.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)
    (folder / "rows.csv").write_text(rows(), encoding="utf-8")
    done = run(
        "fedglmm-site", "split", str(folder / "rows.csv"), "--by", "site", "--out", str(folder / "sites"),
        "--policy", "open",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for site in SITES:
        file = folder / "sites" / site / "site.toml"
        files = 'tls_certificate = "../../server.pem"\ntls_key = "../../server.key"\n'
        file.write_text(files + file.read_text(encoding="utf-8"), encoding="utf-8")
    command = [str(BIN / "fedglmm-site"), "serve", *(str(folder / "sites" / site) for site in SITES)]
    server = Server(command, folder / "sites.json")
    try:
        yield Secure(folder, server.start()["sites"])
    finally:
        server.close()


def test_a_masked_fit_runs_over_https_from_the_analyst_to_the_sites(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDGLMM_CA_FILE", str(secure.folder / "ca.pem"))
    assert {url.split("://")[0] for url in secure.sites.values()} == {"https"}
    with secure.coordinator("ca.pem") as url:
        assert url.startswith("https://")
        code, out, err = secure.fit(url, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["specification"]["masked"]
    assert set(result["countersigned"]["signatures"]) == set(SITES)


def test_an_authority_that_the_analyst_does_not_know_is_named_with_the_remedy(secure: Secure) -> None:
    with secure.coordinator("ca.pem") as url:
        for options in ((), ("--ca-file", str(secure.folder / "another.pem"))):
            code, _, err = secure.fit(url, *options)
            assert code == 2
            assert "the coordinator's certificate is not accepted" in err
            assert "--ca-file" in err


def test_sites_of_an_authority_that_the_coordinator_does_not_know_end_the_analysis_at_once(secure: Secure) -> None:
    """It is not waited for: nothing would change."""
    with secure.coordinator("another.pem") as url:
        code, _, err = secure.fit(url, "--ca-file", str(secure.folder / "ca.pem"))
    assert code == 4
    assert "its certificate at https://" in err
    assert "Set `ca_file` in coordinator.toml" in err
    assert "Waiting for" not in err
