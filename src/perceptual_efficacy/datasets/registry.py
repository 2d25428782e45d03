"""The layouts in which data sets of judged images are stored: one entry each.

A new layout is a module that reads its files, and an entry here. The study, which does not import the library, lists
the names of layouts in its schema, and in `study.configuration` those of graded ladders (`GRADED`), those that are a
table of one's own (`TABLES`) and those of stimuli that are drawn (`DRAWN`); tests compare all with the entries. Entries
import a module when it is needed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceptual_efficacy.vocabulary import (
    CONSTRUCTION,
    EVERYTHING,
    OPINIONS,
    PEOPLE,
    SAME_OR_DIFFERENT,
    THRESHOLDS,
    TWO_ALTERNATIVES,
)

if TYPE_CHECKING:
    import pandas as pd

Rows = Iterable[Mapping[str, object]]


@dataclass(frozen=True)
class Stated:
    """What the configuration says of a data set, beyond its folder.

    judged_by
        "people", or "construction" for a ladder of distortions.
    subset
        Whether parts of the published data set may be missing or others added.
    table
        Name of the file in the folder, of a layout that is one file.
    higher_is, scale
        Of the opinions in a table: "better" or "worse", and the lowest and the highest one.
    """

    judged_by: str = PEOPLE
    subset: bool = False
    table: str | None = None
    higher_is: str = "better"
    scale: Sequence[float] | None = None


@dataclass(frozen=True)
class Layout:
    """How the images and judgements of a data set are stored."""

    name: str  # in the configuration
    judgement_type: str  # what was asked: a key of `judgements.KINDS`
    unit: str  # of a judgement
    # function that returns the rows for `comparisons.table` and refuses an incomplete data set unless `subset`
    rows: Callable[[Path, Stated], Rows]
    # function of photographs, folder, size and seed that writes a ladder of distortions in this layout, if there is one
    ladder: Callable[[Mapping[str, Any], str | Path, int, int], None] | None = None
    shown_at: int | None = None  # width and height in pixels for observers and networks; None for the images' own size
    is_table: bool = False  # whether it is a table of one's own
    is_drawn: bool = False  # whether its stimuli are drawn, not image files

    def read(self, folder: str | Path, *, dataset: str, **stated: Any) -> "pd.DataFrame":
        """Read a data set, and check that every image is there and can be decoded.

        Parameters
        ----------
        folder, dataset
            Where the data set lies, and its name for the table.
        **stated
            Fields of `Stated`.

        Returns
        -------
        One row per comparison with the columns `comparisons.COLUMNS`.

        Raises
        ------
        ValueError
            If a file is missing or cannot be read, a judgement is not valid, there is no comparison or one lacks
            something, or a group is called "all".
        """
        from perceptual_efficacy.datasets import comparisons

        known = Stated(**stated)
        about = {"dataset": dataset, "judged_by": known.judged_by, "judgement_type": self.judgement_type}
        rows = self.rows(Path(folder), known)
        table = comparisons.table(rows, **about, unit=self.unit, shown_at=self.shown_at)
        if lacking := [name for name in comparisons.NEEDED if table[name].isna().any()]:
            raise ValueError(f"{folder}: comparisons in the layout {self.name} lack {', '.join(lacking)}.")
        if table.empty:
            raise ValueError(f"{folder}: there are no comparisons; expected at least one.")
        if (table["group"] == EVERYTHING).any():
            raise ValueError(
                f"{folder}: a group of comparisons is called {EVERYTHING!r}, which stands for all of them. Rename it."
            )
        return table

    def write_ladder(self, photographs: Mapping[str, Any], folder: str | Path, size: int, seed: int) -> None:
        """Write photographs distorted step by step in this layout, `size` pixels wide unless it has a size of its own.

        A layout without a ladder is a ValueError.
        """
        if self.ladder is None:
            raise ValueError(f"There is no ladder in the layout {self.name}. Give the data set another `source`.")
        self.ladder(photographs, folder, self.shown_at or size, seed)


def _tid2013(folder: Path, stated: Stated) -> Rows:
    from perceptual_efficacy.datasets import ladder, tid2013

    names = ladder.TYPES if stated.judged_by == CONSTRUCTION else tid2013.TYPES
    return tid2013.opinions(folder, names=names, subset=stated.subset)


def _published(module: str, *arguments: str) -> Callable[[Path, Stated], Rows]:
    def read(folder: Path, stated: Stated) -> Rows:
        reader = import_module(f"perceptual_efficacy.datasets.{module}")
        rows: Rows = reader.rows(folder, *arguments, subset=stated.subset)
        return rows

    return read


def _own_table(**images: str) -> Callable[[Path, Stated], Rows]:
    def read(folder: Path, stated: Stated) -> Rows:
        from perceptual_efficacy.datasets import own_table

        low, high = stated.scale or (0, 1)
        is_better = stated.higher_is == "better"
        path = folder / (stated.table or "")
        return own_table.rows(path, images, scale=(low, high), higher_is_better=is_better)

    return read


def _castlecsf(folder: Path, stated: Stated) -> Rows:
    from perceptual_efficacy.datasets import castlecsf

    table = castlecsf.stimuli(folder / (stated.table or castlecsf.PUBLISHED_NAME), subset=stated.subset)
    found = table[["spread", "observers"]].assign(
        group=table["study"], cluster=table["name"], reference="background", first=table["name"]
    )
    return found.assign(judgement=table["threshold"]).to_dict("records")  # type: ignore[return-value]


def _ladder(function: str) -> Callable[[Mapping[str, Any], str | Path, int, int], None]:
    def write(photographs: Mapping[str, Any], folder: str | Path, size: int, seed: int) -> None:
        from perceptual_efficacy.datasets import ladder

        getattr(ladder, function)(photographs, folder, size=size, seed=seed)

    return write


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            name="bapps_2afc",
            judgement_type=TWO_ALTERNATIVES,
            unit="share preferring the second",
            rows=_published("bapps", "2afc"),
            ladder=_ladder("choices"),
            shown_at=64,
        ),
        Layout(
            name="bapps_jnd",
            judgement_type=SAME_OR_DIFFERENT,
            unit="share saying same",
            rows=_published("bapps", "jnd"),
            ladder=_ladder("same"),
            shown_at=64,
        ),
        Layout(
            name="tid2013",
            judgement_type=OPINIONS,
            unit="mean opinion score, 0 to 9, higher is better",
            rows=_tid2013,
            ladder=_ladder("opinions"),
        ),
        *(
            Layout(name=name, judgement_type=OPINIONS, unit=unit, rows=_published(name))
            for name, unit in {
                "kadid10k": "mean opinion, 1 to 5, higher is better",
                "pipal": "Elo's rating, higher is better",
                "csiq": "minus the difference of mean opinions (DMOS), higher is better",
                "live": "minus the realigned difference of mean opinions (DMOS), higher is better",
            }.items()
        ),
        Layout(
            name="castlecsf",
            judgement_type=THRESHOLDS,
            unit="log10 threshold cone contrast",
            rows=_castlecsf,
            is_drawn=True,
        ),
        Layout(
            name="opinions",
            judgement_type=OPINIONS,
            unit="mean opinion, higher is better",
            rows=_own_table(reference="reference", first="image"),
            is_table=True,
        ),
        Layout(
            name="choices",
            judgement_type=TWO_ALTERNATIVES,
            unit="share preferring the second",
            rows=_own_table(reference="reference", first="first", second="second"),
            is_table=True,
        ),
        Layout(
            name="same_different",
            judgement_type=SAME_OR_DIFFERENT,
            unit="share saying same",
            rows=_own_table(reference="reference", first="image"),
            is_table=True,
        ),
    )
}
