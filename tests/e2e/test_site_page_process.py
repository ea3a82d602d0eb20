"""`fedglmm-site page` as a process of its own beside `serve`: where it listens, whom it lets in, how it ends."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from site_node.folder import NewSite, write_site
from tests.e2e.commands import BIN, DATA, run

PATIENCE = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A site that asks a person."""
    data = DATA / "contraception.csv"
    done = run("fedglmm-site", "init", str(tmp_path / "bern"), "--name", "Bern", "--data", str(data))
    assert done.returncode == 0, done.stderr
    return tmp_path / "bern"


@contextmanager
def opened(home: Path, *more: str) -> Iterator["subprocess.Popen[str]"]:
    command = [str(BIN / "fedglmm-site"), "page", str(home), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def link_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("The site's page, for one sign-in: http://127.0.0.1:"), line
    return line.split()[-1]


def test_the_link_on_the_terminal_lets_in_once_and_another_one_follows(home: Path) -> None:
    with opened(home) as process:
        link = link_of(process)
        here, code = link.split("/sign-in", 1)[0], parse_qs(urlsplit(link).query)["code"][0]
        with httpx.Client(base_url=here, timeout=PATIENCE) as browser:
            for status in (303, 401):
                answer = browser.post("/sign-in", data={"code": code}, headers={"Origin": here})
                assert answer.status_code == status
            assert "Nobody is asked" in browser.get("/waiting").text
            assert "policy" in browser.get("/policy").text.lower()
            assert browser.get("/static/page.css").headers["Content-Type"].startswith("text/css")
        assert link_of(process) != link


def test_it_listens_on_127_0_0_1_and_no_other_address(home: Path) -> None:
    with opened(home) as process:
        port = urlsplit(link_of(process)).port
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        for other in ("127.0.0.2", "::1"):  # a socket of all addresses would answer there
            with pytest.raises(OSError, match=r"refused|unreachable|Cannot assign"):
                socket.create_connection((other, port), PATIENCE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_it_ends_when_it_is_told_to_and_says_nothing(home: Path, number: signal.Signals, code: int) -> None:
    with opened(home) as process:
        httpx.get(link_of(process), timeout=PATIENCE)
        os.kill(process.pid, number)
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (code, "")


def test_a_port_that_is_in_use_is_told_in_words(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("fedglmm-site", "page", str(home), "--port", port)
    assert done.returncode == 2
    assert f"port {port} is in use" in " ".join(done.stderr.split())


def test_a_folder_that_is_no_sites_is_told_in_words(tmp_path: Path) -> None:
    done = run("fedglmm-site", "page", str(tmp_path))
    assert (done.returncode, "Run `fedglmm-site init`" in " ".join(done.stderr.split())) == (2, True)


def test_no_setting_lets_the_page_listen_elsewhere(tmp_path: Path) -> None:
    write_site(tmp_path / "a", NewSite(name="A", data="rows.csv", dictionary="dictionary.json"))
    settings = tmp_path / "a" / "site.toml"
    for name in ("page_host", "page_port"):
        settings.write_text(f'{name} = "0.0.0.0"\n{settings.read_text(encoding="utf-8")}', encoding="utf-8")
        done = run("fedglmm-site", "page", str(tmp_path / "a"))
        assert done.returncode == 2
        assert name in done.stderr
