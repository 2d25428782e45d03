"""Compare PE by the default gratings with PE by more and larger ones: does a layer's order of channels stay?

Run as `python benchmarks/probing.py torchvision:vgg16 --weights FILE --layers relu1_1 relu2_2 relu5_3`; without
arguments it is the trained SqueezeNet of the default study. One row per layer: Spearman's correlation of PE over its
scored channels, and the share of its high half that is in the low half by the other gratings (`moved`); with twice as
many frequencies, twice as many phases, a field of twice the width, and pictures of twice the width around the same
field. The last column is what the library says of the layer without any of this.
"""

import argparse
import time

import pandas as pd

from perceptual_efficacy import load_backbone, probing
from perceptual_efficacy.backbones.network import best_device
from perceptual_efficacy.csf import mannos_sakrison
from perceptual_efficacy.scores import SCORED, convergence, score_channels, select_channels
from perceptual_efficacy.stimuli import gratings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="packaged:squeezenet1_1")
    parser.add_argument("--weights")
    parser.add_argument("--layers", nargs="+")
    parser.add_argument("--largest", type=int, default=probing.LARGEST)
    options = parser.parse_args()
    given = {} if options.weights is None else {"weights": options.weights}
    backbone = load_backbone(options.source, layers=options.layers or "all", **given).to(best_device())
    own = gratings()
    size = probing.picture_size(backbone, own, options.largest)
    others = {
        "frequencies": (gratings(frequencies=2 * len(own.frequency) - 1), size),
        "phases": (gratings(phases=2 * len(own.phase)), size),
        "field": (gratings(field=2 * own.field), 2 * size),
        "picture": (own, 2 * size),
    }
    start = time.perf_counter()
    tuning = probing.probe(backbone, own, size=size)
    print(f"{size} x {size} pixels, {time.perf_counter() - start:.0f} s", flush=True)
    channels = score_channels(tuning)
    found = {}
    for name, (drawn, pixels) in others.items():
        other = score_channels(probing.probe(backbone, drawn, size=pixels))
        found[name] = channels.groupby("layer", sort=False)[channels.columns].apply(compared, other=other)
        print(f"{name}: done after {time.perf_counter() - start:.0f} s", flush=True)
    table = pd.concat(found, axis=1)
    table["converged"] = convergence(tuning, mannos_sakrison).set_index("layer")["converged"]
    print(table.round(3).to_string())


def compared(channels: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Compare a layer's channels by two sets of gratings."""
    same = other.loc[channels.index]
    both = (channels["status"] == SCORED) & (same["status"] == SCORED)
    high, low = select_channels(channels, "high").index, select_channels(same, "low").index
    rho = channels.loc[both, "pe"].corr(same.loc[both, "pe"], method="spearman")
    return pd.Series({"rho": rho, "moved": high.isin(low).mean()})


if __name__ == "__main__":
    main()
