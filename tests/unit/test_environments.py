"""Every place that names a version names the same one."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[2] / "envs"


def pins(lines) -> dict[str, str]:
    return dict(re.match(r"([\w.-]+)(?:\[\w+\])?==([^\s;]+)(?:; .*)?$", line).groups() for line in lines)


def test_conda_files_pin_what_the_requirements_pin():
    lines = [line for line in (ENVS / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    required = pins(lines)
    files = list(ENVS.glob("*.yaml"))
    assert files
    for path in files:
        (listed,) = (
            entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict)
        )
        assert pins(listed).items() <= required.items(), path.name


def test_constraints_repeat_no_requirement():
    lines = [line for line in (ENVS / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    required = (ENVS / "requirements.txt").read_text().lower()
    assert not [name for name in pins(lines) if re.search(rf"^{re.escape(name.lower())}(\[|==)", required, re.M)]
