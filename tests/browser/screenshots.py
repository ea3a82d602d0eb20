"""Pictures of the pages for docs/screenshots: `python -m tests.browser.screenshots`."""

from pathlib import Path

from tests.browser.chromium import chromium, watched
from tests.browser.desk import desk

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
WIDTH, HEIGHT, PHONE = 1200, 900, 375
VIEWS: dict[str, dict[str, object]] = {
    "light": {"viewport": {"width": WIDTH, "height": HEIGHT}},
    "dark": {"viewport": {"width": WIDTH, "height": HEIGHT}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": PHONE, "height": HEIGHT}},
}
PICTURES = {
    "light": ("analyses", "new", "refused", "result", "sites"),
    "dark": ("how-it-went", "ratios", "sign-in"),
    "phone": ("analyses", "result"),
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with desk() as running, chromium() as browser:
        for view, names in PICTURES.items():
            with watched(browser, running.url, **VIEWS[view]) as watching:
                for name in names:
                    watching.page.goto(running.pages[name])
                    watching.page.wait_for_load_state("networkidle")
                    watching.page.screenshot(path=FOLDER / f"{name}-{view}.png", full_page=True)


if __name__ == "__main__":
    main()
