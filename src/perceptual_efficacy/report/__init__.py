"""The study's page: its verdicts, its figures, and a channel explorer, in one file that needs nothing else."""

from perceptual_efficacy.extras import extra

with extra("pipeline"):
    import docutils  # noqa: F401 - here once for all modules of the page
    import jinja2  # noqa: F401
    import plotly  # noqa: F401
