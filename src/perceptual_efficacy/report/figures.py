"""Figures as the page shows them, each with its caption, its numbers and the rule that made it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils.core import publish_parts
from jinja2 import StrictUndefined, Template
from PIL import Image

from perceptual_efficacy import provenance

# a caption reads no other file, and has no HTML of its own
SAFE = {"file_insertion_enabled": False, "raw_enabled": False, "report_level": 5, "initial_header_level": 3}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of the study: what the page's template asks of it."""

    title: str
    rule: str
    network: str | None  # whose figure it is; None: of all
    png: Path
    file: str  # relative to the page
    csv: str  # the numbers that it plots, likewise
    caption: str  # HTML

    @property
    def data(self) -> str:
        """The picture as an address, so that the page needs no other file: WebP without loss, half as large as PNG."""
        picture = BytesIO()
        with Image.open(self.png) as image:
            image.convert("RGB").save(picture, "WEBP", lossless=True)
        return f"data:image/webp;base64,{base64.b64encode(picture.getvalue()).decode('ascii')}"


def read(
    pngs: Sequence[str],
    results: Path,
    sections: Sequence[Mapping[str, Any]],
    captions: Mapping[str, str],
    configuration: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Sort figures into the sections of the page, in the order in which a section names them.

    Parameters
    ----------
    pngs
        Figures below the folder `results`, where their records are.
    sections
        Sections of the page, whose `figures` give titles by kind of figure: what follows `plot_` in the rule's name. A
        title may name wildcards of the rule: "{dataset}".
    captions
        Templates of captions in reStructuredText, by kind of figure, as Snakemake's own report fills them: with the
        rule's wildcards and params, and the configuration of the study.

    Raises
    ------
    ValueError
        If a figure has no record, or no section or caption is there for it.
    """
    found: dict[str, list[Figure]] = {}
    for png in pngs:
        record = provenance.read(png, results)
        if not record:
            raise ValueError(f"{png} has no record of the job that drew it. Delete it and run the study again.")
        kind = record["rule"].removeprefix("plot_")
        titles = [section["figures"][kind] for section in sections if kind in section["figures"]]
        if not titles or kind not in captions:
            raise ValueError(f"{png}: the report has no section or no caption for figures of the kind {kind!r}.")
        wildcards = record["wildcards"]
        job = {"wildcards": wildcards, "params": record["params"], "config": configuration}
        figure = Figure(
            title=titles[0].format(**wildcards),
            rule=record["rule"],
            network=wildcards.get("backbone"),
            png=Path(png),
            file=Path(png).relative_to(results).as_posix(),
            csv=Path(png).with_suffix(".csv").relative_to(results).as_posix(),
            caption=caption(captions[kind], job),
        )
        found.setdefault(kind, []).append(figure)
    return [
        {**section, "figures": [figure for kind in section["figures"] for figure in found.get(kind, [])]}
        for section in sections
    ]


def caption(template: str, job: Mapping[str, Any]) -> str:
    """Fill a caption for a job and turn it into HTML; names in it are text, whatever they contain."""
    text = Template(template, undefined=StrictUndefined).render(snakemake=SimpleNamespace(**job))
    return publish_parts(text, writer="html5", settings_overrides=SAFE)["body"]
