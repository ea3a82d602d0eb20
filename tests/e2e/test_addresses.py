"""An address that is somebody else's is told as that: a site's for the coordinator's, the coordinator's for a site's, a path."""

from pathlib import Path

import httpx

from tests.e2e.commands import BIN, run
from tests.e2e.small_federation import Federation, Server, url_of


def test_the_analyst_is_told_whose_address_it_is(federation: Federation) -> None:
    for url, code, said in (
        (federation.address("Bern"), 4, "a site answers there, and no coordinator. Give the coordinator's own address"),
        (f"{url_of(federation)}/docs", 4, "a coordinator answers there, but does not know the path."),
        (f"{url_of(federation)}/v1", 2, "Leave off /v1."),
    ):
        done = run("fedglmm", "list", "--coordinator", url)
        assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_the_coordinator_is_told_which_site_s_address_is_none(federation: Federation, tmp_path: Path) -> None:
    urls = {"itself": url_of(federation), "path": f"{federation.address('Bern')}/v1"}
    lines = ["port = 0", f'dictionary = "{federation.folder}/sites/dictionary.json"']
    for name, url in urls.items():
        lines += ["[[sites]]", f'name = "{name}"', f'url = "{url}"', f'key_file = "{federation.folder}/Bern.key"']
    (tmp_path / "coordinator.toml").write_text("\n".join(lines) + "\n")
    other = Server([str(BIN / "fedglmm-coordinator"), "serve", str(tmp_path)], tmp_path / "coordinator.json")
    try:
        sites = httpx.get(f"{other.start()['url']}/v1/sites").json()["sites"]
    finally:
        other.close()
    for site in sites:
        assert site["problem"]["where"] == site["name"]
        assert site["problem"]["message"] == f"what answers at {urls[site['name']]} is no site."
        assert site["problem"]["remedy"] == "Set its url to the site's own address, and leave off any path."
