"""A site keeps designs while they are used and until they were idle, and not more of them than it has room for."""

from typing import Any

import anyio
import pytest

from shared.errors import RefusedError, UnknownAnalysisError
from shared.messages import EvaluateRequest
from site_node.analyses import IDLE_SECONDS, MOST_KEPT
from site_node.data.sources import FileSource
from site_node.evaluation import SiteNode
from site_node.release.ledger import Ledger
from site_node.standing import Release, Standing
from tests.federation.one_site import Site, until

pytestmark = pytest.mark.anyio


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def node(site: Site, clock: Clock) -> SiteNode:
    return SiteNode(
        Standing(name="A", version="1", policy="default", dictionary=site.dictionary),
        Release(Ledger(site.settings.ledger)),
        source=FileSource(site.data, b"secret"),
        estimator=site.fake.estimator(),
        clock=clock,
    )


async def test_close_waits_for_the_round_that_is_being_computed(site: Site) -> None:
    held = node(site, Clock())
    held.prepare("one", site.specification())
    site.fake.go.clear()
    ended: list[str] = []

    def work(name: str, call: Any, *arguments: Any) -> None:
        call(*arguments)
        ended.append(name)

    request = EvaluateRequest.model_validate(site.evaluate())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, work, "round", held.contributions, "one", request)
        await until(lambda: site.fake.calls == 1)
        close = type("Close", (), {"psi": None, "outcome": "cancelled"})()
        tasks.start_soon(anyio.to_thread.run_sync, work, "close", held.close, "one", close)
        await anyio.sleep(0.05)
        assert ended == []
        site.fake.go.set()
    assert ended == ["round", "close"]


async def test_a_design_is_kept_until_it_was_idle_for_half_an_hour(site: Site) -> None:
    clock = Clock()
    kept = node(site, clock)
    for analysis in ("used", "idle"):
        kept.prepare(analysis, site.specification())
    clock.now += IDLE_SECONDS - 1
    kept.contributions("used", EvaluateRequest.model_validate(site.evaluate(1)))
    clock.now += 1
    kept.contributions("used", EvaluateRequest.model_validate(site.evaluate(2)))
    with pytest.raises(UnknownAnalysisError, match="Prepare it"):
        kept.contributions("idle", EvaluateRequest.model_validate(site.evaluate(1)))
    accepted = kept.prepare("idle", site.specification())
    assert accepted.counts is not None
    assert accepted.counts.rows == 40


async def test_many_designs_are_kept_and_then_the_one_that_was_used_longest_ago_goes(site: Site) -> None:
    kept = node(site, Clock())
    for k in range(MOST_KEPT):
        kept.prepare(f"a-{k}", site.specification())
    for k in (0, 1):
        kept.contributions(f"a-{k}", EvaluateRequest.model_validate(site.evaluate(1)))
    kept.prepare("one-more", site.specification())
    with pytest.raises(UnknownAnalysisError):
        kept.contributions("a-2", EvaluateRequest.model_validate(site.evaluate(2)))
    with pytest.raises(RefusedError, match="answered"):
        kept.contributions("a-0", EvaluateRequest.model_validate(site.evaluate(1, [1.0, 0.0, 0.0])))
