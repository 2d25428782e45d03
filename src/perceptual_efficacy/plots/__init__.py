"""The study's figures, one module each: `table` builds the data that a figure shows, `draw` draws from it alone.

What holds for all of them:

- The arguments of a `table` are what the library returns: `channels` comes from `scores.score_channels`, `curves` from
  `scores.tuning_curves`, `agreement` from `agreement.compare_selections`, with the column `judged_by`. Those of several
  networks or data sets are concatenated.
- `layer` is the layer to show; one that the table lacks is a ValueError.
- `scores` of super-resolution have network and weights (missing where a loss uses no channels), loss, selection
  ("none", "all", "high", "low", "random", and the references "bicubic" and "start"), draw (the number of a random
  half), seed, dataset, image, file, measure (PSNR-Y in dB, MDSI and others), value and higher_is_better.
- "The network" and "the columns of its identity" are those of `vocabulary.OF_NETWORK` and `vocabulary.IDENTITY` that
  apply. mu1, mu2 and PE are dimensionless.
- `draw` takes what `table` returns, or the same read from its CSV.
"""

from perceptual_efficacy.extras import extra

with extra("plots"):
    import matplotlib  # noqa: F401 - here once for all figures
    import textalloc  # noqa: F401
