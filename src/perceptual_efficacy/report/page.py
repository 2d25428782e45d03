"""The page itself: its template, and the code of its tables and of its channel explorer."""

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from perceptual_efficacy.tables.rendering import interval


def render(*, channels: list[dict[str, Any]], **content: Any) -> str:
    """Return the page as HTML.

    Every text is escaped but for captions, code and data, which the template calls safe; a missing value is an error.
    `channels` is what `explorer.network` returns, by network; `content` is what the template asks for, page.html.j2.
    """
    environment = Environment(
        loader=PackageLoader("perceptual_efficacy.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["interval"] = interval
    # "<" would end the element if a name had "</script" in it
    data = json.dumps(channels, allow_nan=False, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    files = resources.files("perceptual_efficacy.report")
    content |= {name: files.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in ("sorting", "exploring")}
    content |= {"networks": bool(channels), "channels": data, "plotly": get_plotlyjs()}
    return environment.get_template("page.html.j2").render(**content)
