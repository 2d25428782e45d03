"""The mean distance over a test set as a `torchmetrics.Metric`, also over several processes."""

import torch
from torchmetrics import Metric

import perceptual_efficacy as pe


class PerceptualDistance(Metric):
    """Mean distance of all images to their references; lower is better."""

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 0.0

    def __init__(self, metric, **options):
        super().__init__(**options)
        self.metric = metric
        # what torchmetrics adds up over processes
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, images, references):
        self.total += self.metric(images, references, reduction="sum")
        self.count += len(images)

    def compute(self):
        return self.total / self.count


def main():
    metric = pe.PerceptualMetric(pe.load_backbone("random:alexnet", layers="lpips"))
    distance = PerceptualDistance(metric)
    batches = torch.rand(3, 2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for images, references in batches:
            distance.update(images, references)
        print(distance.compute())
        whole = metric(batches[:, 0].flatten(0, 1), batches[:, 1].flatten(0, 1), reduction="mean")
    torch.testing.assert_close(distance.compute(), whole)


if __name__ == "__main__":
    main()
