"""Write the exact versions that the study is installed with: envs/*.txt, and envs/*.yaml from them.

    make lock                    keeps the versions that still fit the ranges of pyproject.toml
    make lock UPGRADE=--upgrade  takes the newest

Each file names every package, direct and indirect, with the SHA-256 of its files, for Linux and macOS and for every
Python of pyproject.toml. The conda environments have the same versions: `perception` all that jobs import, so not the
workflow engine; `download` no more than downloads need.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVS = ROOT / "envs"
LOCKS = {
    "dev": ["dev"],
    "pipeline": ["pipeline"],
    "cluster": ["pipeline", "slurm"],
}  # all have the first one's versions
DOWNLOADS = ("requests", "tqdm")
ENGINE = ("snakemake", "setuptools", "uv")  # of the extra `pipeline`, not for jobs
HEAD = "# Exact versions, written by tools/lock.py (`make lock`) from the ranges in pyproject.toml; not to be edited.\n"


def compile_lock(*arguments: str, requirements: str = "") -> str:
    """Resolve requirements with uv, for all platforms at once, and return what it prints."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-package", "perceptual-efficacy"]
    command += arguments
    run = subprocess.run(command, cwd=ROOT, input=requirements, text=True, stdout=subprocess.PIPE, check=True)  # noqa: S603
    return run.stdout


def write_environment(name: str, about: str, requirements: list[str]) -> None:
    """Write a conda environment with the versions of the pipeline's lock file."""
    locked = compile_lock("-", "--constraint", "envs/pipeline.txt", requirements="\n".join(requirements))
    pins = [re.sub(r" \\\n +", " ", pin) for pin in re.split(r"\n(?=\S)", locked.strip())]
    lines = [
        f"# {about}",
        "channels: [conda-forge, nodefaults]",
        "dependencies:",
        "  - python =3.11",
        "  - pip",
        "  - pip:",
    ]
    text = HEAD + "\n".join([*lines, *(f'      - "{pin}"' for pin in pins)])
    (ENVS / f"{name}.yaml").write_text(text + "\n")


def main() -> None:
    for name, extras in LOCKS.items():
        options = [option for extra in extras for option in ("--extra", extra)]
        options += sys.argv[1:] if name == "dev" else ["--constraint", "envs/dev.txt"]
        compile_lock("pyproject.toml", "-o", f"envs/{name}.txt", *options)
        path = ENVS / f"{name}.txt"
        path.write_text(HEAD + path.read_text().removeprefix(HEAD))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = project["optional-dependencies"]
    wanted = list(project["dependencies"])
    todo = ["pipeline"]
    while todo:
        for requirement in ranges[todo.pop()]:
            if of_ours := re.match(r"perceptual-efficacy\[(.*)\]", requirement):
                todo += of_ours[1].split(",")
            elif not requirement.startswith(ENGINE):
                wanted.append(requirement)
    write_environment("perception", "All that jobs import.", sorted(set(wanted)))
    about = "What downloads and unpacks data sets: no torch, for a computer at the network's edge."
    write_environment("download", about, list(DOWNLOADS))


if __name__ == "__main__":
    main()
