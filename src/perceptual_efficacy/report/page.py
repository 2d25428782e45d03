"""The page itself: its template, and the code of its tables and of its channel explorer."""

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from perceptual_efficacy.tables.rendering import interval


def render(*, channels: list[dict[str, Any]], **content: Any) -> str:
    """Return the page as HTML.

    Every text is escaped unless it is `Markup`; a missing value is an error. `channels` is what `explorer.network`
    returns, by network; `content` is what the template asks for, page.html.j2.
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
    code = {name: files.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in ("sorting", "exploring")}
    trusted = {"plotly": get_plotlyjs(), "channels": data, **code}
    content |= {name: Markup(text) for name, text in trusted.items()}  # noqa: S704 - ours, Plotly's, and JSON
    return environment.get_template("page.html.j2").render(networks=bool(channels), **content)
