"""The table of keys in config/README.md, from the schema: `PYTHONPATH=workflow python -m study.page` writes it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from study.schema import allowed, read_schema

PAGE = Path(__file__).parents[2] / "config" / "README.md"
LONGEST = 20  # characters of a default; a longer one stands in config.yaml
BEGIN, END = "<!-- keys: written by workflow/study/page.py from the schema -->", "<!-- end of keys -->"


def rows(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a row of the table for every key, those of mappings and of the entries of lists below their own."""
    for key, entry in node["properties"].items():
        inner = entry.get("items", {})
        if entry.get("type") == "object" and "properties" in entry:
            yield from rows(entry, f"{prefix}{key}.")
            continue
        default = "required" if key in node.get("required", ()) else "–"
        if "default" in entry:
            text = entry["default"] if isinstance(entry["default"], str) else json.dumps(entry["default"])
            default = f"`{text}`" if len(text) <= LONGEST else "see `config.yaml`"
        cells = (f"`{prefix}{key}`", default, allowed(entry), entry["description"])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        if "properties" in entry:
            yield from rows(entry, f"{prefix}{key}.")
        if "properties" in inner:
            yield from rows(inner, f"{prefix}{key}[].")


def page(text: str) -> str:
    """Return a page with the table between its two marks."""
    table = ["| key | default | allowed | meaning |", "| --- | --- | --- | --- |", *rows(read_schema())]
    lines = "\n".join([BEGIN, *table, END])
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: lines, text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
