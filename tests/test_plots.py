"""What all figures share: what they load, and colours."""

import itertools
import pkgutil
import subprocess
import sys

import colour
import numpy as np
import pytest
from colour.blindness import matrix_cvd_Machado2009

from perceptual_efficacy import plots
from perceptual_efficacy.plots import depth, style

MODULES = [module.name for module in pkgutil.iter_modules(plots.__path__)]


def test_figure_jobs_load_neither_torch_nor_the_stages_before() -> None:
    modules = ", ".join(f"perceptual_efficacy.plots.{name}" for name in MODULES)
    stages = "csf scores distances agreement"
    slow = f"{{'torch', 'matplotlib.pyplot', *('perceptual_efficacy.' + m for m in '{stages}'.split())}}"
    code = f"import sys, {modules}; print(sorted({slow} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("deficiency", [None, "Protanomaly", "Deuteranomaly"])
@pytest.mark.parametrize("palette", [{*style.COLOURS.values(), *style.NETWORKS}, depth.COLOURS], ids=["all", "depth"])
def test_colours_stay_apart_for_colour_blind_readers(palette: set[str], deficiency: str | None) -> None:
    """CIEDE2000 above 10 (well above a just noticeable difference) after the full Machado et al. (2009) simulation."""
    lab = {}
    for name in sorted(palette):
        linear = colour.cctf_decoding(colour.notation.HEX_to_RGB(name), "sRGB")
        if deficiency:
            linear = np.clip(matrix_cvd_Machado2009(deficiency, 1.0) @ linear, 0, 1)
        lab[name] = colour.XYZ_to_Lab(colour.RGB_to_XYZ(linear, "sRGB"))
    closest = min((colour.delta_E(lab[a], lab[b]), a, b) for a, b in itertools.combinations(lab, 2))
    assert closest[0] > 10, closest
