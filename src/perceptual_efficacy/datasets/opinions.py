"""What data sets of opinions about distorted images share: files found by name, compared with references, counted."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from perceptual_efficacy import image_files
from perceptual_efficacy.datasets.comparisons import Picture, check_size, files, picture


class Opinion(NamedTuple):
    """An opinion about a distorted image."""

    image: Path
    reference: Path
    group: str  # kind of distortion
    judgement: float  # higher is better
    spread: float | None = None  # standard deviation
    level: int | None = None
    observers: int | None = None


def by_name(folder: Path, dataset: str) -> dict[str, Path]:
    """Return the files in a folder and below it, but for hidden ones, by their names in lower case.

    Two files of one name are a ValueError: which of them was judged is unknown.
    """
    if not folder.is_dir():
        raise ValueError(f"{dataset}: there is no folder {folder}. Give `path`, the folder that holds it.")
    found: dict[str, Path] = {}
    images, others = image_files.find(folder)
    for path in (*images, *others):
        if (other := found.setdefault(path.name.lower(), path)) != path:
            raise ValueError(
                f"{dataset}: {other} and {path} have one name, in upper or lower case; expected every name once. "
                f"Delete the file that is not part of the published data set."
            )
    return found


def needed(name: str, there: dict[str, Path], folder: Path, dataset: str) -> Path:
    """Return the file of a name; a ValueError if it is missing."""
    if name.lower() not in there:
        raise ValueError(
            f"{dataset}: there is no {name} in {folder} or below it. Give `path`, the folder that holds it."
        )
    return there[name.lower()]


def compared(opinions: Iterable[Opinion], folder: Path, dataset: str) -> Iterator[dict[str, object]]:
    """Yield the rows of opinions, after decoding every image; one of another size than its reference is a ValueError.

    What is resampled, the cluster, is the reference, by its name without suffix in lower case.
    """
    originals: dict[Path, Picture] = {}
    for opinion in opinions:
        if opinion.reference not in originals:
            originals[opinion.reference] = picture(folder, opinion.reference)
        original, shown = originals[opinion.reference], picture(folder, opinion.image)
        check_size(shown, original, folder, dataset)
        yield {
            **files(reference=original, first=shown),
            "group": opinion.group,
            "cluster": opinion.reference.stem.lower(),
            "level": opinion.level,
            "judgement": opinion.judgement,
            "spread": opinion.spread,
            "observers": opinion.observers,
        }


def check_whole(found: Collection[str], published: Collection[str], place: Path, dataset: str) -> None:
    """Raise a ValueError unless the names of the images with an opinion are those of the published data set."""
    expected = set(published)
    wrong = [
        f"it {verb} {few(sorted(part))}"
        for verb, part in (("lacks", expected.difference(found)), ("lists", set(found) - expected))
        if part
    ]
    if wrong:
        raise ValueError(
            f"{dataset}: {place}: {'; '.join(wrong)}; expected the {len(expected)} images as published. Complete it, "
            f"or set `subset: true` if a part is meant."
        )


def few(items: Sequence[str]) -> str:
    """Name the first items, and how many more there are."""
    return ", ".join(items[:3]) + (f" and {len(items) - 3} more" if len(items) > 3 else "")
