"""How a site's server listens."""

import asyncio
import socket
from pathlib import Path

from site_node.hosting import _bind
from site_node.settings import SiteSettings


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
