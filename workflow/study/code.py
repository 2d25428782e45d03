"""The code that results depend on, of which Snakemake itself only watches the script."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[2]
LIBRARY = "perceptual_efficacy"
DATA = ("*.yaml",)  # in a package of the library


def code_digests(folder: Path = FOLDER) -> dict[str, str]:
    """Hash, for every rule, the modules that its script imports, and what those import; found without running any.

    In a rule's params it re-runs the rule when that code changes. What is hashed is the syntax tree: comments,
    docstrings and formatting do not count. Neither does the package `job`, which every script starts with, as logging
    and the words of errors change no result; nor the library's own __init__, which only points at public names.

    Parameters
    ----------
    folder
        That of the sources.

    Returns
    -------
    Digests by the names of the rules, which are those of their scripts.
    """
    library, scripts = folder / "src" / LIBRARY, folder / "workflow" / "scripts"
    trees = {path: ast.parse(path.read_text("utf-8")) for path in [*library.rglob("*.py"), *scripts.rglob("*.py")]}
    imports = {
        path: {file for name in imported(tree) for file in files_of(name, folder)} for path, tree in trees.items()
    }
    content = {path: syntax(tree) for path, tree in trees.items()}
    digests = {}
    for script in scripts.glob("[!_]*.py"):
        reached, todo = set(), [*imports[script]]
        while todo:
            path = todo.pop()
            if path not in reached:
                reached.add(path)
                todo += imports.get(path, ())
        digest = hashlib.sha256()
        for path in sorted(reached):
            text = content[path] if path in content else path.read_text("utf-8")
            digest.update(f"{path.relative_to(folder).as_posix()}\n{text}\n".encode())
        digests[script.stem] = digest.hexdigest()
    return digests


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the full names of modules, and of what is imported from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(name: str, folder: Path) -> Iterator[Path]:
    """Yield the files of a module of the library and of the packages around it, or of what scripts share."""
    first, *parts = name.split(".")
    base = folder / "workflow" / "scripts" / first
    if first == LIBRARY:
        for count in range(1, len(parts) + 1):
            base = (folder / "src" / LIBRARY).joinpath(*parts[:count])
            yield from (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())
            yield from (path for pattern in DATA for path in base.glob(pattern))
    elif first != "job" and base.with_suffix(".py").is_file():
        yield base.with_suffix(".py")


def syntax(tree: ast.Module) -> str:
    """Return a syntax tree as text, without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
