"""The code that results depend on; Snakemake itself watches only the script."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[2]
LIBRARY = "perceptual_efficacy"
DATA = (".yaml", ".j2", ".js")  # that modules of a package read


class Code:
    """The syntax trees of the library and of the scripts, and what imports what; nothing is run.

    Comments, docstrings and formatting do not count. Neither does the package `job`, which every script starts with, as
    logging and the words of errors change no result; nor the library's own __init__, which only points at public names.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._library = folder / "src" / LIBRARY
        self._scripts = folder / "workflow" / "scripts"
        self._imports: dict[Path, set[Path]] = {}
        self._content: dict[Path, str] = {}
        for path in (*self._library.rglob("*.py"), *self._scripts.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            self._imports[path] = {file for name in imported(tree) for file in self._files(name)}
            self._content[path] = syntax(tree)

    def digest(self, rule: str, *modules: str) -> str:
        """Hash the modules that a rule's script imports, and what those import.

        In a rule's params it re-runs the rule when that code changes.

        Parameters
        ----------
        rule
            Its name, which is also that of its script.
        modules
            Further modules of the library, which the script chooses when it runs: paths without suffix.
        """
        script = self._scripts / f"{rule}.py"
        if script not in self._imports:
            raise ValueError(f"The rule {rule} has no script {script}; a digest of its code needs one.")
        chosen = {self._library / f"{module}.py" for module in modules}
        reached, todo = set(chosen), [script, *chosen]
        while todo:
            found = self._imports.get(todo.pop(), set()) - reached
            reached |= found
            todo += found
        digest = hashlib.sha256()
        for path in sorted(reached):
            content = self._content[path] if path in self._content else path.read_text(encoding="utf-8")
            digest.update(f"{path.relative_to(self._folder).as_posix()}\n{content}\n".encode())
        return digest.hexdigest()

    def _files(self, name: str) -> Iterator[Path]:
        """Yield the files of a module of the library and of the packages around it, with their data, or of a script."""
        first, *parts = name.split(".")
        shared = self._scripts / f"{first}.py"
        if first == LIBRARY:
            for count in range(1, len(parts) + 1):
                base = self._library.joinpath(*parts[:count])
                data = [path for suffix in DATA for path in base.glob(f"*{suffix}")]
                yield from (path for path in (base.with_suffix(".py"), base / "__init__.py", *data) if path.is_file())
        elif first != "job" and shared.is_file():
            yield shared


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the full names of modules, and of what is imported from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def syntax(tree: ast.Module) -> str:
    """Return a syntax tree as text, without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
