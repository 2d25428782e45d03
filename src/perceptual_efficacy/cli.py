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

from perceptual_efficacy.extras import extra
from perceptual_efficacy.vocabulary import SCORED

with extra("cli"):
    import typer
    from packaging.requirements import Requirement
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from perceptual_efficacy.backbones.network import Backbone

# torch is imported inside the commands, so that `--help` answers at once

LIBRARY_EXTRAS = ("cli", "csf", "datasets", "lpips", "plots", "superres", "timm")

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
Weights = Annotated[
    str, typer.Option(help="DEFAULT, a release's name, a .pth, .pt or .safetensors file, or none (random).")
]
Seed = Annotated[int, typer.Option(help="Seed of random weights and of k-means.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...; the one that `doctor` names unless given.")]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Report a user's mistake in one line, without a traceback."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        _say_error(str(error))
        raise typer.Exit(1) from error


def _say_error(message: str) -> None:
    err.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)


@app.command(epilog="Example: perceptual-efficacy score packaged:squeezenet1_1 -o channels.csv --plot efficacy.png")
def score(
    network: Network,
    layers: Layers = "all",
    weights: Weights = "DEFAULT",
    seed: Seed = 0,
    pixels_per_degree: Annotated[float, typer.Option(help="Resolution at which images are assumed to be seen.")] = 32.0,
    csf: Annotated[
        str, typer.Option(help="mannos-sakrison, watson-ahumada, barten, castlecsf or flat.")
    ] = "mannos-sakrison",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write all channels to this .csv.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw PE by layer into this .png, .pdf or .svg.")] = None,
    device: Device = None,
    batch_size: Annotated[int, typer.Option(help="Gratings per forward pass.")] = 4,
) -> None:
    """Show gratings to a network and score its channels: mu1, mu2 and perceptual efficacy PE."""
    with _one_line_errors():
        _check_path("output", output, ".csv")
        _check_path("plot", plot, ".png", ".pdf", ".svg")
        from tqdm import tqdm

        from perceptual_efficacy import io
        from perceptual_efficacy.probing import probe
        from perceptual_efficacy.scores import score_channels
        from perceptual_efficacy.stimuli import gratings

        backbone = _backbone(network, layers, weights, seed, device)
        drawn = gratings(pixels_per_degree=pixels_per_degree)
        progress = partial(tqdm, desc="probing", disable=None, leave=False)
        tuning = probe(backbone, drawn, batch_size=batch_size, progress=progress)
        channels = score_channels(tuning, csf).assign(csf=csf)
        if output is not None:
            io.write_csv(channels, output)
        if plot is not None:
            from perceptual_efficacy.plots import efficacy_by_layer, style

            style.write(efficacy_by_layer.draw(efficacy_by_layer.table(channels)), plot)
    table = Table("layer")
    for name in ("channels", "scored", "mu1", "mu2", "PE"):
        table.add_column(name, justify="right")
    for layer, rows in channels.groupby("layer", sort=False):
        scored = rows[rows["status"] == SCORED]
        medians = [f"{scored[column].median():.3f}" for column in ("mu1", "mu2", "pe")]
        table.add_row(str(layer), str(len(rows)), str(len(scored)), *medians)
    out.print(f"Medians over scored channels, {escape(str(backbone.card['origin']))}:", highlight=False)
    out.print(table)


@app.command(epilog="Example: perceptual-efficacy select channels.csv --half high -o squeezenet-high.safetensors")
def select(
    channels: Annotated[Path, typer.Argument(help="The .csv of `score`, or a study's channels.parquet.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .safetensors, which fits this network alone, or a .csv.")
    ],
    half: Annotated[Literal["high", "low"], typer.Option(help="The upper or the lower half of each layer.")] = "high",
    by: Annotated[str, typer.Option(help="Column to rank by: pe, mu1, mu2, ...")] = "pe",
    layers: Annotated[str | None, typer.Option(help="Layers to select from, with commas; all unless given.")] = None,
) -> None:
    """Select the upper or lower half of each layer's scored channels."""
    with _one_line_errors():
        _check_path("output", output, ".csv", ".safetensors")
        import pandas as pd

        from perceptual_efficacy import io
        from perceptual_efficacy.scores import select_channels
        from perceptual_efficacy.selections import save_selection

        if not channels.is_file():
            raise FileNotFoundError(f"There is no file {channels}.")
        if channels.suffix not in {".csv", ".parquet"}:
            raise ValueError(f"channels is {channels}; expected the .csv of `score`, or a channels.parquet.")
        try:
            table = io.read_table(channels) if channels.suffix == ".parquet" else pd.read_csv(channels)
        except UnicodeDecodeError as error:
            raise ValueError(f"{channels} is not a table of text: {error}") from error
        if lacking := {"layer", "channel", "status"} - set(table.columns):
            raise ValueError(f"{channels} lacks the columns {', '.join(sorted(lacking))}; it is not from `score`.")
        if by in table and not pd.api.types.is_numeric_dtype(table[by]):
            raise ValueError(f"Channels cannot be ranked by {by!r}, which holds no numbers.")
        chosen = select_channels(table, half, by=by, layers=None if layers is None else _names(layers))
        if output.suffix == ".csv":
            io.write_csv(table.loc[chosen.index, ["layer", "channel", by]], output)
        else:
            save_selection(chosen, output, table, half=half, by=by)
    out.print(f"{len(chosen)} of {len(table)} channels written to {output}", highlight=False, soft_wrap=True)


@app.command(
    epilog="Examples: perceptual-efficacy compare original.png a.png b.png | sort -n; "
    "perceptual-efficacy compare originals/ results/ --selection high.safetensors -o distances.csv"
)
def compare(
    reference: Annotated[Path, typer.Argument(help="The reference: an image, or a folder of them.")],
    images: Annotated[
        list[Path], typer.Argument(help="Images of its size; or a folder, paired with the first by stem.")
    ],
    network: NetworkOption = "torchvision:vgg16",
    layers: Annotated[
        str | None,
        typer.Option(help="As for `score`; those of a selection's file, or LPIPS's for a network that LPIPS uses."),
    ] = None,
    weights: Weights = "DEFAULT",
    seed: Seed = 0,
    selection: Annotated[
        str, typer.Option(help="all, high, low, lpips (LPIPS's learnt weights), or a file of `select`.")
    ] = "all",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write this .csv or .json, too.")] = None,
    device: Device = None,
    batch_size: Annotated[int, typer.Option(help="Images per forward pass.")] = 8,
) -> None:
    """Print each image's distance from its reference, one per line: 0 is equal, lower is nearer.

    An image that cannot be measured is named; the others are measured all the same, and the exit code is 1.
    """
    with _one_line_errors():
        _check_path("output", output, ".csv", ".json")
        from tqdm import tqdm

        from perceptual_efficacy import comparing
        from perceptual_efficacy.backbones.published import LPIPS_LAYERS
        from perceptual_efficacy.metric import PerceptualMetric
        from perceptual_efficacy.selections import saved_layers

        pairs, alone = comparing.pair_up(reference, images)
        usual = "lpips" if network.replace("random:", "torchvision:") in LPIPS_LAYERS else "all"
        layers = layers or ",".join(saved_layers(selection)) or usual
        backbone = _backbone(network, layers, weights, seed, device)
        metric = PerceptualMetric(backbone, _selection(selection, network, backbone))
        rows = []
        with tqdm(total=len(pairs), desc="comparing", disable=None, leave=False) as progress:
            for row in comparing.measure(metric, pairs, batch_size=batch_size):
                rows.append(row)
                progress.update()
                with progress.external_write_mode():
                    if row.problem is None:
                        typer.echo(f"{row.distance:.6f}\t{row.image}")
                    else:
                        _say_error(row.problem)
        for path in alone:
            err.print(
                f"not compared, no other image has its name: {escape(str(path))}", highlight=False, soft_wrap=True
            )
        measured = sum(row.problem is None for row in rows)
        if measured > 1:
            err.print(f"mean of {measured}: {comparing.mean(rows):.6f}", highlight=False)
        if output is not None:
            comparing.write(rows, output, {**backbone.identity, "selection": selection})
    if measured < len(rows):
        raise typer.Exit(1)


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
    for requirement, extra_name in _requirements():
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            say(requirement.name, f"not installed: pip install 'perceptual-efficacy[{extra_name}]'")
            continue
        fits = requirement.specifier.contains(found, prereleases=True)
        say(requirement.name, found if fits else f"{found}, but {requirement.specifier} is needed")
        if not fits:
            wrong.append(requirement.name)
    device = best_device()
    say("networks run on", "CPU" if device.type == "cpu" else torch.cuda.get_device_name(device))
    say("threads", torch.get_num_threads())
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    held = sorted(path.name for path in cache.glob("*")) if cache.is_dir() else []
    say("torchvision's weights", f"{cache} ({', '.join(held) or 'none yet'})")
    say("timm's weights", os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")))
    say("free disk space here", f"{shutil.disk_usage('.').free / 1e9:.0f} GB")
    if wrong:
        _say_error(f"versions that are not fit for this one: {', '.join(wrong)}")
        raise typer.Exit(1)


def _requirements() -> Iterator[tuple[Requirement, str]]:
    """Yield what the library asks for, each package once, with the extra that brings it; empty for the core."""
    seen = set()
    for requirement in map(Requirement, importlib.metadata.requires("perceptual-efficacy") or []):
        for name in ("", *LIBRARY_EXTRAS):
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": name})
            if wanted and requirement.name not in seen:
                seen.add(requirement.name)
                yield requirement, name


def _backbone(network: str, layers: str, weights: str, seed: int, device: str | None) -> "Backbone":
    from perceptual_efficacy.backbones.loading import load_backbone
    from perceptual_efficacy.backbones.network import device_named

    place = device_named(device)
    return load_backbone(
        network,
        layers=layers if layers in {"all", "lpips"} else _names(layers),
        weights=None if weights.lower() == "none" else weights,
        seed=seed,
    ).to(place)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",")]


def _selection(selection: str, network: str, backbone: "Backbone") -> "str | pd.DataFrame":
    """Return a selection as `PerceptualMetric` takes it: "lpips" becomes the weights that LPIPS learnt."""
    if selection != "lpips":
        return selection
    from perceptual_efficacy.lpips import FILES, RELEASE, weights_of

    learnt = weights_of(backbone.card)
    if learnt.empty:
        raise ValueError(
            f"LPIPS learnt its weights on the release {RELEASE} of {', '.join(FILES)}; it has none for {network} with "
            f"{backbone.card['origin']}."
        )
    return learnt


def _check_path(name: str, path: Path | None, *suffixes: str) -> None:
    """Refuse a path to write to before the work starts."""
    if path is not None and path.suffix not in suffixes:
        raise ValueError(f"{name} is {path}; its name must end with {' or '.join(suffixes)}.")
    if path is not None and not path.absolute().parent.is_dir():
        raise ValueError(f"{name} is {path}; there is no folder {path.absolute().parent}.")
