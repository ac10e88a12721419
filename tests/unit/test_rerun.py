"""The digest of a rule's code: it changes with every statement that the rule runs, and with nothing else."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pruning_workflow.items import item_names
from pruning_workflow.rerun import module_of_method
from score_extrapolation.plugins import method_names

CHECKOUT = Path(__file__).parents[2]
SCRIPTS = CHECKOUT / "workflow_scripts"
LIBRARY = "score_extrapolation"


def load_code_digest(folder):
    """Import rerun.py of a folder anew, with empty caches."""
    spec = importlib.util.spec_from_file_location("rerun_of_a_copy", folder / "pruning_workflow" / "rerun.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest(folder, script, *methods):
    return load_code_digest(folder).code_digest(script, *methods)


def files(folder, script, *methods):
    found = load_code_digest(folder).code_files(script, *methods)
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture
def copy(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(SCRIPTS, tmp_path / "workflow_scripts", ignore=ignored))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


TRAIN = ("train_subset.py", ("models", "convnet"), ("records", "probability"))
SCORE = ("score_subset.py", ("scores", "du"))


def test_the_digest_is_sixteen_digits_and_does_not_depend_on_the_place(copy):
    assert re.fullmatch("[0-9a-f]{16}", digest(copy, *SCORE))
    assert digest(copy, *SCORE) == digest(SCRIPTS, *SCORE)


@pytest.mark.parametrize("file", ["score_subset.py", f"{LIBRARY}/scores/du.py", f"{LIBRARY}/io/tables.py"])
def test_comments_and_layout_do_not_change_it(file, copy):
    before = digest(copy, *SCORE)
    path = copy / file
    path.write_text("# a comment\n\n\n" + path.read_text().replace("\n", "\n\n") + "\n# another\n")
    assert digest(copy, *SCORE) == before


@pytest.mark.parametrize(
    "file, old",
    [
        ("score_subset.py", '"""Compute the scores'),
        (f"{LIBRARY}/scores/__init__.py", '"""Scores of samples'),
        (f"{LIBRARY}/scores/__init__.py", '"""Score the samples of a dynamics file'),
        (f"{LIBRARY}/scores/du.py", '"""`window`: epochs J'),
        (f"{LIBRARY}/scores/du.py", '"""Return the scores'),
    ],
)
def test_docstrings_do_not_change_it(file, old, copy):
    before = digest(copy, *SCORE)
    edit(copy / file, old, '"""Other words. ')
    assert digest(copy, *SCORE) == before


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("score_subset.py", "score=scores", "score=-scores"),
        (f"{LIBRARY}/scores/du.py", "ddof=1", "ddof=0"),
        (f"{LIBRARY}/scores/du.py", 'RECORD = "probability"', 'RECORD = "other"'),
        (f"{LIBRARY}/scores/__init__.py", "np.isfinite(scores)", "(scores < 0)"),
        (f"{LIBRARY}/io/tables.py", 'compression="zstd"', 'compression="snappy"'),
        (f"{LIBRARY}/io/atomic.py", "os.replace(partial, path)", "os.rename(partial, path)"),
        (f"{LIBRARY}/training/dynamics.py", "range(file.metadata.num_row_groups)", "range(1)"),
        ("pruning_workflow/job.py", "sys.exit(1)", "sys.exit(2)"),
    ],
    ids=["script", "method", "constant", "package", "import", "import of an import", "in a function", "job"],
)
def test_code_that_the_rule_runs_changes_it(file, old, new, copy):
    before = digest(copy, *SCORE)
    edit(copy / file, old, new)
    assert digest(copy, *SCORE) != before


@pytest.mark.parametrize(
    "file",
    [
        f"{LIBRARY}/__init__.py",  # public names
        "pruning_workflow/config/experiment.py",
        "pruning_workflow/config/sections.py",
        "pruning_workflow/runs.py",
        f"{LIBRARY}/training/inference.py",
        f"{LIBRARY}/extrapolators/_forest.py",
        f"{LIBRARY}/scores/du.py",
        f"{LIBRARY}/models/resnet9.py",
        f"{LIBRARY}/selection/top.py",
    ],
)
def test_code_that_the_rule_does_not_run_leaves_it(file, copy):
    before = digest(copy, *TRAIN)
    (copy / file).write_text((copy / file).read_text() + "\nANOTHER = 1\n")
    assert digest(copy, *TRAIN) == before


def test_another_method_is_another_digest():
    names = ("convnet", "resnet9", "timm")
    assert len({digest(SCRIPTS, TRAIN[0], ("models", name), TRAIN[2]) for name in names}) == 3


def test_relative_and_function_level_imports_are_followed(copy):
    found = files(copy, "train_subset.py", ("models", "timm"))
    assert f"{LIBRARY}/torchvision_import.py" in found  # in a function, from .. import
    assert f"{LIBRARY}/training/augmentation.py" in found  # from .augmentation import
    assert f"{LIBRARY}/training/snapshots.py" in found
    assert f"{LIBRARY}/models/timm.py" in found
    assert f"{LIBRARY}/models/convnet.py" not in found
    assert files(copy, "score_subset.py") >= {f"{LIBRARY}/training/dynamics.py", f"{LIBRARY}/training/__init__.py"}


def test_every_form_of_import_is_followed(copy):
    for name in "abcdefg":
        (copy / LIBRARY / f"{name}.py").write_text("")
    (copy / LIBRARY / "pack").mkdir()
    (copy / LIBRARY / "pack" / "__init__.py").write_text("from . import inner\nfrom .. import a\n")
    (copy / LIBRARY / "pack" / "inner.py").write_text("from ..b import x\nfrom score_extrapolation import c\n")
    (copy / "beside.py").write_text("import score_extrapolation.d\nimport numpy\nimport nonesuch.score_extrapolation\n")
    (copy / "script.py").write_text(
        "import beside\n"
        "from score_extrapolation.pack import function\n"
        "class A:\n    def f(self):\n        if True:\n            import score_extrapolation.e as other\n"
        "try:\n    from score_extrapolation.f import y\nexcept ImportError:\n    pass\n"
    )
    expected = {f"{LIBRARY}/{name}.py" for name in (*"abcdef", "pack/__init__", "pack/inner")}
    assert files(copy, "script.py") == expected | {"script.py", "beside.py"}


# Rules and scripts as they are


def rule_blocks():
    for path in sorted((CHECKOUT / "rules").glob("*.smk")):
        for block in re.split(r"^ *(?:use )?(?:rule|checkpoint)\b", path.read_text(), flags=re.MULTILINE)[1:]:
            yield f"{path.name}:{block.split(':')[0]}", block


def scripts_and_kinds():
    """Return {script: kinds of methods} of every call of code_digest in the rules."""
    found = {}
    for name, block in rule_blocks():
        for call in re.findall(r"code_digest\((.*?)\),\n(?: {4,8}\w|\Z)", block, flags=re.DOTALL):
            script = re.search(r'"(\w+\.py)"', call)[1]
            found[script] = found.get(script, set()) | set(re.findall(r'\(\s*"(\w+)",', call))
        assert name
    return found


def test_every_rule_with_a_script_carries_the_digest_of_that_script():
    with_script = 0
    for name, block in rule_blocks():
        script = re.search(r"script:\s+\"\.\./workflow_scripts/(\w+\.py)\"", block)
        if script:
            with_script += 1
            assert re.search(rf'code_digest\(\s*"{re.escape(script[1])}"', block), name
    assert with_script >= 9


LIST_LOADED = """
import ast, json, os, sys
sys.path.insert(0, os.getcwd())
import numpy, pyarrow.parquet, safetensors.torch, seaborn, torch  # once; ours come after, in a fork for each script
for script, methods in json.load(sys.stdin).items():
    sys.stdout.flush()
    if os.fork() == 0:
        tree = ast.parse(open(script).read())
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                exec(compile(ast.Module([node], []), script, "exec"))
        for kind, name in methods:
            __import__(name)
        here = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
        ours = [os.path.relpath(file) for file in here if file.startswith(os.getcwd() + os.sep)]
        print(json.dumps([script, ours]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, script
"""


@pytest.mark.slow
def test_the_digest_covers_every_file_that_a_script_loads():
    methods = {
        script: [
            (kind, name) for kind in sorted(kinds) for name in (item_names() if kind == "study" else method_names(kind))
        ]
        for script, kinds in scripts_and_kinds().items()
    }
    command = [sys.executable, "-c", LIST_LOADED]
    modules = {
        script: [(kind, module_of_method(kind, name)) for kind, name in found] for script, found in methods.items()
    }
    done = subprocess.run(command, cwd=SCRIPTS, input=json.dumps(modules), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = dict(json.loads(line) for line in done.stdout.splitlines())
    assert loaded.keys() == methods.keys()
    for script, ours in loaded.items():
        assert "pruning_workflow/job.py" in ours
        public_names = f"{LIBRARY}/__init__.py"
        assert public_names in ours
        assert set(ours) - {public_names} <= files(SCRIPTS, script, *map(tuple, methods[script])), script


def test_no_code_of_a_rule_takes_public_names():
    modules = {path.stem for path in (SCRIPTS / LIBRARY).iterdir()}
    for path in SCRIPTS.rglob("*.py"):
        level = len(path.relative_to(SCRIPTS).parts) - 1
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (
                node.module == LIBRARY or (not node.module and node.level == level)
            ):
                assert {alias.name for alias in node.names} <= modules, path


def test_rules_name_the_kinds_of_methods_that_their_scripts_load():
    kinds = scripts_and_kinds()
    expected = {
        "prepare_samples.py": {"datasets"},
        "draw_subset.py": {"subset"},
        "train_subset.py": {"models", "paradigms", "records"},
        "score_subset.py": {"scores"},
        "embed_samples.py": {"models"},
        "embed_pretrained.py": set(),
        "score_embeddings.py": {"training_free"},
        "make_item.py": {"study"},
        "make_image_item.py": {"study"},
        "predict_samples.py": {"models"},
        "find_neighbors.py": set(),
        "extrapolate_scores.py": {"extrapolators"},
        "choose_extrapolator.py": set(),
        "cross_validate_extrapolator.py": {"extrapolators"},
        "tabulate_estimates.py": set(),
        "try_selection.py": {"selection", "models", "paradigms"},
        "select_samples.py": {"selection"},
        "tabulate_trials.py": set(),
        "export_kept.py": {"exports", "datasets"},
        "retrain_model.py": {"models", "paradigms"},
        "measure_robustness.py": {"models"},
    }
    assert {script: kinds.get(script) for script in expected} == expected
