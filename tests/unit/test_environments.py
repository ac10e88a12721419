"""Every place that names a version names the same one."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

from pruning_workflow.rerun import code_files

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


PACKAGES = {"faiss": "faiss-cpu", "sklearn": "scikit-learn", "PIL": "pillow", "yaml": "PyYAML"}
OURS = {"pruning_workflow", "score_extrapolation"}


def scripts_of_environments() -> dict[tuple[str, str], None]:
    """Return (conda file, script) of every rule."""
    text = "".join(path.read_text() for path in sorted((ENVS.parent / "rules").glob("*.smk")))
    rules = re.split(r"^(?:    )?(?:use )?rule\b", text, flags=re.M)
    found = (re.search(r'"\.\./envs/(\w+\.yaml)".*"\.\./workflow_scripts/(\w+\.py)"', rule, re.S) for rule in rules)
    return dict.fromkeys(match.groups() for match in found if match)


def foreign_imports(path: Path) -> set[str]:
    """Return the packages that a file needs to be imported; those inside functions are optional."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        # A script imports inside its block.
        for statement in node.body if isinstance(node, ast.With) else [node]:
            if isinstance(statement, ast.Import):
                names |= {alias.name.split(".")[0] for alias in statement.names}
            elif isinstance(statement, ast.ImportFrom) and not statement.level:
                names.add(statement.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


@pytest.mark.parametrize("environment, script", scripts_of_environments())
def test_a_conda_file_has_what_its_rules_scripts_import(environment, script):
    (listed,) = (
        entry["pip"]
        for entry in yaml.safe_load((ENVS / environment).read_text())["dependencies"]
        if isinstance(entry, dict)
    )
    needed = {name for path in code_files(script) for name in foreign_imports(path)}
    assert {PACKAGES.get(name, name) for name in needed} <= set(pins(listed))
