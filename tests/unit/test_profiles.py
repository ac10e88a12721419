"""What the profiles say holds for the rules that there are."""

import re
import sys
from pathlib import Path

import pytest
import yaml
import yte

CHECKOUT = Path(__file__).parents[2]
RULES = dict(
    re.findall(
        r"^ *(?:use )?rule (?:\w+ as )?(\w+).*:\n((?:(?:    .*)?\n)*)",
        "".join(path.read_text() for path in sorted((CHECKOUT / "rules").glob("*.smk"))),
        re.M,
    )
)
PROFILE = yaml.safe_load((CHECKOUT / "profiles/slurm/config.yaml").read_text())


def test_only_rules_that_can_use_a_gpu_are_retried():
    asking = {name: block for name, block in RULES.items() if "resources_of(" in block}
    assert asking
    for name, block in asking.items():
        assert ("gpu=True" in block) != ("retries: 0" in block), name


def test_groups_are_of_rules_that_there_are_and_need_no_gpu():
    groups = dict(entry.split("=") for entry in PROFILE["groups"])
    sizes = dict(entry.split("=") for entry in PROFILE["group-components"])
    assert set(groups.values()) == set(sizes)
    for name in groups:
        assert name in RULES and "gpu=True" not in RULES[name]


def test_the_profile_is_found_by_its_name():
    link = CHECKOUT / "slurm"
    assert link.is_symlink() and link.resolve() == CHECKOUT / "profiles/slurm"
    # profiles/default is read beside it and would win; its cores are none then.
    default = yaml.safe_load((CHECKOUT / "profiles/default/config.yaml").read_text())
    assert set(default) & set(PROFILE) == {"cores"}


@pytest.mark.parametrize(
    ("arguments", "variables", "cores"),
    [
        ([], {}, "all"),
        (["report", "--configfile", "my.yaml"], {}, "all"),
        (["--profile", "slurm"], {}, None),
        (["--profile=slurm"], {}, None),
        (["--executor", "slurm"], {}, None),
        (["-e", "slurm"], {}, None),
        ([], {"SNAKEMAKE_PROFILE": "slurm"}, None),
    ],
)
def test_cores_are_those_of_this_machine_where_jobs_run_on_it(arguments, variables, cores, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["snakemake", *arguments])
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    text = (CHECKOUT / "profiles/default/config.yaml").read_text()
    assert yte.process_yaml(text, require_use_yte=True)["cores"] == cores
