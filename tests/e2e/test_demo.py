"""The demonstration and a federation of separate servers do what README says."""

import json
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from coordinator.client import Coordinator
from coordinator.client.federation import serving
from shared.errors import RefusedError
from tests.e2e.commands import BIN, DATA, run


def test_the_demo_refuses_one_trial_in_words_and_fits_the_others_to_the_pooled_reference() -> None:
    done = run("fedglmm", "demo")
    assert done.returncode == 0
    assert re.search(r"Yusuf: the site's policy: .*too rare", done.stdout)
    assert re.search(r"treatmentbeta-blocker\s+-0\.26091\s+0\.04990\s+-5\.228 1\.71e-07 \*\*\*", done.stdout)
    assert "federated over 22 sites" in done.stdout
    differences = re.findall(r"(-?\d\.\de-\d\d)\s+(-?\d\.\de-\d\d)$", done.stdout, flags=re.MULTILINE)
    assert len(differences) == 3
    assert all(abs(float(in_se)) < 1e-5 for _, in_se in differences)


def test_sites_in_processes_of_their_own_with_keys_and_one_that_lacks_a_column(tmp_path: Path) -> None:
    sites = tmp_path / "sites"
    run("fedglmm-site", "split", str(DATA / "exam.csv"), "--by", "school", "--nodes", "3", "--out", str(sites))
    broken = sites / "node-2" / "data.csv"
    names = sorted(path.name for path in sites.iterdir() if path.is_dir())
    for name in names:
        (sites / name / "key").write_text(f"secret-of-{name}")
        settings = sites / name / "site.toml"
        settings.write_text(settings.read_text().replace('# key_file = "key"', 'key_file = "key"'))
    with ExitStack() as running:
        lines = ['dictionary = "sites/dictionary.json"', "port = 0", 'keys_file = "keys.toml"']
        lines += ['consortium = "sites/consortium.toml"', 'identity_file = "sites/coordinator.identity"']
        for name in names:
            command = [str(BIN / "fedglmm-site"), "serve", str(sites / name)]
            url = running.enter_context(serving(command, tmp_path / f"{name}.json"))["sites"][name]
            lines += ["[[sites]]", f'name = "{name}"', f'url = "{url}"', f'key_file = "sites/{name}/key"']
        (tmp_path / "coordinator.toml").write_text("\n".join(lines))
        ann = run(
            "fedglmm-coordinator", "keys", "add", "ann", "--role", "run", "--config", str(tmp_path)
        ).stdout.strip()
        command = [str(BIN / "fedglmm-coordinator"), "serve", str(tmp_path / "coordinator.toml")]
        url = running.enter_context(serving(command, tmp_path / "coordinator.json"))["url"]
        assert run("fedglmm", "list", "--coordinator", url).returncode != 0
        with Coordinator(url, ann) as coordinator:
            formula = "normexam ~ standLRT + sex + (1 + standLRT | school)"
            fit = coordinator.fit(formula, family="gaussian")
            reference = json.loads((DATA.parent / "values" / "exam_lmm_corr.json").read_text())["fits"]["lme4_ML"]
            for name, estimate in reference["beta"].items():
                assert abs(fit.params[name] - estimate) < 1e-8
            header, rest = broken.read_text().split("\n", 1)
            broken.write_text(header.replace("standLRT", "other") + "\n" + rest)
            with pytest.raises(RefusedError, match=r"node-2: .*standLRT"):
                coordinator.fit(formula, family="gaussian")
