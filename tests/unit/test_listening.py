"""Where a server listens, who reaches it there, and how it is told."""

import json
from pathlib import Path

import pytest

from shared.errors import SettingsError
from shared.listening import announce, is_loopback, listen_on, url_of


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_these_are_this_machine_only(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost.example", ""])  # noqa: S104 -- that is the point
def test_these_others_may_reach(host: str) -> None:
    assert not is_loopback(host)


def test_a_free_port_is_taken_once_and_its_url_names_it() -> None:
    with listen_on("127.0.0.1", 0, where="", remedy="") as first:
        port = first.getsockname()[1]
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(SettingsError, match=f"port {port} is in use") as caught:
            listen_on("127.0.0.1", port, where="here", remedy="Another.")
    assert (caught.value.where, caught.value.remedy) == ("here", "Another.")


def test_what_is_announced_replaces_what_was_and_leaves_no_draft(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        announce(tmp_path / "site.json", {"url": url})
        assert json.loads((tmp_path / "site.json").read_text(encoding="utf-8")) == {"url": url}
    assert [path.name for path in tmp_path.iterdir()] == ["site.json"]
