"""Who imports whom: no two modules of ours import each other, directly or through others."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from pruning_workflow import rerun


def needs_of(path: Path) -> set[Path]:
    """Return our files that a file imports, inside functions too.

    Python loads the packages that a file lies in before it in any case: they count where it takes a name from them that
    is no module.
    """
    around = [folder for folder in path.parents if folder.is_relative_to(rerun.SCRIPTS)]
    packages = {".".join(folder.relative_to(rerun.SCRIPTS).parts) for folder in around}
    names = [name for name in rerun._imported_modules(path) if name not in packages]
    defined_in = {file for name in names for file in rerun._module_files(name)[-1:]}
    return (set(rerun.imported_files(path)) - {folder / "__init__.py" for folder in around} | defined_in) - {path}


def find_cycle() -> list[str]:
    """Return files of which each is imported by the next, the last being the first again; none where no cycle is."""
    files = sorted(rerun.SCRIPTS.rglob("*.py"))
    try:
        TopologicalSorter({path: needs_of(path) for path in files}).prepare()
    except CycleError as error:
        return [str(path.relative_to(rerun.SCRIPTS)) for path in error.args[1]]
    return []


def test_no_two_modules_import_each_other():
    assert find_cycle() == []


@pytest.mark.parametrize(
    "files, cycle",
    [
        ({"a": "from . import b", "b": "", "__init__": "from .a import x"}, set()),
        ({"a": "from .b import x", "b": "def f():\n    from .a import y"}, {"a", "b"}),
        ({"a": "import ours.b", "b": "from .c import x", "c": "from ours import a"}, {"a", "b", "c"}),
        ({"a": "from . import x", "__init__": "from .a import y\nx = 1"}, {"a", "__init__"}),
    ],
    ids=["none", "inside a function", "through a third", "through the package"],
)
def test_a_cycle_is_found(tmp_path, monkeypatch, files, cycle):
    monkeypatch.setattr(rerun, "SCRIPTS", tmp_path)
    (tmp_path / "ours").mkdir()
    for name, text in {"__init__": "", **files}.items():
        (tmp_path / f"ours/{name}.py").write_text(text)
    assert {Path(path).stem for path in find_cycle()} == cycle
