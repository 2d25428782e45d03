"""The registry of layouts: what others rely on, and that a new layout is one reader and one entry."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from study.configuration import DRAWN, GRADED, LADDERS, TABLES

from perceptual_efficacy import agreement, baselines, distances, image_files, judgements, storage
from perceptual_efficacy.agreement import Ranking
from perceptual_efficacy.backbones.vgg import draw_random
from perceptual_efficacy.datasets import addresses, comparisons
from perceptual_efficacy.datasets.registry import LAYOUTS, Layout
from perceptual_efficacy.vocabulary import OF_DATASET, OF_NETWORK, OPINIONS

ROOT = Path(__file__).parents[1]


def test_the_schema_knows_the_layouts_of_the_registry_and_no_others():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    layout = schema["properties"]["datasets"]["items"]["properties"]["layout"]
    assert layout["enum"] == list(LAYOUTS)


def test_the_study_knows_the_layouts_with_a_ladder_of_opinions():
    opinions = {name: layout for name, layout in LAYOUTS.items() if layout.judgement_type == OPINIONS}
    assert {name for name, layout in opinions.items() if layout.ladder is not None} == GRADED


def test_the_study_knows_the_layouts_with_a_ladder():
    assert {name for name, layout in LAYOUTS.items() if layout.ladder is not None} == LADDERS


def test_the_study_knows_the_layouts_that_are_a_table():
    assert {name for name, layout in LAYOUTS.items() if layout.is_table} == TABLES


def test_the_study_knows_the_layouts_whose_stimuli_are_drawn():
    assert {name for name, layout in LAYOUTS.items() if layout.is_drawn} == DRAWN


def test_addresses_are_those_of_layouts():
    assert set(addresses.SOURCES) <= set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_has_a_kind_of_judgements(layout):
    assert layout.judgement_type in judgements.KINDS


def test_published_addresses_and_checksums():
    bapps = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset"
    choices, same, opinions = (addresses.published(name).files[0] for name in ("bapps_2afc", "bapps_jnd", "tid2013"))
    assert choices.url == f"{bapps}/twoafc_val.tar.gz"  # the validation part
    assert choices.checksum.startswith("sha256:41486671b06d")
    assert same == (f"{bapps}/jnd.tar.gz", None)
    assert opinions == ("https://ponomarenko.info/tid2013/tid2013.rar", "md5:2c42bec2407adc49cf4d7858daf8f99b")


def listed(folder, stated):
    """Read a layout of one list, `scores.txt`, of an image, its reference and an opinion."""
    for line in (folder / "scores.txt").read_text().splitlines():
        first, reference, score = line.split()
        shown = {"first": comparisons.picture(folder, folder / first)}
        shown["reference"] = comparisons.picture(folder, folder / reference)
        yield {
            **comparisons.files(**shown),
            "group": first.split("_")[0],
            "cluster": reference,
            "judgement": float(score),
        }


@pytest.fixture
def new(monkeypatch):
    """A layout that only this file knows."""
    layout = Layout("listed", "mos", "opinion, 0 to 5", listed, shown_at=32)
    monkeypatch.setitem(LAYOUTS, layout.name, layout)
    return LAYOUTS["listed"]


@pytest.fixture
def folder(tmp_path):
    """Twelve images of 40 by 40 pixels, each with two kinds of noise at three levels."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(12):
        image = random.integers(60, 200, size=(40, 40, 3))
        image_files.write(image.astype(np.uint8), tmp_path / f"{number}.png")
        for kind in ("grey", "colour"):
            noise = random.normal(size=(40, 40, 1 if kind == "grey" else 3))
            for level in (1, 2, 3):
                name = f"{kind}_{number}_{level}.png"
                image_files.write((image + 12 * level * noise).clip(0, 255).astype(np.uint8), tmp_path / name)
                lines.append(f"{name} {number}.png {5 - level}")
    (tmp_path / "scores.txt").write_text("\n".join(lines))
    return tmp_path


def test_what_a_layout_does_not_offer_is_refused(new, tmp_path):
    with pytest.raises(ValueError, match="no ladder in the layout listed"):
        new.write_ladder({}, tmp_path, 32, 0)
    with pytest.raises(ValueError, match="No archive is known for the layout listed"):
        addresses.published(new.name)


def test_a_group_may_not_have_the_name_of_all_comparisons_together(new, folder):
    lines = (folder / "scores.txt").read_text()
    (folder / "grey_0_1.png").rename(folder / "all_0_1.png")
    (folder / "scores.txt").write_text(lines.replace("grey_0_1", "all_0_1"))
    with pytest.raises(ValueError, match="a group of comparisons is called 'all'"):
        new.read(folder, dataset="mine")


@pytest.mark.parametrize(
    ("old", "new_text", "message"),
    [("grey_0_1.png 0.png 4", "grey_0_1.png 0.png nan", "layout listed lack judgement"), (None, "", "no comparisons")],
)
def test_comparisons_without_a_judgement_and_an_empty_list_are_refused(new, folder, old, new_text, message):
    path = folder / "scores.txt"
    path.write_text(path.read_text().replace(old or path.read_text(), new_text))
    with pytest.raises(ValueError, match=message):
        new.read(folder, dataset="mine")


def test_a_value_that_comparisons_do_not_have_is_refused():
    with pytest.raises(ValueError, match="no column 'levels'; expected some of dataset, judged_by"):
        comparisons.table([{"levels": 1}])


def test_a_new_layout_is_read_compared_and_judged(new, folder):
    table = new.read(folder, dataset="mine")
    assert table.dtypes.astype(str).to_dict() == comparisons.COLUMNS
    read = comparisons.reader(folder, table)
    assert read("0.png", storage.file_sha256(folder / "0.png")).shape == (32, 32, 3)

    measured = distances.image_distances(draw_random({"relu1_1": 6}, seed=0), table, read)
    metrics = baselines.baseline_distances(table, read)
    for cube in (measured, metrics):
        assert (cube.attrs["dataset"], cube.attrs["judged_by"]) == ("mine", "people")

    cube = measured["distance"].assign_attrs(measured.attrs)
    channels = pd.DataFrame({"layer": cube["layer"].values, "channel": cube["channel"].values, "status": "scored"})
    channels["pe"] = np.arange(6.0)
    found = agreement.compare_selections(
        cube,
        judgements.read(table, cube),
        {"pe": Ranking(channels, "pe")},
        baselines={"L2": metrics["distance"].sel(metric="L2").values},
        splits=20,
        replicates=20,
    )
    assert list(found)[:7] == [*OF_NETWORK, *OF_DATASET]
    assert set(found["group"]) == {"all", "grey", "colour"}
    best = found[(found["selection"] == "L2") & (found["measure"] == "srcc") & (found["group"] == "grey")]
    assert best["estimate"].item() > 0.9
