"""Judge every claim by its rule, from the evidence of all networks."""

from job import job

from perceptual_efficacy import claims, io, storage, tables

with job(snakemake) as run:
    names = run.params.networks
    evidence = {
        (kind, name): io.read_table(path)
        for kind, networks in run.params.evidence.items()
        for name, path in zip(networks, run.input[kind], strict=True)
    }
    records = claims.evaluate(
        run.params.claims,
        evidence,
        {name: storage.read_record(path) for name, path in zip(names, run.input.cards, strict=True)},
        run.params.controls,
        run.params.layers,
    )
    storage.write_record({"claims": records, "provenance": run.provenance}, run.output.json)
    storage.write_text(tables.claims_page(records), run.output.md)
