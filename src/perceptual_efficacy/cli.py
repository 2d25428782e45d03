"""The command line, `perceptual-efficacy`: score a network's channels, select some, compare images."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from perceptual_efficacy.vocabulary import SCORED

if TYPE_CHECKING:
    import pandas as pd

    from perceptual_efficacy.backbones.network import Backbone

# torch is imported inside the commands, so that `--help` answers at once

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Find the channels of a deep network that behave like early human vision, and compare images by them.",
)
out, err = Console(), Console(stderr=True)

Network = Annotated[
    str,
    typer.Argument(
        help="packaged:squeezenet1_1, torchvision:NAME, timm:NAME, random:NAME, kmeans, or a backbone's folder.",
        show_default=False,
    ),
]
NetworkOption = Annotated[str, typer.Option("--network", "-n", help="As for `score`.")]
Layers = Annotated[str, typer.Option(help="all, lpips, or layer names with commas between them.")]
Weights = Annotated[str, typer.Option(help="DEFAULT, a release's name, a .pth or .safetensors file, or none (random).")]
Seed = Annotated[int, typer.Option(help="Seed of random weights and of k-means.")]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Report a user's mistake in one line, without a traceback."""
    try:
        yield
    except (ValueError, OSError) as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


@app.command()
def score(
    network: Network,
    layers: Layers = "all",
    weights: Weights = "DEFAULT",
    seed: Seed = 0,
    pixels_per_degree: Annotated[float, typer.Option(help="Resolution at which images are assumed to be seen.")] = 32.0,
    csf: Annotated[str, typer.Option(help="mannos-sakrison, watson-ahumada, barten or flat.")] = "mannos-sakrison",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write all channels to this .csv.")] = None,
) -> None:
    """Show gratings to a network and score its channels: mu1, mu2 and perceptual efficacy PE."""
    with _one_line_errors():
        _check_output(output)
        from tqdm import tqdm

        from perceptual_efficacy import io
        from perceptual_efficacy.probing import probe
        from perceptual_efficacy.scores import score_channels
        from perceptual_efficacy.stimuli import gratings

        backbone = _backbone(network, layers, weights, seed)
        drawn = gratings(pixels_per_degree=pixels_per_degree)
        progress = partial(tqdm, desc="probing", disable=None, leave=False)
        channels = score_channels(probe(backbone, drawn, progress=progress), csf)
        if output is not None:
            io.write_csv(channels, output)
    table = Table("layer")
    for name in ("channels", "scored", "mu1", "mu2", "PE"):
        table.add_column(name, justify="right")
    for layer, rows in channels.groupby("layer", sort=False):
        scored = rows[rows["status"] == SCORED]
        medians = [f"{scored[column].median():.3f}" for column in ("mu1", "mu2", "pe")]
        table.add_row(str(layer), str(len(rows)), str(len(scored)), *medians)
    out.print(f"Medians over scored channels, {escape(str(backbone.card['origin']))}:", highlight=False)
    out.print(table)


@app.command()
def select(
    channels: Annotated[Path, typer.Argument(help="The .csv of `score`, or a study's channels.parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Write the selection to this .csv.")],
    half: Annotated[Literal["high", "low"], typer.Option(help="The upper or the lower half of each layer.")] = "high",
    by: Annotated[str, typer.Option(help="Column to rank by: pe, mu1, mu2, ...")] = "pe",
) -> None:
    """Select the upper or lower half of each layer's scored channels."""
    with _one_line_errors():
        _check_output(output)
        import pandas as pd

        from perceptual_efficacy import io
        from perceptual_efficacy.scores import select_channels

        if not channels.is_file():
            raise FileNotFoundError(f"There is no file {channels}.")
        try:
            table = io.read_table(channels) if channels.suffix == ".parquet" else pd.read_csv(channels)
        except UnicodeDecodeError as error:
            raise ValueError(f"{channels} is not a table of text: {error}") from error
        if lacking := {"layer", "channel", "status"} - set(table.columns):
            raise ValueError(f"{channels} lacks the columns {', '.join(sorted(lacking))}; it is not from `score`.")
        if by in table and not pd.api.types.is_numeric_dtype(table[by]):
            raise ValueError(f"Channels cannot be ranked by {by!r}, which holds no numbers.")
        chosen = table.loc[select_channels(table, half, by=by).index, ["layer", "channel", by]]
        io.write_csv(chosen, output)
    out.print(f"{len(chosen)} of {len(table)} channels written to {output}")


@app.command()
def compare(
    reference: Annotated[Path, typer.Argument(help="The reference image.")],
    images: Annotated[list[Path], typer.Argument(help="Images of the same size.")],
    network: NetworkOption = "torchvision:vgg16",
    layers: Annotated[str | None, typer.Option(help="As for `score`; LPIPS's for a network that LPIPS uses.")] = None,
    weights: Weights = "DEFAULT",
    seed: Seed = 0,
    selection: Annotated[
        str, typer.Option(help="all, high, low, lpips (LPIPS's learnt weights), or a .csv of `select`.")
    ] = "all",
) -> None:
    """Print each image's distance from the reference, one per line: 0 is equal, lower is nearer."""
    with _one_line_errors():
        import torch

        from perceptual_efficacy import io
        from perceptual_efficacy.backbones.network import as_tensor, best_device
        from perceptual_efficacy.backbones.published import LPIPS_LAYERS
        from perceptual_efficacy.lpips import FILES, RELEASE, weights_of
        from perceptual_efficacy.metric import PerceptualMetric

        device = best_device()
        read = {path: as_tensor(io.read_image(path)).to(device) for path in [reference, *images]}
        for path in images:
            if read[path].shape != read[reference].shape:
                found, wanted = (" x ".join(map(str, read[name].shape[:1:-1])) for name in (path, reference))
                raise ValueError(f"{path} is {found} pixels, the reference {reference} {wanted}; they must be equal.")
        usual = "lpips" if network.replace("random:", "torchvision:") in LPIPS_LAYERS else "all"
        backbone = _backbone(network, layers or usual, weights, seed)
        chosen: str | pd.DataFrame = weights_of(backbone.card) if selection == "lpips" else selection
        if selection == "lpips" and len(chosen) == 0:
            raise ValueError(
                f"LPIPS learnt its weights on the release {RELEASE} of {', '.join(FILES)}; it has none for {network} "
                f"with {backbone.card['origin']}."
            )
        metric = PerceptualMetric(backbone, chosen)
        with torch.inference_mode():
            for path in images:
                typer.echo(f"{metric(read[path], read[reference]).item():.6f}\t{path}")


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(help="The folder `results` of a study that has run.")] = Path("results"),
) -> None:
    """Compare every result of a study with the record of the job that wrote it."""
    from perceptual_efficacy import provenance

    with _one_line_errors():
        problems = list(provenance.problems(results))
    for path, problem in problems:
        typer.echo(f"{path} {problem}")
    if problems:
        typer.echo(
            "Delete what is named, and run the workflow again: it will be rebuilt. If the study no longer makes it, as "
            f"of a network that was taken out, delete its record too, in {results / provenance.FOLDER}.",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo("Every result is what its job wrote.")


@app.command()
def doctor() -> None:
    """Show what is installed, what networks run on, and where weights are looked for."""
    import torch

    from perceptual_efficacy.backbones.network import best_device

    def say(name: str, value: object) -> None:
        typer.echo(f"{name:22} {value}")  # one line each, however long a path is

    say("Python", platform.python_version())
    wrong = []
    for requirement in importlib.metadata.requires("perceptual-efficacy") or []:
        pin, _, condition = requirement.partition(";")
        name, _, wanted = pin.strip().partition("==")
        if condition:
            continue
        found = importlib.metadata.version(name)
        say(name, found if found == wanted else f"{found}, but tested with {wanted}")
        if found != wanted:
            wrong.append(name)
    device = best_device()
    say("networks run on", "CPU" if device.type == "cpu" else torch.cuda.get_device_name(device))
    say("threads", torch.get_num_threads())
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    held = sorted(path.name for path in cache.glob("*")) if cache.is_dir() else []
    say("torchvision's weights", f"{cache} ({', '.join(held) or 'none yet'})")
    say("timm's weights", os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")))
    say("free disk space here", f"{shutil.disk_usage('.').free / 1e9:.0f} GB")
    if wrong:
        err.print(f"[bold red]error:[/] versions differ from the tested ones: {', '.join(wrong)}", highlight=False)
        raise typer.Exit(1)


def _backbone(network: str, layers: str, weights: str, seed: int) -> "Backbone":
    from perceptual_efficacy.backbones.loading import load_backbone
    from perceptual_efficacy.backbones.network import best_device

    return load_backbone(
        network,
        layers=layers if layers in {"all", "lpips"} else [layer.strip() for layer in layers.split(",")],
        weights=None if weights.lower() == "none" else weights,
        seed=seed,
    ).to(best_device())


def _check_output(path: Path | None) -> None:
    """Refuse an output path before the work starts."""
    if path is not None and path.suffix != ".csv":
        raise ValueError(f"output is {path}; its name must end with .csv.")
    if path is not None and not path.absolute().parent.is_dir():
        raise ValueError(f"output is {path}; there is no folder {path.absolute().parent}.")
