"""Methods are files: listed, with options and constants, without importing any of them."""

import json
import subprocess
import sys

import pydantic
import pytest

from score_extrapolation import plugins
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import (
    KINDS,
    PACKAGE,
    Section,
    folder_of,
    load_method,
    method_constant,
    method_names,
    method_options,
    method_path,
)


def test_names_are_the_files_that_begin_with_no_underscore():
    for kind in KINDS:
        files = [path.stem for path in folder_of(kind).iterdir() if path.suffix == ".py"]
        assert list(method_names(kind)) == sorted(name for name in files if not name.startswith("_"))
        assert method_names(kind)


def test_every_folder_of_methods_is_a_kind():
    assert {"convnet", "timm"} <= set(method_names("models"))
    assert {"aum", "du", "dual", "el2n", "entropy", "forgetting", "tdds"} <= set(method_names("scores"))
    assert {"ccs", "random", "rs2", "top"} <= set(method_names("selection"))
    assert {"random", "stratified", "zcoreset"} <= set(method_names("subset"))
    assert {"knn"} <= set(method_names("extrapolators"))
    assert {"digits", "npz", "parquet", "places365"} <= set(method_names("datasets"))


def test_listing_and_options_import_no_method_and_nothing_heavy():
    program = """
import json, sys
from score_extrapolation.plugins import KINDS, method_constant, method_names, method_options
for kind in KINDS:
    for name in method_names(kind):
        if kind != "records":
            method_options(kind, name)
        method_constant(kind, name, "RECORD")
print(json.dumps(sorted(sys.modules)))
"""
    path = {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    ours = [name for name in loaded if name.startswith("score_extrapolation.")]
    assert ours == ["score_extrapolation.faults", "score_extrapolation.plugins"]
    assert not {"numpy", "torch", "pyarrow", "sklearn", "faiss"} & set(loaded)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_is_refused_with_those_there_are(kind):
    for function in (method_path, method_options, load_method):
        with pytest.raises(InputFault) as fault:
            function(kind, "nonesuch")
        assert str(fault.value) == f"'nonesuch' is none of the {kind}; there are: {', '.join(method_names(kind))}"


@pytest.mark.parametrize("name", ["../config", "__init__", "_arrays", ""])
def test_what_is_no_method_cannot_be_loaded(name):
    with pytest.raises(InputFault):
        load_method("datasets", name)


@pytest.mark.parametrize("name, options", [("du", {"window": 4}), ("tdds", {"trajectory": 7, "window": 4})])
def test_options_equal_those_of_the_imported_module(name, options):
    compiled, imported = method_options("scores", name), load_method("scores", name).Options
    assert compiled is not imported
    assert compiled.model_json_schema() == imported.model_json_schema()
    assert compiled(**options).needed_epochs() == imported(**options).needed_epochs()


def test_options_may_check_one_another():
    with pytest.raises(pydantic.ValidationError, match="has a window of 4 in a trajectory of 3 epochs"):
        method_options("scores", "tdds")(trajectory=3, window=4)


def test_constants_are_literals_of_the_file_or_none():
    assert method_constant("scores", "du", "RECORD") == "probability"
    assert method_constant("datasets", "digits", "NEEDS_PATH") is False
    assert method_constant("scores", "du", "NONESUCH") is None


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of scores of our own."""
    (tmp_path / "scores").mkdir()
    monkeypatch.setattr(plugins, "PACKAGE", tmp_path)
    cached = (plugins.names_in, plugins.method_options, plugins.literal_in, plugins._syntax_tree)
    for function in cached:
        function.cache_clear()
    yield tmp_path / "scores"
    for function in cached:
        function.cache_clear()


def test_adding_a_method_is_adding_one_file(house):
    lines = ["import torch_that_is_not_there", 'RECORD = "x"', "class Options(Section):", "    a: int = Field(3, ge=1)"]
    (house / "mine.py").write_text("\n".join(lines))
    assert method_names("scores") == ("mine",)
    assert method_options("scores", "mine")().a == 3
    assert method_constant("scores", "mine", "RECORD") == "x"


def test_a_constant_may_be_imported_from_a_neighbour(house):
    (house / "_shared.py").write_text('import torch_that_is_not_there\nRECORD, OTHER = 1, 2\nRECORD = "x"\n')
    (house / "mine.py").write_text("from ._shared import RECORD\nfrom ..elsewhere import OTHER\n")
    assert method_constant("scores", "mine", "RECORD") == "x"
    assert method_constant("scores", "mine", "OTHER") is None


def test_a_method_without_options_is_an_error(house):
    (house / "mine.py").write_text('RECORD = "x"\n')
    with pytest.raises(TypeError, match=r"mine.py defines no class Options"):
        method_options("scores", "mine")


class Example(Section):
    """For the tests below."""

    number: float = 1.0
    count: int = 1


@pytest.mark.parametrize(
    "values",
    [{"cuont": 2}, {"count": "2"}, {"count": 2.0}, {"count": True}, {"number": float("nan")}, {"number": float("inf")}],
)
def test_a_section_refuses_unknown_keys_other_types_and_what_is_not_finite(values):
    with pytest.raises(pydantic.ValidationError):
        Example(**values)


def test_a_section_never_changes():
    with pytest.raises(pydantic.ValidationError):
        Example().count = 2
