"""TLS by files of one's own: what a server shows, and whose certificates a client takes in the place of public authorities."""

import ssl
from pathlib import Path

from shared.errors import SettingsError
from shared.keys import others_can_read
from shared.pairs import check_pair

_WHOLE = (
    "Give PEM files: the certificate first, then those between it and its authority; and its key, without a passphrase."
)
_BUNDLE = "Give a PEM file with the certificates of the authorities that issued the servers' certificates."


def check_both_or_neither(certificate: Path | None, key: Path | None, settings: Path) -> None:
    """Lets the settings of a server pass that has both files, or none of them.

    Raises:
        SettingsError: it has one of the two.
    """
    pair = {"tls_certificate": certificate, "tls_key": key}
    check_pair(pair, "a certificate and its key", file=settings, remedy="or neither, and let a proxy speak TLS.")


def check_certificate(certificate: Path | None, key: Path | None) -> None:
    """Lets the files of a server pass, if it has them.

    Args:
        certificate: PEM, the server's own certificate first.
        key: PEM, its private key.

    Raises:
        SettingsError: one cannot be read; others can read the key, or it is another certificate's. Nothing of it is quoted.
    """
    if certificate is None or key is None:
        return
    if others_can_read(key):
        remedy = f"chmod 600 {key.name}"
        raise SettingsError("others than its owner can read the certificate's key.", where=str(key), remedy=remedy)
    for path, setting in ((certificate, "tls_certificate"), (key, "tls_key")):
        _check_readable(path, setting)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            remedy = "Set tls_certificate and tls_key to files that were made together."
            raise SettingsError("it is not the certificate's key.", where=str(key), remedy=remedy) from None
        raise SettingsError("they are no certificate and key.", where=f"{certificate}, {key}", remedy=_WHOLE) from None
    except ValueError:  # it asked for a passphrase
        raise SettingsError("the key needs a passphrase.", where=str(key), remedy=_WHOLE) from None


def trusting(ca_file: Path) -> ssl.SSLContext:
    """A client's context that takes certificates of the authorities in a file, and of no others.

    Raises:
        SettingsError: the file cannot be read, or holds no certificate.
    """
    _check_readable(ca_file, "ca_file")
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise SettingsError("it holds no certificate.", where=f"ca_file: {ca_file}", remedy=_BUNDLE) from None


def _check_readable(path: Path, setting: str) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}."
        raise SettingsError(message, where=f"{setting}: {path}", remedy="Set it to a file that is there.") from None


def _no_passphrase() -> str:
    """Nobody is there to be asked: OpenSSL would ask on the terminal."""
    raise ValueError
