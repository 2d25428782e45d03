"""The library, the command line and a study share their defaults: the schema's."""

from inspect import Parameter, signature
from pathlib import Path

import pytest
import yaml

from perceptual_efficacy import cli, csf, probing, scores, stimuli
from perceptual_efficacy.backbones import kmeans

SCHEMA = yaml.safe_load((Path(__file__).parents[1] / "workflow/schemas/config.schema.yaml").read_text("utf-8"))


def schemas(section):
    return {name: key["default"] for name, key in SCHEMA["properties"][section]["properties"].items()}


def defaults(function):
    return {
        name: parameter.default
        for name, parameter in signature(function).parameters.items()
        if parameter.default is not Parameter.empty
    }


@pytest.mark.parametrize(
    ("section", "function"),
    [("stimuli", stimuli.gratings), ("probing", probing.probe), ("kmeans", kmeans.learn_kmeans)],
)
def test_functions_have_the_defaults_of_a_study(section, function):
    ours, studys = defaults(function), schemas(section)
    assert set(studys) - set(ours) <= {"control_seeds"}  # of a study alone
    assert all(ours[name] == default for name, default in studys.items() if name in ours)


def test_scores_have_the_defaults_of_a_study():
    ours, studys = defaults(scores.score_channels), schemas("scores")
    assert {name: ours[name] for name in ("baseline", "combination")} == {
        name: studys[name] for name in ("baseline", "combination")
    }
    model = SCHEMA["properties"]["scores"]["properties"]["csf"]["properties"]["model"]["default"]
    assert ours["csf"] == model
    assert model in csf.MODELS


def test_the_command_line_has_the_defaults_of_a_study():
    ours, studys = defaults(cli.score), schemas("stimuli")
    assert {name: ours[name] for name in ("pixels_per_degree",)} == {"pixels_per_degree": studys["pixels_per_degree"]}
    assert ours["csf"] == defaults(scores.score_channels)["csf"]
