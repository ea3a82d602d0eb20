"""Pictures of a site's page for docs/screenshots: `python -m tests.browser.site_screenshots`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.chromium import Scheme, chromium, watched
from tests.browser.counter import counter

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
HEIGHT = 900
WIDE, PHONE = 1200, 375
PICTURES: tuple[tuple[str, Scheme, int], ...] = (
    *((name, "light", WIDE) for name in ("decision", "ledger", "data", "policy")),
    ("waiting", "dark", WIDE),
    ("asked", "light", PHONE),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        counter(Path(folder)) as running,
        chromium() as browser,
        watched(browser, running.url) as watching,
    ):
        page = watching.page
        running.sign_in(page)
        for name, scheme, width in PICTURES:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.emulate_media(color_scheme=scheme)
            page.goto(running.pages[name])
            if name == "data":
                page.get_by_role("button", name="Look now").click()
                page.get_by_role("status").wait_for()
            view = scheme if width == WIDE else "phone"
            page.screenshot(path=FOLDER / f"site-{name}-{view}.png", full_page=True)


if __name__ == "__main__":
    main()
