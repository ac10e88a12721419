"""A digest of the code that a rule runs: its script and every library file that the script imports.

Snakemake watches a rule's script file and its time, not what the script imports: an edited library would go
unnoticed, and a mere checkout, which sets new times, would run everything again. So each rule carries this digest as
a param. It is taken of the syntax tree without docstrings, in which comments do not occur either.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from score_extrapolation.plugins import module_of

SCRIPTS = Path(__file__).parents[1]
# It only says where the public names are, which no script takes from it: a new one is no reason to train again.
PUBLIC_NAMES = SCRIPTS / "score_extrapolation" / "__init__.py"


@cache
def code_digest(script: str, *methods: tuple[str, str]) -> str:
    """Return the digest of a script, the library files it imports, directly or not, and the methods it loads by name.

    Parameters
    ----------
    script : str
        File in this folder.
    *methods : (kind, name)
        The plugins that this job loads, such as ``("scores", "du")``.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    combined = hashlib.sha256()
    for path in code_files(script, *methods):
        combined.update(f"{path.relative_to(SCRIPTS)} {_file_digest(path)}\n".encode())
    return combined.hexdigest()[:16]


@cache
def code_files(script: str, *methods: tuple[str, str]) -> tuple[Path, ...]:
    """Return the files that `code_digest` covers, sorted."""
    found: set[Path] = set()
    queue = [SCRIPTS / script]
    for kind, name in methods:
        queue += _module_files(module_of_method(kind, name))
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue += imported_files(path)
    return tuple(sorted(found - {PUBLIC_NAMES}))


def module_of_method(kind: str, name: str) -> str:
    """Return the name by which Python imports a method of the library, or a table or figure, of the kind ``study``."""
    return f"pruning_workflow.study.{name}" if kind == "study" else module_of(kind, name)


@cache
def _syntax_tree(path: Path) -> ast.Module:
    """Return the tree without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in _statements(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all statements within it, however deep; not what these consist of, which is most of a tree."""
    yield node
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, block, ()):
            yield from _statements(inner)


@cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(ast.dump(_syntax_tree(path)).encode()).hexdigest()


@cache
def imported_files(path: Path) -> tuple[Path, ...]:
    """Return our own files that a file imports, inside functions too."""
    files: list[Path] = []
    for module in _imported_modules(path):
        files += _module_files(module)
    return tuple(files)


def _imported_modules(path: Path) -> Iterator[str]:
    package = path.relative_to(SCRIPTS).with_suffix("").parts[:-1]
    for node in _statements(_syntax_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            anchor = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*anchor, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _module_files(module: str) -> list[Path]:
    """Return the files that importing a module of ours runs: its packages' and its own; none for foreign modules."""
    files: list[Path] = []
    folder = SCRIPTS
    for part in module.split("."):
        if (folder / f"{part}.py").is_file():
            return [*files, folder / f"{part}.py"]
        folder = folder / part
        if not (folder / "__init__.py").is_file():
            return files
        files.append(folder / "__init__.py")
    return files
