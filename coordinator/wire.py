"""All that crosses between the coordinator and its sites, written down to be read. Off unless `wire_file` is set.

An exchange is a paragraph: a line of facts parted by ` | `; what is asked and what leaves the site, in words; and both bodies as
they crossed, each on one line behind `> ` and `< `. No header is written, and so no key.
"""

import hashlib
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError

from coordinator.records import now
from shared import packed
from shared.errors import ContributionError, EncodingError, SettingsError, StoreError
from shared.masking.encoding import to_bytes
from shared.masking.messages import MaskedReply
from shared.messages import (
    About,
    Accepted,
    CloseReply,
    CloseRequest,
    ContributionMessage,
    Counts,
    EvaluateReply,
    EvaluateRequest,
    PrepareRequest,
    Problem,
    StartReply,
    StartRequest,
)
from shared.printable import on_one_line

_HEAD = """\
# What crossed between a coordinator and its sites, in the order in which it ended.
# when it was asked | site | round | request | status | bytes to the site | bytes back | SHA-256 of what came back, as in the
# site's ledger; then what was asked and what left in words, and what crossed: > to the site, < back.
"""
_REQUESTS: TypeAdapter[Any] = TypeAdapter(PrepareRequest | StartRequest | EvaluateRequest | CloseRequest)
_REPLIES: TypeAdapter[Any] = TypeAdapter(
    About | Accepted | StartReply | EvaluateReply | MaskedReply | CloseReply | Problem
)
_SHOWN = 8
"""Bytes of noise that are shown in words."""


@dataclass(frozen=True)
class Asked:
    """A question to a site."""

    site: str
    method: str
    path: str
    body: bytes
    time: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class WireFile:
    """A file that grows by a paragraph an exchange."""

    path: Path

    @classmethod
    def opened(cls, path: Path) -> "WireFile":
        """The file, which only its owner may read; it is made unless it is there.

        Raises:
            SettingsError: it cannot be written.
        """
        opened = cls(path)
        try:
            opened._append("" if path.exists() and path.stat().st_size else _HEAD)
        except OSError as error:
            raise SettingsError(f"it cannot be written: {error.strerror}.", where=f"wire_file: {path}") from None
        return opened

    async def between(
        self, site: str, method: str, path: str, body: bytes | None, answering: Awaitable[httpx.Response]
    ) -> httpx.Response:
        """Waits for a site's answer, and writes down both question and answer; also a question that nobody answers.

        Args:
            site: its name.
            method: of the request.
            path: of the request.
            body: of the request.
            answering: the answer, once it is there.

        Raises:
            StoreError: it cannot be written down.
        """
        asked, answer = Asked(site, method, path, body or b"", now()), None
        try:
            answer = await answering
        finally:
            self._write(asked, answer)
        return answer

    def _write(self, asked: Asked, answer: httpx.Response | None) -> None:
        try:
            self._append(paragraph(asked, answer))
        except OSError as error:
            raise StoreError(
                f"what crosses between the coordinator and its sites cannot be written down ({error.strerror}).",
                where="wire_file",
                remedy="Is the disk full, or the folder read-only?",
            ) from None

    def _append(self, text: str) -> None:
        with os.fdopen(
            os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8"
        ) as file:
            file.write(text)


def paragraph(asked: Asked, answer: httpx.Response | None) -> str:
    """An exchange as the file has it; the answer is None where there was none."""
    request = _parsed(_REQUESTS, asked.body)
    facts = [asked.time, asked.site, _round(request), f"{asked.method} {asked.path}"]
    if answer is None:
        back, left = b"", "nothing that the coordinator took"
        facts += ["no answer", str(len(asked.body)), "0", "-"]
    else:
        back = _in_json(answer)
        left = left_in_words(_parsed(_REPLIES, back))
        digest = hashlib.sha256(answer.content).hexdigest()
        facts += [str(answer.status_code), str(len(asked.body)), str(len(answer.content)), digest]
    lines = [" | ".join(facts), f"asked: {asked_in_words(asked.path, request)}", f"left: {left}"]
    lines += [f"{way} {body.decode('utf-8', 'replace')}" for way, body in ((">", asked.body), ("<", back))]
    return "".join(f"{on_one_line(line)}\n" for line in ("", *lines))


def asked_in_words(path: str, request: object) -> str:
    """What a request asks for."""
    match request:
        case PrepareRequest(specification=one):
            how = "under masks" if one.masked else "with its own numbers, open to the coordinator"
            return f"whether the site takes part in {one.formula}, {how}"
        case StartRequest(joins=joins):
            return "sums for the start" + (f", with what all {len(joins)} sites signed" if joins else "")
        case EvaluateRequest(psi=psi, proof=proof):
            last = ", with the proof of the last sum" if proof else ""
            return f"log-likelihood and derivatives at {len(psi)} parameters{last}"
        case CloseRequest(outcome=outcome):
            return f"to forget the analysis, which ended: {outcome}"
        case _:
            return "who the site is" if path.endswith("/about") else "nothing that the protocol has"


def left_in_words(reply: object) -> str:
    """What a reply tells of a site."""
    words = "nothing that the protocol has"
    match reply:
        case About():
            words = "its name, version and policy, and the keyed fingerprint of its data"
        case Accepted(counts=counts, join=join):
            words = "no count" if counts is None else _counted(counts)
            words += "; the keyed fingerprint of its data" + ("; its signature and key" if join else "")
        case MaskedReply():
            noise = to_bytes(reply.fixed)
            words = f"nothing that can be read: its numbers under its mask, {len(noise)} bytes of noise"
            words += f", {noise[:_SHOWN].hex(' ')} ..."
        case StartReply(start=start):
            numbers = sum(map(_numbers, start.quadratics)) + len(start.totals)
            words = f"{numbers} numbers that can be read: sums over its rows"
        case EvaluateReply(contribution=contribution):
            words = f"{_numbers(contribution)} numbers that can be read: sums over its rows"
        case CloseReply(site_effect=effect, signature=signature):
            words = "nothing of its rows" if effect is None else "its own effect and its standard deviation, to be read"
            words += "; its signature under the result" if signature else ""
        case Problem(code=code, message=message):
            words = f"no number; {code}: {message}"
    return words


def _parsed(kind: TypeAdapter[Any], body: bytes) -> object:
    """The message; None if it is none of the protocol's."""
    try:
        message: object = kind.validate_json(body)
        if isinstance(message, MaskedReply):
            _ = message.fixed  # its text may be no numbers
    except (ValidationError, EncodingError):
        return None
    return message


def _round(request: object) -> str:
    return f"round {request.round}" if isinstance(request, StartRequest | EvaluateRequest) else "-"


def _numbers(message: ContributionMessage) -> int:
    return 1 + len(message.gradient) + len(message.hessian) + sum(map(len, message.information or ()))


def _counted(counts: Counts) -> str:
    groups = "".join(f", groups of {name}: {count}" for name, count in counts.groups.items())
    return f"counts that can be read: {counts.rows} rows, {counts.rows_dropped} dropped{groups}"


def _in_json(answer: httpx.Response) -> bytes:
    """The body; one that is packed as the JSON that it stands for."""
    if answer.headers.get("Content-Type") != packed.MEDIA_TYPE:
        return answer.content
    try:
        number, contribution = packed.unpack(answer.content)
    except ContributionError:
        return answer.content
    return EvaluateReply(round=number, contribution=ContributionMessage.of(contribution)).written
