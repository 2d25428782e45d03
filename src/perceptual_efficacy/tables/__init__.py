"""The study's tables, one module each: `table` builds tidy numbers, `render` shows them as people read them.

The arguments of a `table` are what the library returns, of any number of networks, concatenated: `channels` comes from
`scores.score_channels`; `layers` from `scores.compare_layers`; `agreement` from `agreement.compare_selections` and
`agreement.compare_single_channels`, of any number of data sets, with `dataset`, `judged_by` and, for ModelFest,
`pixels_per_degree`; `inversions` from `paired.compare_layers`, with `network`; `losses` from
`paired.compare_test_sets`, of any number of scales, with `scale` and `network` (whose channels the losses use). Others
come from `datasets`.
"""
