"""The reference of the public names: it builds, has every parameter of each, and the examples in docstrings run."""

import doctest
import importlib
import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import score_extrapolation
from score_extrapolation.plugins import PACKAGE

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-W", "error", CHECKOUT / "docs" / "write_reference.py", folder]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert not made.stderr, made.stderr  # pdoc's warnings are not Python's
    return folder


class Named(HTMLParser):
    """What a page has in bold, by the section that it is in: the names of parameters, attributes and the like."""

    def __init__(self):
        super().__init__()
        self.sections, self.names, self.inside = [], {}, False

    def handle_starttag(self, tag, attributes):
        if tag == "section":
            self.sections.append(dict(attributes).get("id", ""))
        self.inside = tag == "strong" or (self.inside and tag == "em")

    def handle_endtag(self, tag):
        if tag == "section":
            self.sections.pop()
        if tag == "strong":
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.names.setdefault(self.sections[-1], set()).update(re.findall(r"\w+", data))


@pytest.mark.slow
def test_every_public_name_is_there_with_every_parameter(reference):
    page = Named()
    page.feed((reference / "score_extrapolation.html").read_text())
    for name in score_extrapolation.__all__:
        value = getattr(score_extrapolation, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            assert f'id="{name}"' in (reference / "score_extrapolation.html").read_text()
            continue
        told = page.names[name]
        assert inspect.signature(value).parameters.keys() <= told, f"{name}: {told}"


@pytest.mark.slow
def test_pages_of_methods_and_tables_are_there_and_those_of_the_workflow_and_private_ones_are_not(reference):
    pages = {str(page.relative_to(reference / "score_extrapolation")) for page in reference.rglob("*/**/*.html")}
    assert {"io/tables.html", "scores/du.html", "extrapolators/knn.html", "datasets/readers/parquet.html"} <= pages
    assert not [page for page in pages if re.search(r"(^|/)_|^training/|^datasets/store", page)]


def modules_with_examples() -> list[str]:
    files = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text())
    parts = (path.relative_to(PACKAGE.parent).with_suffix("").parts for path in files)
    return [".".join(part for part in names if part != "__init__") for names in parts]


@pytest.mark.parametrize("module", modules_with_examples())
def test_the_examples_of_a_module_run(module):
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("name", ["ScoreRecorder", "score_dynamics", "KNNExtrapolator", "select"])
def test_what_most_people_call_has_an_example(name):
    value = getattr(score_extrapolation, name)
    assert value.__module__ in modules_with_examples()
    assert f"from score_extrapolation import {name}\n" in value.__doc__
