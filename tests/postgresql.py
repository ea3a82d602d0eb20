"""A PostgreSQL of a test's own: a cluster in a new folder, on loopback, by a user who is not root, and gone at the end.

It needs Debian's package `postgresql`, so what uses it runs only if FEDGLMM_POSTGRES is 1; `.ci/run` sees to both.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sql

needed = pytest.mark.skipif(
    os.environ.get("FEDGLMM_POSTGRES") != "1", reason="it needs PostgreSQL: set FEDGLMM_POSTGRES=1"
)
OWNER, PASSWORD = "owner", "correct-horse-battery"
SETTINGS = "-c unix_socket_directories='' -c fsync=off -c shared_buffers=16MB"
TRIES = 5
"""A port that was free may be somebody else's a moment later."""


@dataclass(frozen=True)
class Cluster:
    port: int

    def url(self, database: str = "postgres", user: str = OWNER, password: str | None = PASSWORD) -> sql.URL:
        return sql.URL.create("postgresql+psycopg", user, password, "127.0.0.1", self.port, database)

    def new_database(self) -> str:
        """The URL of a database in which nothing is, with the password."""
        name = f"made{uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name).render_as_string(hide_password=False)

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Carries statements out, each by itself."""
        engine = sql.create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=sql.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="fedglmm-pg-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        account = pwd.getpwnam("postgres")
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(folder, account.pw_uid, account.pw_gid)
    password = folder / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    password.chmod(0o644)

    def program(name: str, *words: str, check: bool = True) -> bool:
        (found,) = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))[-1:]
        command = [str(found), "-D", str(folder / "data"), *words]
        nowhere = (
            subprocess.DEVNULL
        )  # pg_ctl hands a pipe on to the server, and whoever reads it would wait for its end
        done = subprocess.run(command, cwd=folder, stdout=nowhere, stderr=nowhere, timeout=120, check=check, **as_user)
        return done.returncode == 0

    try:
        program(
            "initdb",
            "-U",
            OWNER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(password),
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        )
        for _ in range(TRIES):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            options = f"-c listen_addresses=127.0.0.1 -c port={port} {SETTINGS}"
            if program("pg_ctl", "-w", "-t", "60", "-l", str(folder / "server"), "-o", options, "start", check=False):
                break
        else:
            pytest.fail("no cluster of PostgreSQL could be started")
        yield Cluster(port)
    finally:
        program("pg_ctl", "-w", "-m", "immediate", "stop", check=False)
        shutil.rmtree(folder)
