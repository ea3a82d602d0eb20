"""The one place that builds a site: settings in, a web application out."""

import os
from importlib.metadata import version
from pathlib import Path

from anyio import CapacityLimiter
from fastapi import FastAPI

from shared.body_limit import BodyLimit
from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from shared.signed import Correspondence
from site_node.answering import Estimator
from site_node.api import SiteApi, add_routes
from site_node.data.sources import FileSource
from site_node.estimation.contribution import exposed_contribution
from site_node.estimation.effects import site_effect
from site_node.estimation.model import model_of
from site_node.estimation.start import default_start, exposed_start
from site_node.evaluation import SiteNode
from site_node.guard import add_guard
from site_node.problems import add_problems
from site_node.release.approvals import Approvals
from site_node.release.budget import Budget
from site_node.release.clock import OwnClock
from site_node.release.gate import Gate
from site_node.release.history import History
from site_node.release.ledger import Ledger
from site_node.settings import SiteSettings
from site_node.signatures import Signatures, SignedBody
from site_node.standing import Release, Source, Standing

LARGEST_REQUEST = 64 * 2**20
"""Bytes."""

LAPLACE = Estimator(model_of, exposed_start, default_start, exposed_contribution, site_effect)


def create_app(
    settings: SiteSettings, *, limiter: CapacityLimiter | None = None, estimator: Estimator = LAPLACE
) -> FastAPI:
    """The web application of one site.

    Args:
        settings: what site.toml says.
        limiter: how many requests may compute at once; sites of one process share it.
        estimator: the mathematics.

    Raises:
        DictionaryError: the dictionary cannot be read.
        SettingsError: a file with a secret cannot be read, or missing, or the history cannot be used.
        ConsortiumError: the consortium file cannot be read, or does not fit the site.
        StoreError: the file of what the site keeps of masked analyses, or of approvals, cannot be opened.
        StoreError: the ledger cannot be written, or was changed.
    """
    ledger = Ledger(settings.ledger)
    ledger.open()
    release = version("fedglmm")
    secret = settings.fingerprint_secret().get_secret_value()
    member = settings.member()
    node = SiteNode(
        Standing(
            name=settings.name,
            version=release,
            policy=settings.policy,
            dictionary=read_dictionary(settings.dictionary),
            member=member,
            shares_own=settings.shares_own or settings.policy == "open",
        ),
        _release(settings, ledger, secret),
        source=_source(settings, secret),
        estimator=estimator,
    )
    app = SiteApi(
        title=f"fedglmm site {settings.name}",
        summary="Keeps its rows; answers with its contribution to a fit",
        version=release,
        docs_url=None,  # the framework's own page loads scripts from elsewhere
        redoc_url=None,
    )
    add_problems(app, settings.name)
    if member is not None:
        app.add_middleware(SignedBody)
    app.add_middleware(BodyLimit, limit=LARGEST_REQUEST)  # within the guard: who has no key sends no body
    add_guard(app, settings.name, settings.bearer_key(), signed=member is not None)
    if member is not None:  # around the guard: its refusals are signed too
        coordinator = Correspondence(member.identity, member.consortium.coordinator.public_key)
        app.add_middleware(Signatures, site=settings.name, coordinator=coordinator)
    add_routes(app, node, limiter or CapacityLimiter(os.cpu_count() or 1))
    return app


def _release(settings: SiteSettings, ledger: Ledger, secret: bytes) -> Release:
    gate = _gate(settings, secret)
    if settings.approval == "automatic":
        return Release(ledger, gate)
    approvals = Approvals(settings.approvals, settings.name)
    return Release(ledger, gate, approvals.check, approvals.end)


def _source(settings: SiteSettings, secret: bytes) -> Source:
    rows = settings.rows()
    if isinstance(rows, Path):
        return FileSource(rows, secret)
    from site_node.data.query_source import QuerySource  # noqa: PLC0415 -- SQLAlchemy: sites with files start sooner without it

    return QuerySource(rows, secret)


def _gate(settings: SiteSettings, secret: bytes) -> Gate:
    """The open policy, for public data, does not look back."""
    if settings.policy == "open":
        return Gate()
    if settings.history is not None and settings.secret_file is None:
        raise SettingsError(
            "a site that remembers of which rows it released something needs a secret to know them again.",
            where="secret_file",
            remedy='Make one, `openssl rand -hex 32 > secret`, and set secret_file = "secret".',
        )
    budget = Budget(settings.specifications_per_window, settings.window_days)
    history = History(settings.history, secret)
    with history.writing() as kept:
        newest = kept.newest()
    return Gate(history, budget, OwnClock.after(newest, settings.name))
