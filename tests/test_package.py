"""The package as an import."""

import subprocess
import sys

import perceptual_efficacy


def imported(code, *names):
    """Return which of these packages a new process has imported after this code."""
    code += f"\nimport sys; print(*({set(names)} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_what_needs_no_torch_does_not_import_it():
    modules = ("agreement", "energy", "judgements", "lpips", "scores", "stimuli", "superres.crops", "superres.images")
    code = "import perceptual_efficacy\n" + "\n".join(f"import perceptual_efficacy.{name}" for name in modules)
    assert imported(code, "torch") == []


def test_only_networks_of_torchvision_and_timm_import_these():
    """Nor do our own networks need torch's compiler, which takes even longer to import."""
    modules = ("backbones.loading", "distances", "metric", "probing")
    code = "\n".join(f"import perceptual_efficacy.{name}" for name in modules)
    code += "\nfrom perceptual_efficacy.backbones import vgg; vgg.draw_random({'relu1_1': 1}, 0)"
    assert imported(code, "torchvision", "timm", "torch._dynamo") == []


def test_every_public_name_is_there():
    for name in perceptual_efficacy.__all__:
        assert callable(getattr(perceptual_efficacy, name))
        assert name in dir(perceptual_efficacy)
