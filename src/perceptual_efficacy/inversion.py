"""Feature inversion: the image with the same activations of chosen channels as a photograph, and what it preserves."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from perceptual_efficacy import baselines, image_files
from perceptual_efficacy.backbones.network import Backbone, Progress, as_tensor
from perceptual_efficacy.colour import luma
from perceptual_efficacy.extras import extra
from perceptual_efficacy.metric import PerceptualMetric
from perceptual_efficacy.scores import select_channels
from perceptual_efficacy.vocabulary import ALL, HIGH, LOW, RANDOM, REMAINING_DISTANCE, STRUCTURE

with extra("superres"):
    from skimage.color import deltaE_ciede2000, rgb2lab

GREY = 0.5  # where every inversion starts,
NOISE = 0.1  # plus noise of this standard deviation
SCALES = (1, 2, 4)  # pixels per step of the grids that add up to the image: coarse ones move what is large at once
BETAS = (0.9, 0.95)  # Adam's; by default it remembers the first gradients, which are ten times larger, for 1000 steps
BISECTIONS = 8  # halvings of a step, to where the remaining distance is reached
SMALLEST_STEP = 1 / 255  # total variation counts smaller differences by their square: its gradient stays finite

PATCH = 16  # pixels; texture does not depend on the place within a patch
STRIDE = 8
OCTAVES = 3  # bands of 1 to 2, 2 to 4, and at least 4 cycles per patch
ORIENTATIONS = 4
ROUNDING = 1 / 12  # variance of rounding to whole code values, added to every power: less is indistinguishable from 0


def invert(
    metric: PerceptualMetric,
    photographs: Tensor,
    *,
    seed: int,
    steps: int = 200,
    learning_rate: float = 0.05,
    variation: float = 0.1,
    remaining: float | Tensor = 0.0,
    progress: Progress = iter,
) -> Tensor:
    """Return, for each photograph, an image optimised from noise to be close to it by a metric.

    Minimises distance + w * total variation within [0, 1] by Adam, with a learning rate that falls to 0 along half a
    cosine. An image does not depend on the others of its batch, and all start from the same noise, whatever the metric.
    What different metrics preserve is comparable between images that are equally close, each by its own metric: give
    `remaining`.

    Parameters
    ----------
    metric
        The distance of the chosen channels; it runs where its weights are.
    photographs
        (N, 3, H, W), display code values in [0, 1], at least 2 x 2 pixels.
    seed
        Of the noise, which is the same on every device.
    steps, learning_rate
        Gradient steps; Adam's first step, in units of the range of the image.
    variation
        Norm of the gradient of the weighted total variation relative to that of the distance, both in the first step:
        it fixes w of each image, so that the prior is as strong for every selection of channels.
    remaining
        Share of a grey image's distance at which an image is done; bisection finds the point within a step. One value,
        or one for each image, shape (N,). The image is that of the last step where this is not reached, as with 0.
    progress
        Wraps the iteration over steps, e.g. `tqdm`.

    Returns
    -------
    Images in [0, 1], shape (N, 3, H, W), without gradient.

    Raises
    ------
    ValueError
        If the photographs are not as above, a setting is out of range, or a distance or its gradient is not finite.

    References
    ----------
    Mahendran, Vedaldi: Understanding Deep Image Representations by Inverting Them, CVPR 2015; there with plain features
    and another norm.
    """
    shares = torch.as_tensor(remaining, dtype=torch.float64)
    least_share = shares.min().item() if torch.isfinite(shares).all() else float("nan")
    settings = {"steps": steps, "learning_rate": learning_rate, "variation": variation, "remaining": least_share}
    for name, value in settings.items():
        least = 1 if name == "steps" else 0
        if not least <= value < float("inf"):
            raise ValueError(f"{name} is {value}; it must be a finite number of at least {least}.")
    distance = metric.against(photographs)
    height, width = photographs.shape[-2:]
    if min(height, width) < 2:
        raise ValueError(f"photographs are {width} x {height} pixels; expected at least 2 x 2, or nothing varies.")
    low, high = (value.item() for value in photographs.aminmax())
    if not 0 <= low <= high <= 1:  # the metric may let pass more
        raise ValueError(f"photographs lie in [{low:.6g}, {high:.6g}]; expected values in [0, 1], as the images have.")
    near = torch.zeros(len(photographs), device=photographs.device)
    if shares.max() > 0:
        with torch.no_grad():
            near = shares.to(photographs) * distance(torch.full_like(photographs, GREY))
    done = torch.zeros(len(photographs), dtype=torch.bool)
    grids = _start(photographs, seed)
    before = _add_up(grids).detach().clamp(0, 1)
    after = before.clone()
    optimiser = torch.optim.Adam(grids, lr=learning_rate, betas=BETAS)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    first: tuple[Tensor, Tensor] | None = None
    with torch.enable_grad():
        for step in progress(range(steps)):
            whole = _add_up(grids)
            images = whole.detach().clamp(0, 1).requires_grad_()
            grids[0].data += images.detach() - whole.detach()  # the projection: the finest grid takes what was cut off
            apart = distance(images)
            (towards,) = torch.autograd.grad(apart.sum(), images)
            (smoother,) = torch.autograd.grad(total_variation(images).sum(), images)
            finite = torch.isfinite(apart) & torch.isfinite(towards).flatten(start_dim=1).all(dim=1)
            if not finite.all():
                number = int(finite.logical_not().nonzero()[0])
                raise ValueError(
                    f"Step {step + 1} of {steps}: image {number} is at distance {apart[number].item()} from its "
                    f"photograph, or the gradient is not finite. Look for weights of the backbone that are not finite "
                    f"or very large."
                )
            after[~done] = images.detach()[~done]
            done |= (apart.detach() < near).cpu()
            if done.all():
                break
            before[~done] = images.detach()[~done]
            if first is None:
                first = _length(towards), _length(smoother)
            optimiser.zero_grad()
            # both relative to the first step's, or Adam's epsilon would outweigh the gradients of weak channels
            whole.backward(towards / first[0] + variation * smoother / first[1])
            optimiser.step()
            schedule.step()
        last = _add_up(grids).detach().clamp(0, 1)
    before[~done] = after[~done] = last[~done]
    return _between(before, after, distance, near) if done.any() else after


def _between(before: Tensor, after: Tensor, distance: Callable[[Tensor], Tensor], near: Tensor) -> Tensor:
    """Bisect between two images of each photograph for the first that is near enough."""
    low, high = near.new_zeros(len(near)), near.new_ones(len(near))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        with torch.no_grad():
            arrived = distance(torch.lerp(before, after, middle[:, None, None, None].to(before))) < near
        low, high = torch.where(arrived, low, middle), torch.where(arrived, middle, high)
    return torch.lerp(before, after, high[:, None, None, None].to(before))


def _start(photographs: Tensor, seed: int) -> list[Tensor]:
    """Grids that add up to the noise of the seed, one for each of SCALES; the finest holds all of it."""
    count, colours, height, width = photographs.shape
    noise = torch.randn(colours, height, width, generator=torch.Generator().manual_seed(seed))
    finest = (GREY + NOISE * noise).clamp(0, 1).to(photographs).repeat(count, 1, 1, 1)
    coarse = [finest.new_zeros(count, colours, -(-height // scale), -(-width // scale)) for scale in SCALES[1:]]
    return [grid.requires_grad_() for grid in (finest, *coarse)]


def _add_up(grids: list[Tensor]) -> Tensor:
    """Sum of grids, each scaled up to the size of the first."""
    size = grids[0].shape[-2:]
    return grids[0] + sum(torch.nn.functional.interpolate(grid, size, mode="bilinear") for grid in grids[1:])


def total_variation(images: Tensor) -> Tensor:
    """Mean over pixels of the length of the gradient over both directions and all colours, shape (N,).

    Of images (N, colours, H, W); differences are to the next pixel, and there is none beyond the last one.
    """
    down = torch.nn.functional.pad(images.diff(dim=2), (0, 0, 0, 1))
    right = torch.nn.functional.pad(images.diff(dim=3), (0, 1))
    squared = (down.square() + right.square()).sum(dim=1)
    return (squared + SMALLEST_STEP**2).sqrt().mean(dim=(1, 2))


def _length(gradient: Tensor) -> Tensor:
    """Length of each image's gradient, shape (N, 1, 1, 1); 0, as of silent channels, becomes the smallest number."""
    length = torch.linalg.vector_norm(gradient, dim=(1, 2, 3), keepdim=True)
    return length.clamp(min=torch.finfo(gradient.dtype).tiny)


def invert_selections(
    backbone: Backbone,
    channels: pd.DataFrame,
    layer: str,
    photographs: Mapping[str, NDArray[np.uint8]],
    folder: str | os.PathLike[str],
    *,
    seeds: Sequence[int],
    halves: int,
    remaining: float,
    progress: Progress = iter,
    **settings: Any,
) -> pd.DataFrame:
    """Invert all channels of a layer, its high-PE and low-PE halves and random halves, and write the images.

    All inversions of a photograph leave an equal share of a grey image's distance, each by its own channels: otherwise
    they would differ by how far each search has come.

    Parameters
    ----------
    backbone, channels, layer
        The network, its channels as `scores.score_channels` returns them, and the layer to invert.
    photographs
        RGB images of one size by name, (height, width, 3), 0 to 255.
    folder
        Where the photographs and the inversions are written.
    seeds, progress, settings
        See `invert`.
    halves
        Number of random halves.
    remaining
        The share. If any search for a photograph ends with a larger one, that is used, and all of them are repeated.

    Returns
    -------
    One row per selection, seed, photograph and measure: the network, layer, selection, draw (of a random half), image
    (the photograph's name), seed, measure (those of `errors`, and "remaining distance", the share that is left),
    value, higher_is_better, file (the inversion) and reference (the photograph).
    """
    device = backbone.mean.device
    targets = torch.from_numpy(np.stack(list(photographs.values()))).permute(0, 3, 1, 2).to(device, torch.float32) / 255
    references = {name: f"{folder}/original/{name}.png" for name in photographs}
    for name, photograph in photographs.items():
        image_files.write(photograph, references[name])
    runs = {
        (selection, draw, seed): PerceptualMetric(
            backbone, select_channels(channels, selection, layers=[layer], draw=draw)
        )
        for selection, draw in [(ALL, None), (HIGH, None), (LOW, None), *((RANDOM, draw + 1) for draw in range(halves))]
        for seed in seeds
    }
    options = {"progress": progress, **settings}
    inverted = {run: _invert_to(metric, targets, run[-1], remaining, options) for run, metric in runs.items()}
    farthest = torch.stack([left for _, left in inverted.values()]).amax(dim=0)
    late = farthest > remaining
    if late.any():
        for run, metric in runs.items():
            images, left = inverted[run]
            images[late], left[late] = _invert_to(metric, targets[late], run[-1], farthest[late], options)
    found = []
    for (selection, draw, seed), (images, left) in inverted.items():
        codes = (255 * images).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(force=True)
        for number, (name, photograph) in enumerate(photographs.items()):
            file = f"{folder}/{selection}{'' if draw is None else f'_{draw}'}/seed{seed}/{name}.png"
            image_files.write(codes[number], file)
            values = errors(codes[number], photograph) | {REMAINING_DISTANCE: left[number].item()}
            about = {"layer": layer, "selection": selection, "draw": draw, "image": name, "seed": seed}
            measured = {"measure": list(values), "value": list(values.values()), "higher_is_better": False}
            files = {"file": file, "reference": references[name]}
            found.append(pd.DataFrame({**backbone.identity, **about, **measured, **files}))
    return pd.concat(found, ignore_index=True).astype({"draw": "Int64"})


def _invert_to(
    metric: PerceptualMetric, targets: Tensor, seed: int, remaining: float | Tensor, options: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Images, and the share of a grey image's distance that each leaves."""
    images = invert(metric, targets, seed=seed, remaining=remaining, **options)
    distance = metric.against(targets)
    with torch.no_grad():
        return images, distance(images) / distance(torch.full_like(targets, GREY))


def square(photograph: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return the central square of a photograph (height, width, 3), scaled to (size, size, 3) by Lanczos's filter.

    A smaller photograph, which would have to be magnified, is a ValueError.
    """
    _check_image("The photograph", photograph)
    side = min(photograph.shape[:2])
    if not 1 <= size <= side:
        raise ValueError(
            f"The photograph is {photograph.shape[1]} x {photograph.shape[0]} pixels; it holds no square of {size} x "
            f"{size}. Choose a size from 1 to {side}, or a larger photograph."
        )
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    cut = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.array(cut.resize((size, size), Image.Resampling.LANCZOS))


def errors(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> dict[str, float]:
    """Measure the errors of an image against its reference in structure, colour and texture.

    Parameters
    ----------
    image, reference
        RGB (height, width, 3), 0 to 255, at least 16 x 16 pixels, of one size; others are a ValueError.

    Returns
    -------
    Errors by name; lower is better, 0 for identical images. Structure: GMSD as `baselines.BASELINES` says; no unit.
    "colour": CIEDE2000 of sRGB under D65, averaged over pixels; 1 is about a just noticeable difference. "texture
    spectrum" and "texture contrast": differences of log10 power and log10 standard deviation of luma, their magnitudes
    averaged over patches of 16 x 16 pixels, those of power over 3 octaves x 4 orientations as well; decades.

    Notes
    -----
    Texture is measured in patches every 8 pixels. The mean of each patch is removed and its power spectrum taken, both
    under a Hann window, so that the place within a patch does not matter. Powers are averaged by band, as those of
    single frequencies differ by half a decade even between two samples of the same noise. The variance of rounding to
    whole code values, 1/12, is added to every power and to the variance of a patch, so that rounding alone makes no
    difference.

    CIEDE2000: Sharma, Wu, Dalal: The CIEDE2000 Color-Difference Formula, Color Research and Application 30, 2005, as
    scikit-image computes it.
    """
    for role, shown in (("The image", image), ("The reference", reference)):
        _check_image(role, shown)
        if min(shown.shape[:2]) < PATCH:
            raise ValueError(
                f"{role} is {shown.shape[1]} x {shown.shape[0]} pixels; texture needs at least {PATCH} x {PATCH}."
            )
    if image.shape != reference.shape:
        raise ValueError(
            f"The image is {image.shape[1]} x {image.shape[0]} pixels, its reference {reference.shape[1]} x "
            f"{reference.shape[0]}; they must have one size."
        )
    spectra, contrasts = zip(*(_texture(shown) for shown in (image, reference)), strict=True)
    return {
        STRUCTURE: baselines.measure(as_tensor(reference), as_tensor(image), "GMSD").item(),
        "colour": float(deltaE_ciede2000(rgb2lab(reference), rgb2lab(image)).mean()),
        "texture spectrum": float(np.abs(spectra[0] - spectra[1]).mean()),
        "texture contrast": float(np.abs(contrasts[0] - contrasts[1]).mean()),
    }


def _check_image(role: str, image: NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"{role} is {image.dtype} of shape {image.shape}; expected uint8 of shape (height, width, 3).")


def _texture(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Decimal logarithms of each patch's power by band, (patches, bands), and of its standard deviation.

    The power of white noise is its variance. A border that no whole patch reaches is left out.
    """
    windows = np.lib.stride_tricks.sliding_window_view(luma(image), (PATCH, PATCH))[::STRIDE, ::STRIDE]
    patches = windows.reshape(-1, PATCH, PATCH)
    ramp = np.sin(np.pi * np.arange(PATCH) / PATCH) ** 2  # Hann, periodic
    window = np.outer(ramp, ramp)
    mean = (patches * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    power = np.abs(np.fft.fft2((patches - mean) * window)) ** 2 / (window**2).sum()
    frequency = np.fft.fftfreq(PATCH, 1 / PATCH)
    x, y = np.meshgrid(frequency, frequency)
    octave = np.log2(np.hypot(x, y).clip(1)).astype(int).clip(max=OCTAVES - 1)
    orientation = np.rint(np.arctan2(y, x) * ORIENTATIONS / np.pi).astype(int) % ORIENTATIONS
    band = octave * ORIENTATIONS + orientation
    band[0, 0] = -1  # the mean, in no band
    means = [power[:, band == number].mean(axis=1) for number in range(OCTAVES * ORIENTATIONS)]
    return np.log10(np.stack(means, axis=1) + ROUNDING), np.log10(patches.var(axis=(1, 2)) + ROUNDING) / 2
