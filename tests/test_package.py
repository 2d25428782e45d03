"""The package as an import."""

import subprocess
import sys

import perceptual_efficacy


def test_importing_the_package_does_not_import_torch():
    code = "import perceptual_efficacy, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there():
    for name in perceptual_efficacy.__all__:
        assert callable(getattr(perceptual_efficacy, name))
        assert name in dir(perceptual_efficacy)
