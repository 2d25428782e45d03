"""Plot how well channels of high and low PE agree with people, network by network."""

from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import networks, style

with job(snakemake) as run:
    names = run.params.networks
    results = [io.read_table(path) for path in run.input.agreement]
    each = len(results) // len(names)
    table = networks.table(
        {name: results[i * each : (i + 1) * each] for i, name in enumerate(names)},
        {name: storage.read_record(path) for name, path in zip(names, run.input.cards, strict=True)},
        run.params.layers,
    )
    style.save(networks.draw(table), table, **run.output)
