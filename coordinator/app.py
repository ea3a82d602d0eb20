"""Where the coordinator is put together. Nothing is built at import."""

from collections.abc import Mapping

import httpx
from fastapi import FastAPI

from coordinator.access.authentication import Access, TokenCheck
from coordinator.access.key_ring import KeyRing
from coordinator.analysis import Federation
from coordinator.api import create_api
from coordinator.events import Watchers
from coordinator.keys import read_key
from coordinator.membership import member_of
from coordinator.optimiser import Optimiser
from coordinator.request import resolve, resolve_by_policy
from coordinator.result import make_result
from coordinator.routes.service import Service
from coordinator.runner import Runner
from coordinator.settings import OidcSettings, Settings
from coordinator.site_answers import Answering
from coordinator.site_client import SiteClient
from coordinator.site_connection import SiteConnection
from coordinator.slots import Slots
from coordinator.sql_store import SqlStore
from coordinator.store import Store
from coordinator.submission import Desk
from coordinator.wire import WireFile
from shared.dictionary import read_dictionary
from shared.errors import SettingsError
from shared.listening import is_loopback
from shared.optimisation.start import add_starts
from shared.optimisation.step import begin, step
from shared.page.sessions import Sessions
from shared.tls import trusting


def create_app(
    settings: Settings,
    *,
    store: Store | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> FastAPI:
    """The coordinator's app.

    Args:
        settings: what coordinator.toml says.
        store: another store than the database of the settings.
        transports: other ways than the network to a site, by its name.

    Raises:
        SettingsError: a key file, the signing key, the issuer's keys, the database, the sites' authorities or the wire file
            cannot be used.
        ConsortiumError: the consortium file cannot be read, or does not name this coordinator's key or one of its sites.
        DictionaryError: the dictionary cannot be read, or is inconsistent.
    """
    dictionary = read_dictionary(settings.dictionary)
    exposed = not is_loopback(settings.host)
    access = Access(
        None if settings.keys_file is None else KeyRing(settings.keys_file, exposed=exposed),
        None if settings.oidc is None else _tokens(settings.oidc),
    )
    authorities = None if settings.ca_file is None else trusting(settings.ca_file)
    wire = None if settings.wire_file is None else WireFile.opened(settings.wire_file)
    member = member_of(settings)
    sites = {
        site.name: SiteClient(
            SiteConnection(
                Answering(site.name, site.url),
                None if site.key_file is None else read_key(site.key_file, exposed=exposed or not site.is_local),
                deadline=settings.round_deadline_seconds,
                signed=None if member is None else member.with_site(site.name),
                authorities=authorities,
                transport=(transports or {}).get(site.name),
                wire=wire,
            )
        )
        for site in settings.sites
    }
    kept = store if store is not None else SqlStore(settings.database)
    consortium = None if member is None else member.consortium
    federation = Federation(
        kept,
        sites,
        Optimiser(add_starts, begin, step),
        make_result,
        settings.site_deadline_seconds,
        consortium=consortium,
        approval_deadline=settings.approval_deadline_seconds,
    )
    resolving = resolve if settings.policy == "open" else resolve_by_policy
    desk = Desk(kept, dictionary, tuple(sites), resolving, consortium)
    runner = Runner(federation, Slots(settings.running_at_once, settings.awaiting_at_once))
    return create_api(Service(kept, sites, desk, runner, Watchers(kept), dictionary, access), Sessions())


def _tokens(settings: OidcSettings) -> TokenCheck:
    try:
        from coordinator.access.tokens import tokens_of  # noqa: PLC0415 -- it needs an extra that others do without
    except ImportError:
        remedy = "Install fedglmm with it: `pip install '.[oidc]'` in its folder."
        raise SettingsError("tokens need the extra `oidc`.", where="oidc", remedy=remedy) from None
    return tokens_of(settings)
