"""The distance of two batches of images by a selection of channels: a metric to report, and a loss to train with."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from operator import add
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from perceptual_efficacy.backbones.network import Backbone, check_backbone
from perceptual_efficacy.distances import weighted_differences
from perceptual_efficacy.selections import Selection, channel_weights

ROUNDING = 1e-5  # beyond 0 and 1: a four-hundredth of a step of 8-bit images, and more than resizing white leaves

Distance = Tensor | dict[str, Tensor]
Reduction = Literal["none", "mean", "sum"]
REDUCTIONS = ("none", "mean", "sum")


class PerceptualMetric(nn.Module):
    """Perceptual distance between images, measured on chosen channels of a network.

    The activations of a layer are divided at each position by their length over all its channels; the squared
    differences of the chosen ones are added over channels and layers and averaged over positions. All channels of
    LPIPS's layers give LPIPS's uncalibrated distance, its published weights (`lpips.lpips_weights`) LPIPS itself.

    The metric is a module without parameters, buffers or state: its network appears in nothing that a model that holds
    it saves or trains, and stays frozen and in evaluation mode. It moves with the model, and so does the backbone that
    it was given. Distances are computed in float32, or in float64 where the network is, also
    under autocast, which the network itself obeys.

    Parameters
    ----------
    backbone
        The network. It is used, not copied.
    selection
        Which channels count: None or "all"; "high" or "low", the upper or lower half of each layer by perceptual
        efficacy, for which the backbone is probed now (some seconds to minutes); a table with the columns `layer` and
        `channel`, and optionally `weight` (at least 0; 1 unless given); a `.csv` or `.parquet` file of one; or a
        `.safetensors` file of `save_selection`, which is for this network with these weights alone.
    validate_range
        Whether to refuse images with values outside [0, 1], rounding aside. Switch it off for the output of a network
        in training, inside `torch.vmap`, or to save a GPU one synchronisation for each batch of images and of
        references. A compiled or exported metric does not check.

    Raises
    ------
    ValueError
        If the selection is empty, names a channel twice or one that the backbone lacks, or was made for other weights.

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
        check_backbone(backbone)
        self.validate_range = validate_range
        # in a tuple and a mapping, where nn.Module registers nothing: they are no part of a model that holds the metric
        self._held = (backbone,)
        self._weights = {
            layer: weight for layer, weight in channel_weights(backbone, selection).items() if weight.any()
        }
        self._follow()

    @property
    def backbone(self) -> Backbone:
        """The network that measures."""
        return self._held[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PerceptualMetric":
        """Move or convert the network with the model that holds the metric: `to`, `cuda` and `double` end here."""
        super()._apply(fn, recurse)
        self.backbone._apply(fn, recurse)
        self._follow()
        return self

    def _follow(self) -> None:
        """Keep the weights where the network is, in full precision."""
        self._weights = {layer: weight.to(self.backbone.mean.device) for layer, weight in self._weights.items()}

    def forward(
        self,
        images: Tensor,
        references: Tensor,
        *,
        spatial: bool = False,
        per_layer: bool = False,
        reduction: Reduction = "none",
    ) -> Distance:
        """Return the distance of each image to its reference; lower is better.

        Parameters
        ----------
        images
            (N, 3, H, W), display code values in [0, 1].
        references
            Of the same shape, or (1, 3, H, W): one reference for all images. They get a gradient if they ask for it.
        spatial
            Return a map of the image's size, (N, H, W), instead of its mean: each layer's is enlarged by bilinear
            interpolation, as LPIPS does. The map's mean is close to the distance, but not equal.
        per_layer
            Return a mapping of each layer's name to its share; the shares add up to the distance.
        reduction
            "mean" or "sum" over the images; "none" keeps them apart.

        Returns
        -------
        Distances, shape (N,) unless reduced; with `spatial` (N, H, W), or reduced (H, W); with `per_layer` a dict of
        them.

        Raises
        ------
        ValueError
            If the batches are not as above, a value is out of range or not finite (unless `validate_range` is off),
            they lie on another device than the metric, the images are too small for the network, or the reduction is
            unknown.
        """
        self._check(images, references)
        with_gradient = torch.is_grad_enabled() and references.requires_grad
        if torch.compiler.is_compiling():  # it keeps what it needs, all at once
            with torch.set_grad_enabled(with_gradient):
                kept = self.backbone(references)
            return self._distance(images, kept.__getitem__, spatial, per_layer, reduction)
        theirs = self.backbone.activations(references)

        def reference_of(layer: str) -> Tensor:
            with torch.set_grad_enabled(with_gradient):
                return next(activation for name, activation in theirs if name == layer)

        return self._distance(images, reference_of, spatial, per_layer, reduction)

    def against(self, references: Tensor) -> Callable[..., Any]:
        """Return the distance to these references as a function of images, for many images and few references.

        The references' activations are computed once and kept.

        Parameters
        ----------
        references
            As for `forward`. They get no gradient.

        Returns
        -------
        A function of images and the options of `forward`, which returns and raises what that does.
        """
        self._check(references, references)
        kept: dict[str, Tensor] = {}
        with torch.no_grad():
            for layer, activation in self.backbone.activations(references):
                if layer in self._weights:
                    kept[layer] = activation
                if len(kept) == len(self._weights):
                    break

        def distance(
            images: Tensor, *, spatial: bool = False, per_layer: bool = False, reduction: Reduction = "none"
        ) -> Distance:
            self._check(images, references)
            return self._distance(images, kept.__getitem__, spatial, per_layer, reduction)

        return distance

    @torch.no_grad()
    def tiled(self, images: Tensor, references: Tensor, *, size: int = 512) -> Tensor:
        """Return the distance of images whose activations do not fit in memory: tile by tile, without gradient.

        Each tile is shown with a margin as wide as the largest receptive field, so that the sum over tiles is the
        distance of the whole but for rounding. The margins cost time: choose tiles several times as large.

        Parameters
        ----------
        images, references
            As for `forward`.
        size
            Width and height of a tile in pixels, without its margin; rounded up to whole steps of the deepest layer.

        Returns
        -------
        Distances, shape (N,).

        Raises
        ------
        ValueError
            As `forward` does; also if the size is below 1, or a unit sees more than its receptive field, as with
            attention or squeeze and excitation.
        """
        if size < 1:
            raise ValueError(f"size is {size}; a tile has at least one pixel.")
        self._check(images, references)
        self.backbone.check_local()
        steps = self.backbone.steps
        whole = math.lcm(*steps.values())  # a tile that begins after whole steps has its units where the image has them
        side, margin = (math.ceil(n / whole) * whole for n in (size, max(self.backbone.receptive_fields.values())))
        sums: dict[str, Tensor] = {}
        counts = dict.fromkeys(self._weights, 0)
        rows, columns = (list(_tiles(length, side, margin)) for length in images.shape[-2:])
        for row, column in product(rows, columns):
            theirs = dict(self.backbone.activations(references[..., row.shown, column.shown]))
            for layer, activation in self.backbone.activations(images[..., row.shown, column.shown]):
                if layer in self._weights:
                    apart = weighted_differences(activation, theirs.pop(layer), self._weights[layer])
                    inner = apart[:, row.units(steps[layer]), column.units(steps[layer])]
                    sums[layer] = sums.get(layer, 0) + inner.sum(dim=(1, 2))
                    counts[layer] += inner[0].numel()
        return reduce(add, (sums[layer] / counts[layer] for layer in sums))

    def _distance(
        self,
        images: Tensor,
        reference_of: Callable[[str], Tensor],
        spatial: bool,
        per_layer: bool,
        reduction: Reduction,
    ) -> Distance:
        """Measure layer by layer; what is left of the network after the last layer with a weight does not run."""
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction is {reduction!r}; it must be one of {', '.join(REDUCTIONS)}.")
        found: dict[str, Tensor] = {}
        compiling = torch.compiler.is_compiling()
        for layer, activation in self.backbone(images).items() if compiling else self.backbone.activations(images):
            if layer in self._weights:
                apart = weighted_differences(activation, reference_of(layer), self._weights[layer])
                part = _enlarged(apart, images.shape[-2:]) if spatial else apart.mean(dim=(1, 2))
                found[layer] = part if reduction == "none" else getattr(part, reduction)(dim=0)
            if len(found) == len(self._weights):
                break
        return found if per_layer else reduce(add, found.values())

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
            if batch.device != (home := self.backbone.mean.device):
                raise ValueError(
                    f"{name} are on {batch.device}, the metric is on {home}. Move the {name}, or the metric: "
                    f"metric.to({str(batch.device)!r})."
                )
        if references.shape not in (images.shape, (1, *images.shape[1:])):
            raise ValueError(
                f"images have shape {tuple(images.shape)}, references {tuple(references.shape)}; they must be equal, "
                f"or one reference of the images' size."
            )
        if self.validate_range and not torch.compiler.is_compiling():
            for name, batch in (("images", images), ("references", references)):
                # not-a-number in an image makes both NaN
                low, high = torch.stack(torch.aminmax(batch.detach())).tolist()
                rounding = max(ROUNDING, 2 * torch.finfo(batch.dtype).eps)
                if not -rounding <= low <= high <= 1 + rounding:
                    raise ValueError(
                        f"{name} lie in [{low:.7g}, {high:.7g}]; expected values in [0, 1].{_remedy(low, high)}"
                    )

    def extra_repr(self) -> str:
        chosen = sum(int(weight.count_nonzero()) for weight in self._weights.values())
        return f"channels={chosen} of {sum(self.backbone.layers.values())}, layers={list(self._weights)}"


class _Tile(NamedTuple):
    """A stretch of an image's height or width, in pixels."""

    shown: slice  # with its margin
    begin: int  # of the tile itself, counted from where `shown` begins
    end: int | None  # None for the last one, whose units reach up to the rim

    def units(self, step: int) -> slice:
        """Return which units of a layer are the tile's own."""
        return slice(self.begin // step, None if self.end is None else self.end // step)


def _tiles(length: int, side: int, margin: int) -> Iterator[_Tile]:
    for begin in range(0, length, side):
        start, end = max(0, begin - margin), begin + side
        yield _Tile(slice(start, end + margin), begin - start, end - start if end < length else None)


def _enlarged(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge maps (N, h, w) to (N, H, W) by bilinear interpolation."""
    enlarged: Tensor = functional.interpolate(maps[:, None], size=tuple(size), mode="bilinear", align_corners=False)
    return enlarged[:, 0]


def _remedy(low: float, high: float) -> str:
    if not -float("inf") < low <= high < float("inf"):
        return " They hold NaN or infinity."
    if low >= 0 and 1.5 < high <= 255:
        return " Divide images of 0 to 255 by 255."
    training = "for the output of a network in training set validate_range=False."
    if -1 <= low < 0 and high <= 1:
        return f" Map images of -1 to 1 by (x + 1) / 2; {training}"
    return f" Clip them, or {training}"
