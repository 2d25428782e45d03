"""How the site is built: `make site`. It needs no network, and a warning is an error."""

import importlib.metadata
import inspect
from pathlib import Path
from typing import Any

from docutils.nodes import Element, SkipNode
from latex2mathml.converter import convert

project = "Perceptual efficacy"
author = "The perceptual-efficacy authors"
version = release = importlib.metadata.version("perceptual-efficacy")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx_design"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
default_role = "py:obj"
autosummary_generate = False
numpydoc_show_class_members = False
# types stand in the signatures, and a docstring begins at the quotes and may do without examples and further reading
numpydoc_validation_checks = {"all", "ES01", "EX01", "EX03", "GL01", "GL02", "PR04", "PR08", "RT02", "RT03", "SA01"}
numpydoc_validation_exclude = {r"perceptual_efficacy\.csf\.", r"stimuli\.Gratings$"}  # one sentence says it all

html_theme = "pydata_sphinx_theme"
html_title = project
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# pages without pages below them
html_sidebars: dict[str, list[str]] = {page: [] for page in ("quickstart", "tutorial", "api", "cli", "changes")}
html_copy_source = False
html_show_copyright = False


def lead_to_the_configuration(_app: Any, name: Any, source: list[str]) -> None:
    """Turn links to config/README.md, which readers of the repository follow, into links to that page of the site."""
    depth = str(name).count("/") if "/" in str(name) and not Path(str(name)).is_absolute() else 0
    source[0] = source[0].replace(f"{'../' * (depth + 1)}config/README.md", f"{'../' * depth}configuration.md")


def lead_into_the_site(_app: Any, _path: Path, _parent: str, source: list[str]) -> None:
    """Turn links of the included config/README.md to pages of docs/ into links to pages of the site."""
    source[0] = source[0].replace("](../docs/", "](")


def name_what_is_returned(_app: Any, _what: str, _name: str, found: Any, _options: Any, lines: list[str]) -> None:
    """Put the annotation before the prose of a Returns section, where numpydoc expects a type."""
    for at, line in enumerate(lines[:-1]):
        if line == "Returns" and set(lines[at + 1]) == {"-"} and callable(found):
            until = next((end for end in range(at + 3, len(lines)) if not lines[end]), len(lines))
            annotation = str(inspect.signature(found).return_annotation).replace("typing.", "")
            prose = [f"    {text}" for text in lines[at + 2 : until]]
            lines[at + 2 : until] = [annotation.removeprefix("<class '").removesuffix("'>"), *prose]
            break


def write_formula(writer: Any, node: Element) -> None:
    """Write a formula as MathML, which every browser shows without a script from elsewhere."""
    writer.body.append(convert(node.astext(), display="block" if node.tagname == "math_block" else "inline"))
    raise SkipNode


def setup(app: Any) -> None:
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("autodoc-process-docstring", name_what_is_returned, priority=400)  # before numpydoc
    app.connect("source-read", lead_to_the_configuration)
    app.connect("include-read", lead_into_the_site)
