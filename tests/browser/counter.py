"""A site's page in a real federation: Bern asks a person, who has decided about one analysis and is asked about another."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.commands import BIN, run
from tests.e2e.small_federation import Federation, small_federation

SITE = "Bern"
TITLE = "Response by dose"


@dataclass(frozen=True)
class Counter:
    """Where it runs, and what is on it."""

    federation: Federation
    url: str
    link: str
    """Of the one sign-in."""
    done: str
    waits: str

    @property
    def pages(self) -> dict[str, str]:
        """All pages behind the sign-in, by name."""
        return {
            "waiting": "/waiting",
            "decision": f"/analyses/{self.waits}",
            "done": f"/analyses/{self.done}",
            "asked": "/analyses",
            "ledger": "/ledger",
            "data": "/data",
            "policy": "/policy",
            "not-found": "/analyses/nobody-has-this",
        }

    def sign_in(self, page: Page) -> None:
        page.goto(self.link)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/waiting")


@contextmanager
def counter(folder: Path) -> Iterator[Counter]:
    """Runs one."""
    with small_federation(folder) as federation:
        home = folder / "sites" / SITE
        settings = home / "site.toml"
        text = settings.read_text(encoding="utf-8").replace('policy = "open"', 'policy = "default"')
        settings.write_text(text.replace("# approval =", "approval ="), encoding="utf-8")
        federation.sites[SITE].kill()
        federation.sites[SITE].start()
        done = federation.submit(title="A first look")
        federation.until(done, "awaiting_approval")
        assert run("fedglmm-site", "approvals", "approve", str(home), done).returncode == 0
        federation.until(done, "converged")
        waits = federation.submit(title=TITLE)
        federation.until(waits, "awaiting_approval")
        with page_of(home) as link:
            yield Counter(federation, link.split("/sign-in", 1)[0], link, done, waits)


@contextmanager
def page_of(home: Path, *more: str) -> Iterator[str]:
    """The link that the page's process prints."""
    command = [str(BIN / "fedglmm-site"), "page", str(home), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, line
        yield line.split()[-1]
    finally:
        process.kill()
        process.communicate()
