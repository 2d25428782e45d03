"""Say of every stimulus of a table of thresholds how a display would show it, or why it is left out."""

from pathlib import Path

from job import job

from perceptual_efficacy import io, patches
from perceptual_efficacy.datasets import castlecsf

with job(snakemake) as run:
    stated = run.params.stated
    file = Path(run.input.folder) / stated.get("table", castlecsf.PUBLISHED_NAME)
    stimuli = patches.on_display(
        castlecsf.stimuli(file, subset=stated["subset"]),
        white=run.params.white,
        field=run.params.field,
        pixels_per_degree=run.params.pixels_per_degree,
    )
    if not (stimuli["shown"] == patches.SHOWN).any():
        raise ValueError(
            f"{file}: of its {len(stimuli)} stimuli none is left: {stimuli['shown'].value_counts().to_dict()}."
        )
    io.write_table(stimuli.assign(dataset=run.wildcards.dataset), run.output.stimuli, run.provenance)
    run.log.info("%s", stimuli["shown"].value_counts().to_dict())
