"""How a site's server listens."""

import asyncio
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from site_node.hosting import _bind, _warn_of_secrets
from site_node.settings import SiteSettings
from site_node.source_settings import SourceSettings


def test_small_answers_leave_at_once_instead_of_waiting_for_an_acknowledgement(tmp_path: Path) -> None:
    """Nagle's algorithm and a peer's delayed acknowledgement cost 40 ms an answer."""
    settings = SiteSettings(name="A", data=tmp_path / "data.csv", dictionary=tmp_path / "dictionary.json")

    async def accepted() -> int:
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            answered.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _bind(settings) as listener:
            async with await asyncio.start_server(connected, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                nodelay = await asyncio.wait_for(answered, 10)
                writer.close()
                return nodelay

    assert asyncio.run(accepted()) != 0


@pytest.mark.parametrize(("mode", "warned"), [(0o600, []), (0o640, ["key", "secret"]), (0o604, ["key", "secret"])])
def test_a_key_or_a_secret_that_others_can_read_is_a_warning_that_names_the_file(
    tmp_path: Path, mode: int, warned: list[str]
) -> None:
    for name in ("key", "secret"):
        (tmp_path / name).write_text("0123456789abcdef", encoding="ascii")
        (tmp_path / name).chmod(mode)
    settings = SiteSettings(
        name="A",
        data=tmp_path / "d.csv",
        dictionary=tmp_path / "d.json",
        key_file=tmp_path / "key",
        secret_file=tmp_path / "secret",
    )
    with capture_logs() as log:
        _warn_of_secrets(settings)
    assert [Path(entry["file"]).name for entry in log] == warned
    assert "0123" not in str(log)


def test_a_databases_password_that_others_can_read_is_such_a_warning_too(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter22", encoding="ascii")
    (tmp_path / "pw").chmod(0o640)
    source = SourceSettings(url="sqlite:///rows.db", query="SELECT 1 AS x", password_file=tmp_path / "pw")
    with capture_logs() as log:
        _warn_of_secrets(SiteSettings(name="A", source=source, dictionary=tmp_path / "d.json"))
    assert [Path(entry["file"]).name for entry in log] == ["pw"]
    assert "hunter22" not in str(log)
