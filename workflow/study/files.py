"""What is in a user's folder, of which Snakemake sees only the time of the folder itself."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
LEFT_BY_SYSTEMS = {"Thumbs.db", "desktop.ini"}
# read in full up to so many bytes; of larger files as many from the middle
MOST_OF_AN_IMAGE, MOST_OF_A_TABLE = 4096, 2**20


def fingerprint(folder: str) -> str:
    """Hash a folder's files: names, sizes and contents, of large files and of images only a part of the contents.

    Neither times nor hidden files count, so that a copy of the folder has the same fingerprint.
    """
    digest = hashlib.sha256()
    for path in sorted(visible_files(Path(folder))):
        size = path.stat().st_size
        most = MOST_OF_AN_IMAGE if path.suffix.lower() in IMAGES else MOST_OF_A_TABLE
        digest.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode(errors="surrogateescape"))
        with path.open("rb") as file:
            file.seek(max(0, size - most) // 2)
            digest.update(file.read(most))
    return digest.hexdigest()


def visible_files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the files of a folder and of those below it, but for hidden ones and what systems leave behind.

    Links to folders are followed, but not to one that they lie in: `above`.
    """
    above = (*above, folder.resolve())
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in LEFT_BY_SYSTEMS:
            continue
        if path.is_dir():
            if path.resolve() not in above:
                yield from visible_files(path, above)
        elif path.is_file():
            yield path
