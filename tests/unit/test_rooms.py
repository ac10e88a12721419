"""Which folder may know what: the library nothing of the workflow, scripts only rules, and each job its record."""

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SCRIPTS = CHECKOUT / "workflow_scripts"
LIBRARY = SCRIPTS / "score_extrapolation"
LIBRARY_FILES = sorted(path for path in LIBRARY.rglob("*.*") if path.is_file() and "__pycache__" not in path.parts)
# What a library that is imported elsewhere has not heard of: who runs it, and how files of results are named.
OF_THE_WORKFLOW = re.compile(
    r"snakemake|slurm|workflow|config\.yaml|lineage|results/|"
    r"\b(fraction|rate|keep|seed|layer|classes)-(\d|\{)|-within-|\d-of-\d|-of-\{",
    re.IGNORECASE,
)
# Each is about something else.
EXCEPTIONS = {
    "exports/huggingface.py": ["data-00000-of-00002.arrow", "-of-{"],  # how datasets of Hugging Face name their files
}


def name_in(path, folder):
    return path.relative_to(folder).as_posix()


@pytest.mark.parametrize("path", LIBRARY_FILES, ids=lambda path: name_in(path, LIBRARY))
def test_the_library_knows_nothing_of_the_workflow(path):
    text = path.read_text(encoding="utf-8")
    for known in EXCEPTIONS.get(name_in(path, LIBRARY), ()):
        assert known in text, f"{known} is no exception any more"
        text = text.replace(known, "")
    lines = [line.strip() for line in text.splitlines() if OF_THE_WORKFLOW.search(line)]
    assert lines == []


@pytest.mark.parametrize(
    "path", [path for path in LIBRARY_FILES if path.suffix == ".py"], ids=lambda path: name_in(path, LIBRARY)
)
def test_the_library_imports_nothing_of_the_workflow(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
            # As far up as the package itself, and no further.
            assert node.level <= len(path.relative_to(LIBRARY).parts)
        assert not any(name.split(".")[0] in ("pruning_workflow", "snakemake") for name in names)


# --------------------------------------------------------------------------- rules


def rules():
    """Return the text of every rule by its name and file."""
    found = {}
    for path in (CHECKOUT / "Snakefile", *sorted((CHECKOUT / "rules").glob("*.smk"))):
        text = path.read_text(encoding="utf-8")
        starts = [*re.finditer(r"^ *(?:use )?rule\b *(.*):\n|^ *use rule (.*) with:\n", text, re.M)]
        ends = [*(match.start() for match in starts[1:]), len(text)][: len(starts)]
        for match, end in zip(starts, ends, strict=True):
            name = (match[1] or match[2] or "each item").split(" as ")[-1].removesuffix(" with")
            found[f"{path.name}:{name}:{match.start()}"] = text[match.end() : end]
    return found


RULES = rules()


def files_of(block, keyword):
    """Return what a rule lists under a keyword, as text; None where it has no such."""
    match = re.search(rf"^( +){keyword}:\n((?:\1 +.*\n|\n)+)", block, re.M)
    return match and match[2]


def test_a_file_beside_the_packages_is_a_script_of_a_rule_and_nothing_else():
    named = {script for block in RULES.values() for script in re.findall(r'workflow_scripts/(\w+\.py)"', block)}
    assert {path.name for path in SCRIPTS.iterdir() if path.is_file()} == named
    folders = {path.name for path in SCRIPTS.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert {name for name in folders if not name.endswith(".egg-info")} == {"pruning_workflow", "score_extrapolation"}


@pytest.mark.parametrize("rule", [rule for rule, block in RULES.items() if files_of(block, "output")])
def test_a_rule_that_writes_anything_declares_its_record_which_lies_where_its_log_does(rule):
    """But for a rule that only prints, which has no output; one that is made from another has its script."""
    outputs, log = files_of(RULES[rule], "output"), files_of(RULES[rule], "log")
    (record,) = re.findall(r'lineage=out\(f?"lineage/(.*)\.json"\)', outputs)
    (logged,) = re.findall(r'out\(f?"logs/(.*)\.log"\)', log)
    assert record == logged


def test_no_rule_measures_itself_in_another_way():
    assert [rule for rule, block in RULES.items() if files_of(block, "benchmark") or "benchmark:" in block] == []


def test_rules_are_read():
    assert len(RULES) > 50 and sum(bool(files_of(block, "output")) for block in RULES.values()) > 40
