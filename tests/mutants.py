"""Count the small faults of our packages that the tests find: those of the fast tier, and all tests.

    .venv/bin/python -m pip install coverage==7.10.7
    OMP_NUM_THREADS=1 .venv/bin/python tests/mutants.py --fast "not slow" [--n 60] [--seed 0] [--folder build/mutants]

coverage 7.17.5 renames the data of a process that saves them; one that goes on after it, as our tests do, then fails.

A mutant is the code with one place of the library or the workflow changed: a comparison, an operator, a number, a
condition, a slice, a call or a returned value. The places are drawn at random from all modules, each with the same
chance. Texts, annotations and log messages are no places. Only copies of the last commit are changed.

The tests must pass. First they run once under coverage.py, which notes the tests that run each line: all of --tests,
and of --end-to-end those that --fast selects. Then each mutant meets the tests that run its lines until one fails, the
quickest files first: those of the fast tier, and, if it survives, the others of --tests. Last, survivors meet the
other tests of --end-to-end, those files first that name the mutant's module most often, for at most --end-to-end-s.
Elsewhere a mutant is killed by a run that takes several times as long as it should.

Processes that a test starts are covered as well, and so are copies of the packages: the environment variable
PYTEST_CURRENT_TEST, which processes inherit, becomes coverage's context. The lines of a process that is killed, or
gets an environment of its own, are lost, as are those that numba compiles. A line that a fixture runs counts for all
tests of the file, and of the folder if that has a conftest.py. A line that runs at import, or that no test was seen to
run, counts for all tests that run any line of its module, and for all tests of files that name the module.

--folder holds the coverage and results.jsonl, a line for each mutant and tier. A second call goes on there, and with a
larger --n draws more mutants. After a change of code or of the other arguments, use another folder.
"""

import argparse
import ast
import collections
import concurrent.futures
import contextlib
import copy
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import coverage
import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("score_extrapolation", "pruning_workflow")
COVERAGE = """[run]
parallel = true
data_file = {folder}/coverage
include = {include}
context = ${{PYTEST_CURRENT_TEST-}}
patch = fork, _exit
"""
TIERS = ("fast", "slow", "end to end")
SECONDS, FACTOR = 60, 4  # a run of tests may take this long, and this many times what they took under coverage

# ---------------------------------------------------------------------------------------------------------- the places

OPERATORS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
NAMES = [("min", "max"), ("any", "all"), ("argmin", "argmax"), ("minimum", "maximum"), ("floor", "ceil")]
NAMES = dict(NAMES + [(other, name) for name, other in NAMES])
SAID = {"debug", "info", "warning", "warn", "print"}  # calls that only tell something


def in_package(path: str) -> str:
    """Return the path of a module from its package on."""
    starts = [path.rindex(f"/{package}/") + 1 for package in PACKAGES if f"/{package}/" in path]
    return path[max(starts) :]


@dataclass(frozen=True)
class Mutant:
    """One place of a module, and what stands there instead."""

    path: str  # that of its package and below
    line: int
    column: int
    lines: range = field(compare=False)  # of the statement, or of its head
    at_import: bool
    change: str
    source: bytes = field(repr=False)  # of the whole module, changed

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line}:{self.column} {self.change}"


def changed(node: ast.AST) -> ast.AST | None:
    """Return what may stand there instead of this node, None if the node is no place."""
    other = copy.deepcopy(node)
    match node:
        case ast.Compare(ops=[op, *_]):
            other.ops[0] = OPERATORS[type(op)]()
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in OPERATORS:
            if any(isinstance(getattr(part, "value", part), str | ast.JoinedStr) for part in parts(node)):
                return None  # of a text or a path
            other.op = OPERATORS[type(op)]()
        case ast.UnaryOp(op=ast.Not()):
            return other.operand
        case ast.Constant(value=bool() | int() | float() as value):
            other.value = not value if isinstance(value, bool) else value + 1
        case ast.Name(id=name) if name in NAMES:
            other.id = NAMES[name]
        case ast.Attribute(attr=name) if name in NAMES:
            other.attr = NAMES[name]
        case ast.Slice(lower=lower, upper=upper) if not isinstance(lower or upper, ast.Constant | None):
            which, op = ("lower", ast.Add()) if lower else ("upper", ast.Sub())
            setattr(other, which, ast.BinOp(lower or upper, op, ast.Constant(1)))
        case ast.If(test=test) | ast.IfExp(test=test) if isinstance(test, ast.Name | ast.Attribute | ast.Call):
            other.test = ast.UnaryOp(ast.Not(), test)
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))) if name not in SAID:
            return ast.Pass()
        case ast.Return(value=value) if value and not (isinstance(value, ast.Constant) and value.value is None):
            other.value = ast.Constant(None)
        case _:
            return None
    return other


def parts(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node that run: no annotation, text, pattern or list of names."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults), *node.body]
        case ast.AnnAssign():
            return [node.value] if node.value else []
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.JoinedStr() | ast.pattern():
            return []
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in SAID:
            return []
    return list(ast.iter_child_nodes(node))


def find_mutants(path: Path) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines."""
    source, mutants = path.read_bytes(), []
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def visit(node: ast.AST, lines: range, at_import: bool) -> None:
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            lines = range(node.lineno, max(node.lineno, body[0].lineno - 1) + 1 if body else node.end_lineno + 1)
        other = changed(node)
        if other is not None:
            # Of an if only the condition is replaced, so that its body stays as it is written.
            old, new = (node.test, other.test) if isinstance(node, ast.If) else (node, other)
            before, after = ast.unparse(old), ast.unparse(new)
            bare = isinstance(new, ast.stmt | ast.Slice | ast.Constant)
            start, end = starts[old.lineno - 1] + old.col_offset, starts[old.end_lineno - 1] + old.end_col_offset
            made = source[:start] + (after if bare else f"({after})").encode() + source[end:]
            compile(made, path, "exec")
            change = f"{before} -> {after}".replace("\n", " ")
            name = in_package(path.as_posix())
            mutants.append(Mutant(name, old.lineno, old.col_offset, lines, at_import, change, made))
        inner = node.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
        for part in parts(node):
            visit(part, lines, at_import and part not in inner and not isinstance(node, ast.Lambda))

    visit(ast.parse(source), range(0), True)
    return mutants


# ------------------------------------------------- the tests that run a line: pytest's plugin in the run under coverage

TESTS: dict[str, dict] = {}


def switch_context(name: str) -> None:
    """Let coverage note what runs from here on as run by this."""
    measuring = coverage.Coverage.current()
    if measuring:
        measuring.switch_context(name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    switch_context(f"{item.nodeid} (setup)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    switch_context(f"{item.nodeid} (call)")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    switch_context(f"{item.nodeid} (teardown)")


def pytest_runtest_logfinish():
    switch_context("")


def pytest_runtest_logreport(report):
    test = TESTS.setdefault(report.nodeid, {"seconds": 0.0, "passed": True})
    test["seconds"] += report.duration
    test["passed"] &= report.passed


def pytest_sessionfinish(session):
    """Save what a worker measured; write the tests, their seconds, and whether they passed."""
    measuring = coverage.Coverage.current()
    if measuring:
        measuring.save()
    if not hasattr(session.config, "workerinput"):
        Path(os.environ["MUTANTS_TESTS"]).write_text(json.dumps(TESTS))


if "MUTANTS_TESTS" in os.environ:  # a child of a test runs in its context
    os.register_at_fork(after_in_child=lambda: switch_context(os.environ.get("PYTEST_CURRENT_TEST", "")))

# ------------------------------------------------------------------------------------------------------------- the runs


def run_pytest(folder: Path, arguments: list[str], seconds: float | None, **environment) -> tuple[int | None, str]:
    """Return pytest's exit code, None if time ran out, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-o", "addopts=--strict-markers", "-q", "-rfE", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    with tempfile.TemporaryFile("w+") as printed:
        streams = {"stdout": printed, "stderr": printed}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:  # what a test left running, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        printed.seek(0)
        return code, printed.read()


def measure(folder: Path, checkout: Path, tier: str, arguments: list[str]) -> dict[str, dict]:
    """Run a tier under coverage; return its tests that pass."""
    listed = folder / f"{tier}.json"
    if not listed.exists():
        settings = folder / "coveragerc"
        include = ", ".join(f"*/{package}/*" for package in PACKAGES)
        settings.write_text(COVERAGE.format(folder=folder, include=include))
        environment = {"COVERAGE_PROCESS_START": str(settings), "MUTANTS_TESTS": str(folder / "tests.json")}
        (folder / "sitecustomize.py").write_text("import coverage\n\ncoverage.process_startup()\n")
        environment["PYTHONPATH"] = f"{folder}{os.pathsep}{checkout / 'tests'}"
        code, printed = run_pytest(
            checkout, [*arguments, "-p", "mutants", "-n2", "--dist=loadfile"], None, **environment
        )
        (folder / f"{tier}.log").write_text(printed)
        if code not in (0, 1, 5):
            sys.exit(f"pytest {' '.join(arguments)} ended with code {code}:\n{printed[-2000:]}")
        (folder / "tests.json").rename(listed)
    tests = json.loads(listed.read_text())
    passed = {name: test for name, test in tests.items() if test["passed"]}
    print(f"{tier}: {len(passed)} tests; these fail or are skipped:", *sorted(tests.keys() - passed), sep="\n  ")
    return passed


def read_coverage(folder: Path) -> dict[str, dict[int, set[str]]]:
    """Return the contexts of each line of each module; copies of a package count as it."""
    measured = coverage.Coverage(data_file=str(folder / "coverage"), config_file=str(folder / "coveragerc"))
    if list(folder.glob("coverage.*")):
        measured.combine([str(folder)], keep=False)
        measured.save()
    measured.load()
    covered: dict[str, dict[int, set[str]]] = {}
    for path in measured.get_data().measured_files():
        lines = covered.setdefault(in_package(path), {})
        for line, contexts in measured.get_data().contexts_by_lineno(path).items():
            lines.setdefault(line, set()).update(filter(None, contexts))
    if not covered:
        sys.exit(f"{folder}: coverage measured nothing, so that no test is known to run a line; see fast.log")
    return covered


def count_mentions(mutant: Mutant, test_file: str) -> int:
    """Return how often a file of tests names the mutant's module, or the folder of an __init__.py."""
    path = Path(mutant.path)
    module = path.parent.name if path.stem == "__init__" else path.stem
    return len(re.findall(rf"(?<![a-z]){module}(?![a-z])", (CHECKOUT / test_file).read_text()))


def select_tests(mutant: Mutant, covered: dict, tests: dict[str, dict]) -> tuple[list[str], float]:
    """Return the tests that run the mutant, the quickest files first, and the seconds that they may take."""
    lines, files = covered.get(mutant.path, {}), {name: name.split("::")[0] for name in tests}
    contexts = set() if mutant.at_import else set().union(*(lines.get(line, ()) for line in mutant.lines))
    scopes = set()  # what names of tests begin with
    if not contexts:
        contexts = set().union(*lines.values())
        scopes = {f"{file}::" for file in set(files.values()) if count_mentions(mutant, file)}
    for name, phase in (context.rsplit(" ", 1) for context in contexts):
        file = name.split("::")[0]
        shared = (CHECKOUT / file).with_name("conftest.py").exists()
        scopes.add(name if phase == "(call)" else f"{Path(file).parent}/" if shared else f"{file}::")
    selected = [name for name in tests if {name, f"{files[name]}::", f"{Path(files[name]).parent}/"} & scopes]
    seconds, whole = collections.Counter(), collections.Counter()
    for name in selected:
        seconds[files[name]] += tests[name]["seconds"]
    for name in tests:  # a fixture's seconds are those of the first test that uses it, which may not be selected
        whole[files[name]] += tests[name]["seconds"]
    selected.sort(key=lambda name: (seconds[files[name]], files[name]))
    return selected, SECONDS + FACTOR * sum(whole[file] for file in seconds)


def meet(mutant: Mutant, checkout: Path, tests: list[str], seconds: float) -> tuple[str, str]:
    """Return "killed", "survived" or "out of time", and the test that failed."""
    path = checkout / "workflow_scripts" / mutant.path
    original = path.read_bytes()
    path.write_bytes(mutant.source)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:  # more than a command line takes
            listed.write("\n".join(tests))
            listed.flush()
            code, printed = run_pytest(checkout, ["-x", "-n0", f"@{listed.name}"], seconds)
    finally:
        path.write_bytes(original)
    if code is None:
        return "out of time", f"{seconds:.0f} s"
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", printed, re.M)
    return "survived" if code in (0, 5) else "killed", failed[0] if failed else f"exit code {code}"


def main() -> None:
    """Draw the mutants, run the tests against them, and print what became of each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fast", required=True, help="pytest's marker expression of the fast tier")
    parser.add_argument("--n", type=int, default=60, help="mutants (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (%(default)s)")
    parser.add_argument("--modules", nargs="*", default=["**/*.py"], help="patterns within the packages (all)")
    parser.add_argument("--tests", nargs="*", default=["tests/unit", "tests/properties", "tests/contracts"])
    workflow = [str(path.relative_to(CHECKOUT)) for path in sorted(CHECKOUT.glob("tests/workflow/test_*.py"))]
    parser.add_argument("--end-to-end", nargs="*", default=workflow, help="files of tests (those of tests/workflow)")
    parser.add_argument("--end-to-end-s", type=float, default=600, help="seconds for each survivor (%(default)s)")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "build/mutants", help="of coverage and results")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that runs are ended and copies removed
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        copies: queue.Queue[Path] = queue.Queue()
        for i in range(2):
            copies.put(Path(temporary, str(i)))
            subprocess.run(["git", "clone", "--quiet", CHECKOUT, copies.queue[-1]], check=True)
        first = copies.queue[0]
        fast = measure(folder, first, "fast", [*options.tests, *options.end_to_end, "-m", options.fast])
        slow = measure(folder, first, "slow", [*options.tests, "-m", f"not ({options.fast})"])
        covered = read_coverage(folder)

        packages = [first / "workflow_scripts" / package for package in PACKAGES]
        modules = sorted(
            {path for package in packages for pattern in options.modules for path in package.glob(pattern)}
        )
        mutants = [mutant for path in modules for mutant in find_mutants(path)]
        print(f"{len(mutants)} places in {len(modules)} modules")
        random.Random(options.seed).shuffle(mutants)
        mutants = mutants[: options.n]

        log = folder / "results.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        results = {(row["mutant"], row["tier"]): row for row in rows}

        def judge(mutant: Mutant, tier: str) -> None:
            if (mutant.name, tier) in results:
                return
            if tier == "end to end":
                selected = sorted(options.end_to_end, key=lambda file: -count_mentions(mutant, file))
                selected += ["-m", f"not ({options.fast})"] if selected else []
                seconds = options.end_to_end_s
            else:
                selected, seconds = select_tests(mutant, covered, fast if tier == "fast" else slow)
            outcome, by = "survived", "no test runs it"
            if selected:
                checkout = copies.get()
                outcome, by = meet(mutant, checkout, selected, seconds)
                copies.put(checkout)
            if outcome == "out of time" and tier != "end to end":  # the unchanged code took a quarter of it
                outcome = "killed"
            row = {"mutant": mutant.name, "tier": tier, "outcome": outcome, "by": by}
            results[mutant.name, tier] = row
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{tier}, {outcome}: {mutant.name}", flush=True)

        alive = mutants
        for tier in TIERS:
            with concurrent.futures.ThreadPoolExecutor(copies.qsize()) as pool:
                list(pool.map(judge, alive, [tier] * len(alive)))
            alive = [mutant for mutant in alive if results[mutant.name, tier]["outcome"] != "killed"]

    outcomes = {}
    for mutant in sorted(mutants, key=lambda mutant: (mutant.path, mutant.line)):
        last = [results[key] for tier in TIERS if (key := (mutant.name, tier)) in results][-1]
        said = f"killed by {last['tier']}" if last["outcome"] == "killed" else last["outcome"]
        outcomes.setdefault(said, []).append(mutant.name)
        print(f"{said:22} {mutant.name[:120]}  [{last['by']}]")
    print(*(f"{said}: {len(names)} of {len(mutants)}" for said, names in sorted(outcomes.items())), sep="\n")


if __name__ == "__main__":
    main()
