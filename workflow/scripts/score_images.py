"""Enlarge the degraded test images by one method, and score the results by every metric."""

from job import job

from perceptual_efficacy import io
from perceptual_efficacy.backbones import store
from perceptual_efficacy.superres import edsr, images, metrics

with job(snakemake) as run:
    params = run.params
    scores = metrics.score_images(
        io.read_table(run.input.images),
        images.sources(params.sets, params.folders),
        [edsr.restore(path) for path in run.input.weights],
        run.output.images,
        scale=int(run.wildcards.scale),
        metrics={**metrics.METRICS, **(metrics.lpips(store.load(run.input.lpips)) if run.input.lpips else {})},
        device=run.device if params.devices else "cpu",
        progress=run.progress,
    )
    io.write_table(scores, run.output.scores, run.provenance)
