"""An identity is a private file; a signature says what it is for, and does for nothing else."""

from pathlib import Path

import pytest

from shared.errors import SettingsError
from shared.framing import framed
from shared.signing import Identity, make_identity, read_identity, verify


@pytest.fixture
def own(tmp_path: Path) -> Identity:
    return make_identity(tmp_path / "identity.key")


def test_an_identity_that_is_made_is_for_its_owner_only_and_one_that_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "identity.key"
    made = make_identity(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert make_identity(path).public_hex == read_identity(path).public_hex == made.public_hex
    assert make_identity(tmp_path / "another.key").public_hex != made.public_hex


def test_keys_and_signatures_are_those_of_rfc_8032(tmp_path: Path) -> None:
    """Its first test vector; ours frame the message, so the vector's empty one is signed by the key inside."""
    path = tmp_path / "identity.key"
    path.write_text("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n", encoding="ascii")
    path.chmod(0o600)
    own = read_identity(path)
    assert own.public_hex == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert own.key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    assert own.sign("join", b"message") == own.key.sign(framed("join", b"message"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "identity.key"
    make_identity(path)
    path.chmod(mode)
    for read in (read_identity, make_identity):
        with pytest.raises(SettingsError, match=r"chmod 600 identity\.key") as caught:
            read(path)
        assert caught.value.where == str(path)


@pytest.mark.parametrize(
    "content", [b"", b"12" * 31, b"12" * 33, b"zz" * 32, "schlüssel".encode(), bytes(range(128, 160))]
)
def test_a_file_without_a_key_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="no signing key") as caught:
        read_identity(path)
    assert caught.value.where == str(path)
    assert "1212" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"identity\.key: the signing key cannot be read"):
        read_identity(tmp_path / "identity.key")


def test_a_signature_is_of_its_key_its_domain_and_its_message(own: Identity, tmp_path: Path) -> None:
    signature = own.sign("join", b"message")
    assert len(signature) == 64
    assert verify(own.public_hex, "join", b"message", signature)
    another = make_identity(tmp_path / "another.key").public_hex
    assert not verify(another, "join", b"message", signature)
    assert not verify(own.public_hex, "close", b"message", signature)
    assert not verify(own.public_hex, "join", b"massage", signature)
    for at in range(64):
        assert not verify(
            own.public_hex, "join", b"message", signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        )


@pytest.mark.parametrize(("domain", "message"), [("joinm", b"essage"), ("joi", b"nmessage"), ("", b"joinmessage")])
def test_what_stands_in_the_message_cannot_pass_for_the_domain(own: Identity, domain: str, message: bytes) -> None:
    assert not verify(own.public_hex, domain, message, own.sign("join", b"message"))


@pytest.mark.parametrize("public_hex", ["", "00", "zz" * 32, "00" * 31, "00" * 33])
def test_what_is_no_key_has_signed_nothing(own: Identity, public_hex: str) -> None:
    assert not verify(public_hex, "join", b"message", own.sign("join", b"message"))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65)])
def test_what_is_no_signature_is_none(own: Identity, signature: bytes) -> None:
    assert not verify(own.public_hex, "join", b"message", signature)


def test_an_identity_does_not_show_its_key(own: Identity) -> None:
    secret = own.key.private_bytes_raw().hex()
    assert secret not in repr(own)
    assert secret not in str(own)


def test_no_two_sequences_of_parts_are_framed_alike() -> None:
    sequences = [
        (),
        ("",),
        ("", ""),
        ("a", "bc"),
        ("ab", "c"),
        ("abc",),
        ("a", "b", "c"),
        (framed("a"),),
        (framed("a"), ""),
    ]
    assert len({framed(*parts) for parts in sequences}) == len(sequences)
    assert framed("ä", b"\0") == b"\2\0\0\0\0\0\0\0\xc3\xa4\1\0\0\0\0\0\0\0\0"
