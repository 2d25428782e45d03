"""The distance of two batches of images by a selection of channels: a metric to report, and a loss to train with."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from perceptual_efficacy.backbones.network import Backbone
from perceptual_efficacy.distances import selection_distance
from perceptual_efficacy.probing import probe
from perceptual_efficacy.scores import score_channels, select_channels
from perceptual_efficacy.stimuli import gratings
from perceptual_efficacy.vocabulary import ALL, HIGH, LOW, SCORED

EXPECTED = "None, 'all', 'high', 'low', a table, or an existing .csv or .parquet file"

Selection = str | os.PathLike[str] | pd.DataFrame | None


class PerceptualMetric(nn.Module):
    """Distance of images by chosen channels: sum over layers and channels of the squared difference.

    The activations of a layer are divided at each position by their length over all its channels; the squared
    differences of the chosen ones are added and averaged over positions. All channels of LPIPS's layers give LPIPS's
    uncalibrated distance, its published weights (`lpips.lpips_weights`) LPIPS itself.

    Parameters
    ----------
    backbone
        The network. It stays in evaluation mode and its weights get no gradient.
    selection
        Which channels count: None or "all"; "high" or "low", the upper or lower half of each layer by perceptual
        efficacy, for which the backbone is probed now (some seconds to minutes); a table with the columns `layer` and
        `channel`, and optionally `weight` (at least 0; 1 unless given); or a `.csv` or `.parquet` file of one.
    validate_range
        Whether to refuse images with values outside [0, 1]. Switch it off for the output of a network in training.

    Raises
    ------
    ValueError
        If the selection names a channel that the backbone lacks, one twice, or none.

    References
    ----------
    Zhang, Isola, Efros, Shechtman, Wang: The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR
    2018.

    Examples
    --------
    >>> import torch, perceptual_efficacy as pe
    >>> metric = pe.PerceptualMetric(pe.load_backbone("random:alexnet", layers="lpips"))
    >>> image = torch.rand(2, 3, 64, 64)
    >>> metric(image, image)
    tensor([0., 0.])
    """

    higher_is_better = False

    def __init__(self, backbone: Backbone, selection: Selection = None, *, validate_range: bool = True) -> None:
        super().__init__()
        self.backbone = backbone
        self.validate_range = validate_range
        device = next((weight.device for weight in backbone.parameters()), None)
        self._weighted: list[str] = []
        for layer, weight in channel_weights(backbone, selection).items():
            if weight.any():
                self._weighted.append(layer)
                self.register_buffer(f"weight_{len(self._weighted) - 1}", weight.to(device), persistent=False)

    def forward(self, images: Tensor, references: Tensor) -> Tensor:
        """Return the distance of each image to its reference, shape (N,); lower is better.

        Parameters
        ----------
        images, references
            (N, 3, H, W), display code values in [0, 1], of one size.

        Raises
        ------
        ValueError
            If the batches are not of one shape (N, 3, H, W), a value is out of range or not finite (unless
            `validate_range` is off), or the images are too small for the network.
        """
        self._check(images, references)
        theirs = self.backbone.activations(references)

        def reference_of(layer: str) -> Tensor:
            with torch.set_grad_enabled(torch.is_grad_enabled() and references.requires_grad):
                return next(activation for name, activation in theirs if name == layer)

        return self._distance(images, reference_of)

    def against(self, references: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the distance to these references as a function of images, for many images and few references.

        The references' activations are computed once and kept. They get no gradient. The function takes, returns and
        raises what `forward` does.
        """
        self._check(references, references)
        kept: dict[str, Tensor] = {}
        with torch.no_grad():
            for layer, activation in self.backbone.activations(references):
                if layer in self._weighted:
                    kept[layer] = activation
                if len(kept) == len(self._weighted):
                    break

        def distance(images: Tensor) -> Tensor:
            self._check(images, references)
            return self._distance(images, kept.__getitem__)

        return distance

    def _distance(self, images: Tensor, reference_of: Callable[[str], Tensor]) -> Tensor:
        """Sum the distances by layer; what is left of the network after the last of them does not run."""
        weights = {layer: self.get_buffer(f"weight_{number}") for number, layer in enumerate(self._weighted)}
        total = images.new_zeros(len(images), dtype=torch.float32)
        for layer, activation in self.backbone.activations(images):
            if layer in weights:
                weight = weights.pop(layer).to(activation)
                total = total + selection_distance(activation, reference_of(layer), weight)
            if not weights:
                break
        return total

    def _check(self, images: Tensor, references: Tensor) -> None:
        for name, batch in (("images", images), ("references", references)):
            if not isinstance(batch, Tensor) or not batch.is_floating_point():
                found = batch.dtype if isinstance(batch, Tensor) else type(batch).__name__
                raise ValueError(f"{name} are {found}; expected a tensor of floating-point numbers in [0, 1].")
            if batch.ndim != 4 or batch.shape[1] != 3:
                is_grey = batch.ndim == 4 and batch.shape[1] == 1
                hint = " Repeat a grey channel: x.expand(-1, 3, -1, -1)." if is_grey else ""
                raise ValueError(f"{name} have shape {tuple(batch.shape)}; expected (N, 3, height, width).{hint}")
            if not batch.numel():
                raise ValueError(f"{name} have shape {tuple(batch.shape)}: there is nothing to compare.")
            if not self.validate_range:
                continue
            # not-a-number in an image makes both NaN
            low, high = (value.item() for value in torch.aminmax(batch.detach()))
            if not 0 <= low <= high <= 1:
                raise ValueError(
                    f"{name} lie in [{low:.6g}, {high:.6g}]; expected values in [0, 1].{_remedy(low, high)}"
                )
        if images.shape != references.shape:
            raise ValueError(
                f"images have shape {tuple(images.shape)}, references {tuple(references.shape)}; they must be equal."
            )

    def extra_repr(self) -> str:
        chosen = sum(int(self.get_buffer(f"weight_{i}").count_nonzero()) for i in range(len(self._weighted)))
        return f"channels={chosen} of {sum(self.backbone.layers.values())}, layers={self._weighted}"


def _remedy(low: float, high: float) -> str:
    if not -float("inf") < low <= high < float("inf"):
        return " They hold NaN or infinity."
    if low >= 0 and 1.5 < high <= 255:
        return " Divide images of 0 to 255 by 255."
    training = "for the output of a network in training set validate_range=False."
    if -1 <= low < 0 and high <= 1:
        return f" Map images of -1 to 1 by (x + 1) / 2; {training}"
    return f" Clip them, or {training}"


def channel_weights(backbone: Backbone, selection: Selection) -> dict[str, Tensor]:
    """Return the weight of every channel, shape (channels,), by layer; see `PerceptualMetric` for `selection`."""
    layers = backbone.layers
    if selection is None or (isinstance(selection, str) and selection == ALL):
        return {layer: torch.ones(channels) for layer, channels in layers.items()}
    if isinstance(selection, str) and selection in (HIGH, LOW):
        return channel_weights(backbone, select_channels(score_channels(probe(backbone, gratings())), selection))
    if not isinstance(selection, str | os.PathLike | pd.DataFrame):
        raise ValueError(f"selection is a {type(selection).__name__}; expected {EXPECTED}.")
    table = selection if isinstance(selection, pd.DataFrame) else _read(selection)
    if lacking := {"layer", "channel"} - set(table.columns):
        raise ValueError(f"The selection lacks the columns {sorted(lacking)}; it has {list(table.columns)}.")
    if "status" in table and (table["status"] != SCORED).any():
        raise ValueError(
            "The selection is a table of scores, of all channels: choose some of them with select_channels (or "
            "`perceptual-efficacy select`), or give None for all."
        )
    if table.empty:
        raise ValueError("The selection has no channel; half of a layer needs at least two scored channels in it.")
    table = table[["layer", "channel"]].assign(weight=table.get("weight", 1.0))
    for layer, channel in zip(table["layer"], table["channel"], strict=True):
        if channel not in range(layers.get(layer, 0)):
            held = ", ".join(f"{layer} (0 to {channels - 1})" for layer, channels in layers.items())
            raise ValueError(f"The selection has channel {channel} of {layer!r}; the backbone has {held}.")
    for twice in table[table.duplicated(["layer", "channel"])].to_dict("records"):
        raise ValueError(f"The selection has channel {twice['channel']} of {twice['layer']!r} twice.")
    weight = pd.to_numeric(table["weight"], errors="coerce")
    if not ((weight >= 0) & (weight < float("inf"))).all() or not weight.any():
        raise ValueError("The selection's weights must be finite, at least 0, and one of them above 0.")
    weights = {layer: torch.zeros(channels) for layer, channels in layers.items()}
    for layer, rows in table.assign(weight=weight).astype({"channel": int}).groupby("layer"):
        weights[str(layer)][rows["channel"].tolist()] = torch.tensor(rows["weight"].tolist(), dtype=torch.float32)
    return weights


def _read(path: str | os.PathLike[str]) -> pd.DataFrame:
    file = Path(path)
    if file.suffix not in {".csv", ".parquet"} or not file.is_file():
        raise ValueError(f"selection is {os.fspath(path)!r}; expected {EXPECTED}.")
    try:
        return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (ValueError, OSError) as error:
        raise ValueError(f"{file} is not a table: {str(error).splitlines()[0]}") from error
