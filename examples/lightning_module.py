"""The loss in a Lightning module: the checkpoint holds the model alone, and the loss goes to its device."""

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import perceptual_efficacy as pe


class Restoration(lightning.LightningModule):
    """A small network that learns to undo noise, by L1 plus a perceptual loss."""

    def __init__(self, loss, weight=0.1):
        super().__init__()
        self.network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
        self.loss, self.weight = loss, weight

    def training_step(self, batch, _):
        degraded, target = batch
        output = degraded + self.network(degraded)
        perceptual = self.loss(output, target, reduction="mean")
        self.log("perceptual", perceptual)
        return nn.functional.l1_loss(output, target) + self.weight * perceptual

    def configure_optimizers(self):
        return torch.optim.Adam(self.network.parameters(), lr=1e-3)


def main():
    backbone = pe.load_backbone("random:alexnet", layers=["relu1", "relu2"])
    loss = pe.PerceptualMetric(backbone, validate_range=False)  # an output may leave [0, 1]
    module = Restoration(loss)
    target = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(1))
    data = DataLoader(TensorDataset((target + 0.1 * noise).clamp(0, 1), target), batch_size=4)
    silent = dict.fromkeys(["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False)
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", **silent)
    trainer.fit(module, data)
    print(f"perceptual loss {trainer.callback_metrics['perceptual']:.4f}")
    print(f"the checkpoint holds {', '.join(module.state_dict())}")


if __name__ == "__main__":
    main()
