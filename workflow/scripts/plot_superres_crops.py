"""Plot the same crops of test images as every loss enlarges them."""

import pandas as pd
from job import job

from perceptual_efficacy import io, storage
from perceptual_efficacy.plots import style, superres_crops
from perceptual_efficacy.superres import images
from perceptual_efficacy.superres.resize import degrade

SIZE = 48  # pixels of the original

with job(snakemake) as run:
    scale = int(run.wildcards.scale)
    sources = images.sources(run.params.sets, run.params.folders)
    listed = io.read_table(run.input.images)
    tested = listed[listed["use"] == "test"]
    # the first image of every set, then the second ones
    shown = tested.assign(place=tested.groupby("set").cumcount()).sort_values("place", kind="stable")
    places, crops = [], {}
    for row in shown.head(superres_crops.MOST).to_dict("records"):
        original = images.read(row, sources, scale)
        y, x = superres_crops.place(original, SIZE)
        key = {"dataset": row["set"], "image": row["image"]}
        places.append({**key, "x": x, "y": y, "width": SIZE, "height": SIZE})
        crops[*key.values(), "original"] = original[y : y + SIZE, x : x + SIZE]
        small = degrade(original, scale)
        low = slice(y // scale, (y + SIZE) // scale), slice(x // scale, (x + SIZE) // scale)
        crops[*key.values(), "low resolution"] = small[low]
    scores = pd.concat([io.read_table(path) for path in run.input.scores], ignore_index=True)
    table = superres_crops.table(scores, pd.DataFrame(places))
    folders = dict(zip(run.params.losses, run.input.folders, strict=True))
    for row in table[table["method"].isin(folders)].to_dict("records"):
        file = f"{folders[row['method']]}/seed{row['seed']}/{row['dataset']}/{row['image']}.png"
        result, (y, x) = io.read_image(file), (row["y"], row["x"])
        crops[row["dataset"], row["image"], row["method"]] = result[y : y + SIZE, x : x + SIZE]
    network = style.network_label(storage.read_record(run.input.card))
    style.save(superres_crops.draw(table, crops, network), table, **run.output)
