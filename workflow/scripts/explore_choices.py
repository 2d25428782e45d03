"""Compare high with low channels on one data set under all combinations of analysis choices."""

from itertools import cycle

from job import job

from perceptual_efficacy import csf, io, judgements, multiverse
from perceptual_efficacy.scores import converged_layers
from perceptual_efficacy.vocabulary import MEAN_OF_LAYERS

ALTERNATIVES = {  # beside the study's own
    "mannos-sakrison": csf.mannos_sakrison,
    "watson-ahumada": csf.watson_ahumada,
    "barten": csf.by_name("barten", luminance=30, field_size=2),
}

with job(snakemake) as run:
    tuning = io.read_dataset(run.input.tuning)
    comparisons = io.read_table(run.input.comparisons)
    resolutions = run.params.pixels_per_degree
    cubes = [cube["distance"].assign_attrs(cube.attrs) for cube in map(io.read_dataset, run.input.distances)]
    data = dict(zip(resolutions, cycle([multiverse.Data(cube, judgements.read(comparisons, cube)) for cube in cubes])))
    channels = io.read_table(run.input.channels)
    if "csf" in channels:
        channels = channels[(channels["csf"] == run.params.variant) & (channels["pixels_per_degree"] == resolutions[0])]
    layer = run.params.layer
    # where no layer has converged, the claims are not tested
    averaged = converged_layers(channels) or list(channels["layer"].unique())
    own = {run.params.csf["model"]: csf.by_name(**run.params.csf)}
    found = multiverse.explore(
        tuning,
        data,
        {**own, **{name: curve for name, curve in ALTERNATIVES.items() if name not in own}},
        layers=averaged if layer == MEAN_OF_LAYERS else [layer],
        baseline=run.params.baseline,
        combination=run.params.combination,
        shuffles=run.params.shuffles,
        replicates=run.params.replicates,
        seed=run.params.seed,
        also_probed=dict(zip(run.params.contrasts, map(io.read_dataset, run.input.also_probed), strict=True)),
    )
    for name, table in found._asdict().items():
        io.write_table(table.assign(layer=layer), run.output[name], run.provenance)
