"""What comes from outside and would run code or leave its place, where no other test file is about it."""

import ast
import re

import pytest
import study
import yaml
from miniature import ROOT, STUDY, snakemake
from study.schema import UNWRITABLE

from perceptual_efficacy import io

SCRIPTS = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow").rglob("*.py"), ROOT / "tools/refresh.py"]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]

# Calls that run what they are given
FORBIDDEN = re.compile(
    r"(builtins\.)?(eval|exec|compile|__import__)|os\.(system|popen|exec\w+|spawn\w+)|subprocess\.get\w*output"
    r"|(c?pickle|dill|marshal|joblib|cloudpickle)\.(load|loads|Unpickler)|shelve\.open|.*\.?read_pickle"
    r"|yaml\.(load|load_all|full_load|unsafe_load|full_load_all|unsafe_load_all)|runpy\.\w+|snakemake\.shell|shell"
)
# and those that do unless an argument says that they must not
NEEDED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
# and arguments that make them do so
NEVER = {"shell": True, "allow_pickle": True, "weights_only": False}


def dangers(code):
    """Yield every call in Python code that can run what it is given."""
    for call in ast.walk(ast.parse(code)):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func)
        given = {argument.arg: ast.unparse(argument.value) for argument in call.keywords}
        needed, value = NEEDED.get(name, (None, None))
        wrong = [key for key, bad in NEVER.items() if given.get(key, str(not bad)) != str(not bad)]
        if FORBIDDEN.fullmatch(name) or wrong or (needed and given.get(needed) != str(value)):
            yield ast.unparse(call)


@pytest.mark.parametrize(
    "code",
    [
        "eval(text)",
        "os.system(f'unzip {name}')",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=flag)",
        "pickle.load(file)",
        "pd.read_pickle(path)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.lib.format.read_array(file, allow_pickle=True)",
        "yaml.load(file, Loader=yaml.Loader)",
        "shell('rm {name}')",
    ],
)
def test_dangerous_call_is_found(code):
    assert list(dangers(f"def f():\n    return {code}")) == [ast.unparse(ast.parse(code))]


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path, map_location='cpu', weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "network.eval()",
        "re.compile('a')",
        "yaml.safe_load(file)",
        "subprocess.Popen([program, argument])",
    ],
)
def test_harmless_call_is_none(code):
    assert not list(dangers(code))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_code_runs_what_it_is_given(path):
    assert not list(dangers(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_has_a_shell_or_runs_what_it_is_given(path):
    text = path.read_text(encoding="utf-8")
    directives = set(re.findall(r"^    (\w+):", text, re.MULTILINE))
    assert not directives & {"shell", "run", "notebook", "wrapper", "cwl", "template_engine"}
    calls = re.findall(r"(?<![\w.])([\w.]+)\(", text)
    assert not list(filter(FORBIDDEN.fullmatch, calls))


# Text of the configuration
KNOWN = {  # text of any form: what it is checked against instead
    "archive": "an existing file, or refused",
    "data_root": "part of paths",
    "photographs[].path": "an existing file",
    "photographs[].credit": "escaped in tables",
    "photographs[].licence": "escaped in tables",
    "backbones[].weights": "an existing file, or the name of a release that torchvision or timm knows",
    "backbones[].control": "a backbone of the study",
    "datasets[].path": "an existing folder",
    "superres.images[].path": "an existing folder",
    "superres.images[].archive": "an archive of the study",
    "superres.start": "an existing file",
    "superres.lpips": "a backbone of the study",
    "superres.losses[].backbone": "a backbone of the study",
    "inversion.networks[].backbone": "a backbone of the study",
    "inversion.photographs[]": "a photograph of the study",
}


def free_text(node, name=""):
    """Yield the names of keys whose text may have any form."""
    is_text = "string" in node.get("type", [])
    if is_text and not {"pattern", "enum"} & set(node):
        yield name
    if "items" in node:
        yield from free_text(node["items"], f"{name}[]")
    for key, child in node.get("properties", {}).items():
        yield from free_text(child, f"{name}.{key}" if name else key)


def test_text_of_the_configuration_has_a_form_or_is_checked_against_what_exists():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    assert set(free_text(schema)) == set(KNOWN)


@pytest.mark.parametrize("name", ["layer1.0.conv2", "stages.0.blocks.1", "features_1", "relu2_2", "Mixed_5b.branch1x1"])
def test_names_of_layers_that_torchvision_and_timm_give_have_the_form(name):
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    keys = schema["properties"]
    backbone = keys["backbones"]["items"]["properties"]
    entries = keys["inversion"]["properties"]["networks"]["items"], keys["superres"]["properties"]["losses"]["items"]
    of_lists = [backbone["layers"]["items"], *(entry["properties"]["layers"]["items"] for entry in entries)]
    for node in (*of_lists, backbone["figure_layer"], keys["figures"]["properties"]["layer"]):
        assert re.search(node["pattern"], name)


def test_file_names_and_texts_of_the_configuration_are_refused_for_the_same_characters():
    assert UNWRITABLE.pattern == io.UNWRITABLE.pattern


# YAML
def payload(trace):
    return f'!!python/object/apply:os.system ["touch {trace}"]'


def test_configuration_with_tags_is_refused_and_runs_nothing(tmp_path):
    trace = tmp_path / "trace"
    (tmp_path / "hostile.yaml").write_text(f"{STUDY.read_text()}\nseed: {payload(trace)}\n")
    finished = snakemake(tmp_path, "--dry-run", study=tmp_path / "hostile.yaml")
    assert finished.returncode != 0
    assert "Config file is not valid JSON or YAML" in finished.stdout
    assert "Traceback" not in finished.stdout
    assert not trace.exists()
    yaml.unsafe_load(payload(trace))
    assert trace.exists()  # it would have run


def test_claims_with_tags_are_refused_and_run_nothing(tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    (tmp_path / "claims.yaml").write_text(f"claims: {payload(trace)}\n")
    monkeypatch.setattr(study, "CLAIMS", tmp_path / "claims.yaml")
    with pytest.raises(yaml.constructor.ConstructorError, match="could not determine a constructor for the tag"):
        study.read_study({**yaml.safe_load(STUDY.read_text()), "datasets": []})
    assert not trace.exists()
