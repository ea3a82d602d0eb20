"""Pictures of the pages for docs/screenshots: `python -m tests.browser.screenshots`."""

from pathlib import Path

from tests.browser.chromium import chromium, watched
from tests.browser.desk import desk

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
WIDTH, HEIGHT, PHONE = 1200, 900, 375


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    views = {
        "light": {"viewport": {"width": WIDTH, "height": HEIGHT}},
        "dark": {"viewport": {"width": WIDTH, "height": HEIGHT}, "color_scheme": "dark"},
        "phone": {"viewport": {"width": PHONE, "height": HEIGHT}},
    }
    with desk() as running, chromium() as browser:
        for view, context in views.items():
            with watched(browser, running.url, **context) as watching:
                for name, path in running.pages.items():
                    watching.page.goto(path)
                    watching.page.wait_for_load_state("networkidle")
                    watching.page.screenshot(path=FOLDER / f"{name}-{view}.png", full_page=True)


if __name__ == "__main__":
    main()
