"""A federation on this machine, made of the real commands on loopback: what `rehearse` and `demo` run on."""

import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Literal, TypeAlias

from coordinator.client.saved import WRITABLE
from shared.dictionary import Dictionary, read_dictionary
from shared.errors import FedglmmError, SettingsError

Check: TypeAlias = Callable[[Dictionary, Sequence[str]], None]
"""Raises FedglmmError where a dictionary and sites of these names cannot serve what will be asked."""
Policy: TypeAlias = Literal["default", "open"]

STARTUP_SECONDS = 60.0
GRACE_SECONDS = 5.0
COORDINATOR_TOML = """\
host = "127.0.0.1"
port = 0
database = "sqlite:///coordinator.db"
dictionary = "sites/dictionary.json"
policy = "{policy}"
"""
MASKED = """\
consortium = "sites/consortium.toml"
identity_file = "sites/coordinator.identity"
"""


@contextmanager
def federation(
    split: Sequence[str],
    policy: Policy = "default",
    wire: Path | None = None,
    check: Check = lambda _dictionary, _sites: None,
) -> Iterator[str]:
    """Split a file into sites, serve them and a coordinator, and yield the coordinator's URL; stop them afterwards.

    Args:
        split: the arguments of `fedglmm-site split`, without `--out` and `--policy`.
        policy: of the sites and of the coordinator.
        wire: a new file, for all that crosses between the coordinator and the sites.
        check: called before anything is served; what it raises ends it all.

    Raises:
        SettingsError: the file cannot be split, a server does not start, which says what the command said, or the wire's file
            is there already.
    """
    with TemporaryDirectory(prefix="fedglmm-") as folder:
        place = Path(folder)
        _run([_command("fedglmm-site"), "split", *split, "--policy", policy, "--out", str(place / "sites")])
        if wire is not None:
            _make(wire)
        settings_files = sorted((place / "sites").glob("*/site.toml"))
        check(read_dictionary(place / "sites" / "dictionary.json"), [_name_in(file) for file in settings_files])
        folders = [str(file.parent) for file in settings_files]
        with serving([_command("fedglmm-site"), "serve", *folders], place / "sites.json") as announced:
            tables = [
                f"[[sites]]\nname = {json.dumps(name)}\nurl = {json.dumps(url)}\n"
                for name, url in announced["sites"].items()
            ]
            masked = MASKED if (place / "sites" / "consortium.toml").exists() else ""
            written = "" if wire is None else f"wire_file = {json.dumps(str(wire.absolute()))}\n"
            settings = "\n".join([COORDINATOR_TOML.format(policy=policy) + masked + written, *tables])
            (place / "coordinator.toml").write_text(settings, encoding="utf-8")
            serve = [_command("fedglmm-coordinator"), "serve", str(place / "coordinator.toml")]
            with serving(serve, place / "coordinator.json") as coordinator:
                yield coordinator["url"]


def _name_in(settings: Path) -> str:
    return str(tomllib.loads(settings.read_text(encoding="utf-8"))["name"])


def _make(file: Path) -> None:
    """Makes a file, for its owner only; the coordinator would go on with one that is there."""
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise SettingsError("the file is there already.", where=str(file), remedy="Give another name.") from None
    except OSError as error:
        raise SettingsError(
            f"the file cannot be written: {error.strerror}.", where=str(file), remedy=WRITABLE
        ) from None


def _command(name: str) -> str:
    """The project's own command, of the environment that runs this."""
    return str(Path(sys.executable).parent / name)


def _run(arguments: list[str]) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603 -- our own command
    if done.returncode != 0:
        raise SettingsError(done.stderr.strip() or "the file cannot be split.", code="split")
    sys.stderr.write(done.stderr)  # its notes: what was left out, what may be meant as a factor


@contextmanager
def serving(arguments: list[str], announce: Path) -> Iterator[dict[str, Any]]:
    """Run a server until the block ends; yields what it announced."""
    with announce.with_suffix(".log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(  # noqa: S603 -- our own command
            [*arguments, "--announce", str(announce)], stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            announced = _announced(process, announce, log)
            yield announced
        finally:
            process.terminate()
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _announced(process: "subprocess.Popen[bytes]", announce: Path, log: IO[str]) -> dict[str, Any]:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        if announce.exists():
            announced: dict[str, Any] = json.loads(announce.read_text(encoding="utf-8"))
            return announced
        if process.poll() is not None:
            log.seek(0)
            raise SettingsError(log.read().strip()[-2000:] or "a server ended before it listened.", code="server")
        time.sleep(0.02)
    raise FedglmmError(f"a server did not start within {STARTUP_SECONDS:.0f} seconds.", code="server")
