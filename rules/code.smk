"""What a rule's result depends on beside its inputs and values: the code of the library."""

import ast
import hashlib
from functools import cache
from pathlib import Path

# the folder of this study, also where it is a module of another workflow, whose folder workflow.basedir is
FOLDER = Path(getattr(workflow, "current_basedir", f"{workflow.basedir}/rules")).parent
LIBRARY = FOLDER / "src" / "perceptual_efficacy"
SCRIPTS = FOLDER / "workflow" / "scripts"


def code_digest(rule, *modules):
    """Hash the code that a rule's result depends on: the modules that its script imports, and what those import.

    Modules that the script chooses when it runs are given by their paths in the library, without suffix.

    In a rule's params it re-runs the rule when that code changes; Snakemake itself only watches the script. Comments,
    docstrings and formatting do not count: what is hashed is the syntax tree.
    """
    digest = hashlib.sha256()
    chosen = {LIBRARY / f"{module}.py" for module in modules}
    for path in sorted(chosen.union(imported_by(SCRIPTS / f"{rule}.py"), *map(imported_by, chosen))):
        digest.update(f"{path.relative_to(FOLDER).as_posix()}\n{syntax(path)}\n".encode())
    return digest.hexdigest()


@cache
def syntax(path):
    """Return the syntax tree of a file as text, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def imported_by(script):
    """Return the files that a script imports, directly or not, found without running anything."""
    found, todo = set(), library_imports(script)
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += library_imports(path)
    return found


@cache
def library_imports(path):
    """Return the files that one file imports: of the library, and what several scripts share.

    Neither the package's own __init__, which only points at public names, nor what every script starts with: logging
    and the words of errors change no result.
    """
    paths = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module != "job":
            shared = SCRIPTS / f"{node.module}.py"
            paths += [shared] if path.parent == SCRIPTS and shared.is_file() else []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == LIBRARY.name:
            parent = LIBRARY.joinpath(*node.module.split(".")[1:])
            for name in (
                *([parent] if parent != LIBRARY else []),
                *(parent / alias.name for alias in node.names),
            ):
                paths += [path for path in (name.with_suffix(".py"), name / "__init__.py") if path.is_file()]
    return paths
