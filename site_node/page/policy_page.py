"""The policy in force, in words, and how much of the budget is spent."""

import time

from fastapi import APIRouter, Request, Response

from shared.consortium import aloud, read_consortium
from site_node.page.counter import Given
from site_node.page.rendering import page
from site_node.page.rules import rules
from site_node.release.budget import Budget
from site_node.release.spent import spent
from site_node.settings import SiteSettings

router = APIRouter()


@router.get("/policy")
def policy(request: Request, counter: Given) -> Response:
    """The rules, with the numbers in force."""
    settings = counter.settings
    budget = Budget(settings.specifications_per_window, settings.window_days)
    consortium = None if settings.consortium is None else read_consortium(settings.consortium)
    return page(
        request,
        "policy.html",
        settings=settings,
        rules=rules(settings),
        unit=counter.dictionary().privacy_unit,
        budget=budget,
        spent=_spent(settings, budget),
        consortium=consortium,
        aloud=None if consortium is None else aloud(consortium.sha256),
    )


def _spent(settings: SiteSettings, budget: Budget) -> int | None:
    """Of the budget; none where nothing is counted."""
    if settings.policy == "open" or settings.history is None:
        return None
    return spent(settings.history, time.time() - budget.seconds)
