"""People of a coordinator: made-up keys, a keys file with their hashes, and headers that show them."""

from collections.abc import Mapping
from hashlib import sha256


def key_of(name: str) -> str:
    """Of the form of a made key, and the same at every run."""
    return sha256(f"the key of {name}".encode()).hexdigest()


def entry(name: str, role: str, *, key: str = "", **days: str) -> str:
    """An entry of a keys file."""
    lines = [f'name = "{name}"', f'role = "{role}"', f'sha256 = "{sha256((key or key_of(name)).encode()).hexdigest()}"']
    lines += [f"{what} = {day}" for what, day in {"created": "2026-01-31", **days}.items()]
    return "[[keys]]\n" + "\n".join(lines) + "\n"


def keys_file(roles: Mapping[str, str]) -> str:
    """A keys file with a key for each name."""
    return "\n".join(entry(name, role) for name, role in roles.items())


def shown(name: str) -> dict[str, str]:
    """The header by which somebody shows a key."""
    return {"Authorization": f"Bearer {key_of(name)}"}
