"""Changing the keys file: an administrator's commands. What people wrote into it, comments too, stays."""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from coordinator.access.keys import Key, hashed, keys_in, made
from coordinator.access.roles import Role
from coordinator.settings import text_of
from shared.errors import SettingsError
from shared.validation import in_words

_HEADER = """\
# Who may use the coordinator, one [[keys]] for each key. Of a key only its hash is here: make one with
# `fedglmm-coordinator keys add NAME --role run`, which prints it once. A running coordinator sees a change at once.
#   role     read (look), run (submit; cancel and delete one's own), administer (cancel and delete anybody's)
#   expires  the first day (UTC) on which the key is not valid any more; without it, it does not expire
#   revoked  since when it is not valid, whatever the day
"""
_ENTRY = "[[keys]]\n"


def add_key(path: Path, name: str, role: Role, *, today: date, expires: date | None = None) -> str:
    """Makes a key and adds it to the file, which is written for its owner only if it is not there yet.

    Args:
        path: the keys file.
        name: whose key it is.
        role: what it lets do.
        today: when it is made.
        expires: the first day on which it is not valid any more.

    Returns:
        The key, which is kept nowhere.

    Raises:
        SettingsError: the name is none, the day is past, or the file cannot be read or written. Then nothing is changed.
    """
    if expires is not None and expires <= today:
        raise SettingsError("the key would have expired already.", where="expires", remedy="Give a later day.")
    key = made()
    try:
        entry = Key(name=name, role=role, sha256=hashed(key), created=today, expires=expires)
    except ValidationError as error:
        remedy = "A name has letters, digits and . _ -, up to 63, and begins with a letter or a digit."
        raise SettingsError("it is no name.", where=in_words(error, Key).where, remedy=remedy) from None
    with _changed(path) as draft:
        before = text_of(path) if path.exists() else _HEADER
        draft.write_text(f"{before.rstrip()}\n\n{_written(entry)}", encoding="utf-8")
        _check(draft, (*keys_in(before, path), entry), path, f"add {_ENTRY.strip()} with the fields of the others")
    return key


def revoke_keys(path: Path, name: str, *, today: date, keep_newest: bool = False) -> int:
    """Revokes somebody's keys.

    Args:
        path: the keys file.
        name: whose keys.
        today: since when.
        keep_newest: whether the last one in the file stays: the others are revoked once its owner has changed over to it.

    Returns:
        How many were revoked now.

    Raises:
        SettingsError: nobody has that name, or the file cannot be read or written. Then nothing is changed.
    """
    with _changed(path) as draft:
        text = text_of(path)
        keys = keys_in(text, path)
        own = [place for place, key in enumerate(keys) if key.name == name]
        if not own:
            names = ", ".join(dict.fromkeys(key.name for key in keys))
            message = f"nobody has a key under the name {name}."
            raise SettingsError(message, where=str(path), remedy=f"The names: {names}.")
        now = {place for place in (own[:-1] if keep_newest else own) if keys[place].revoked is None}
        draft.write_text(_with_revoked(text, now, today), encoding="utf-8")
        wanted = tuple(key.model_copy(update={"revoked": today} if n in now else {}) for n, key in enumerate(keys))
        _check(draft, wanted, path, f"write `revoked = {today}` into each entry of {name}")
    return len(now)


def _with_revoked(text: str, places: Collection[int], day: date) -> str:
    preamble, *entries = re.split(rf"^(?={re.escape(_ENTRY)})", text, flags=re.MULTILINE)
    changed = [
        entry.replace(_ENTRY, f"{_ENTRY}revoked = {day}\n", 1) if place in places else entry
        for place, entry in enumerate(entries)
    ]
    return preamble + "".join(changed)


def _written(key: Key) -> str:
    fields = key.model_dump(mode="json", exclude_none=True)
    lines = [
        f"{name} = {value}" if name in {"created", "expires"} else f'{name} = "{value}"'
        for name, value in fields.items()
    ]
    return _ENTRY + "\n".join(lines) + "\n"


def _check(draft: Path, wanted: tuple[Key, ...], path: Path, by_hand: str) -> None:
    """Whether a draft says what it should: the file may be written otherwise than these commands write."""
    try:
        is_so = keys_in(text_of(draft), path) == wanted
    except SettingsError:
        is_so = False
    if not is_so:
        message = "its entries are written in another way than here."
        raise SettingsError(message, where=str(path), remedy=f"Edit it: {by_hand}.")


@contextmanager
def _changed(path: Path) -> Iterator[Path]:
    """A draft that takes the file's place, whole and with its owner, unless there is a fault; one at a time.

    Raises:
        SettingsError: it cannot be written, or another command is changing the file.
    """
    draft = path.with_name(f"{path.name}.draft")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        remedy = "Wait for the other command; if there is none any more, remove the draft."
        raise SettingsError("the keys file is being changed.", where=str(draft), remedy=remedy) from None
    except OSError as error:
        raise SettingsError(f"it cannot be written: {error.strerror}.", where=str(draft)) from None
    try:
        yield draft
        if path.exists() and os.name == "posix":
            os.chown(draft, path.stat().st_uid, path.stat().st_gid)  # root's command leaves it to the server's user
        draft.replace(path)
    except OSError as error:
        remedy = "Run the command as the user that the file belongs to."
        raise SettingsError(f"it cannot be written: {error.strerror}.", where=str(path), remedy=remedy) from None
    finally:
        draft.unlink(missing_ok=True)
