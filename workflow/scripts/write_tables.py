"""Write the study's tables as CSV, Markdown, LaTeX and HTML."""

from job import job

from perceptual_efficacy import io, storage, tables

with job(snakemake) as run:
    names, subjects, resolutions = run.params.networks, run.params.subjects, run.params.resolutions
    results = [io.read_table(path) for path in run.input.agreement]
    each = len(results) // len(names)
    by_network = {name: results[i * each : (i + 1) * each] for i, name in enumerate(names)}
    channels = {name: io.read_table(path) for name, path in zip(names, run.input.channels, strict=True)}
    cards = {name: storage.read_record(path) for name, path in zip(names, run.input.cards, strict=True)}
    patterns = [io.read_dataset(path) for path in run.input.patterns]
    superres = {
        (network, int(scale)): io.read_table(path)
        for (network, scale), path in zip(run.params.trained, run.input.superres, strict=True)
    }
    written = {
        "photographs": tables.photographs(io.read_table(run.input.photographs)),
        "modelfest": tables.modelfest(
            io.read_table(run.input.comparisons),
            {
                resolution: part[["number", "name", "energy_kept", "used"]].to_dataframe()
                for resolution, part in zip(resolutions, patterns, strict=True)
            },
        ),
        "channels": tables.channels(channels),
        "layers": tables.layers(
            {name: io.read_table(path) for name, path in zip(subjects, run.input.layers, strict=True)}
        ),
        "networks": tables.networks(channels, by_network, cards, run.params.claim_layers),
        "selections": tables.selections(by_network),
        "groups": tables.groups(by_network),
        "baselines": tables.baselines(by_network, run.params.layouts, run.params.published),
        "superres": tables.superres(superres, run.params.published["superres"]),
        "superres_differences": tables.superres_differences(superres),
        "inversions": tables.inversions(
            {name: io.read_table(path) for name, path in zip(run.params.inverted, run.input.inversions, strict=True)}
        ),
        "claims": tables.claims(storage.read_record(run.input.claims)["claims"]),
    }
    io.write_csv(tables.agreement(by_network), run.output.agreement)
    for name, table in written.items():
        if run.output[name]:  # nothing of what the study leaves out
            tables.write(table, *run.output[name])
