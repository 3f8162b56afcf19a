"""Packages that launch and search: a missing one is a sentence, and docs/sweeps.md names keys that there are."""

import configparser
import re
import shlex
from importlib.util import find_spec

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf
from packaging.requirements import Requirement

from tests.small_runs import ROOT, python
from tfrec.build import build
from tfrec.errors import InputError
from tfrec.folders import conf_folder, misplaced
from tfrec.launchers import PLUGINS, explained

# Hydra as it is without any plugin: the package that plugins live in has no folder.
BARE = """
import sys, types
sys.modules["hydra_plugins"] = types.ModuleType("hydra_plugins")
sys.modules["hydra_plugins"].__path__ = []
from tfrec.run import main
try:
    main()
finally:
    print("tensorflow" in sys.modules)
"""


def bringing(package):
    """The extra of setup.cfg that declares a package."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    for extra, text in parser["options.extras_require"].items():
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        if package in [Requirement(line).name for line in lines]:
            return extra


@pytest.mark.parametrize("inside_an_experiment", [False, True])
@pytest.mark.parametrize("group, option", [(group, option) for group in PLUGINS for option in PLUGINS[group]])
def test_a_missing_package_is_a_sentence(tmp_path, group, option, inside_an_experiment):
    package, extra = PLUGINS[group][option]
    chosen = [f"{group}={option}"]
    if inside_an_experiment:
        (tmp_path / "conf" / "experiment").mkdir(parents=True)
        overlay = f"# @package _global_\ndefaults:\n  - override /{group}: {option}\n"
        (tmp_path / "conf" / "experiment" / "far.yaml").write_text(overlay)
        chosen = ["+experiment=far", "--config-dir", "conf"]
    done = python(["-c", BARE, "-m", "seed=0,1", *chosen], tmp_path, tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {group}={option} needs the package {package}, which is not installed: run pip install "
        f"'tfrec[{bringing(package)}]', or choose one that is there: {group}=basic.\n"
    )
    assert done.stdout == "False\n"  # TensorFlow was not imported


def test_slurm_missing_is_a_sentence(tmp_path):
    done = python(
        ["-m", "tfrec.run", "-m", "seed=0,1", "hydra/launcher=submitit_slurm"], tmp_path, tmp_path, PATH=str(tmp_path)
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: hydra/launcher=submitit_slurm needs Slurm") and done.stderr.count("\n") == 1


def test_every_option_of_the_installed_packages_is_known():
    there = {name for name in ("joblib", "submitit", "ray", "optuna") if find_spec(name)}
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        loader = GlobalHydra.instance().config_loader()
        for group, options in PLUGINS.items():
            expected = {option for option, (package, _) in options.items() if package.split("-")[1] in there}
            assert set(loader.get_group_options(group)) == expected | {"basic"}


PAGE = (ROOT / "docs" / "sweeps.md").read_text().replace("\\\n", " ")
SHOWN = [line.partition("  #")[0] for line in re.findall(r"python (-m tfrec\.run -m .*)", PAGE)]


@pytest.mark.parametrize("command", SHOWN)
def test_the_commands_of_the_page_name_keys_that_there_are(command):
    overrides = shlex.split(command)[3:]
    for override in overrides:
        group, _, option = override.partition("=")
        if group in PLUGINS:
            pytest.importorskip(f"hydra_plugins.{PLUGINS[group][option][0].replace('-', '_')}")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        swept = [o for o in OverridesParser.create().parse_overrides(overrides) if o.is_sweep_override()]
        fixed = [o for o in overrides if o not in [each.input_line for each in swept]]
        assert swept
        cfg = compose("config", overrides=fixed, return_hydra_config=True)
        for override in swept:
            assert OmegaConf.select(cfg, override.key_or_group) is not None


def test_a_part_that_the_chosen_model_does_not_have_is_one_sentence_with_both_keys():
    assert misplaced("model/zzz") is None and misplaced("optimizer") is None
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        with pytest.raises(ConfigCompositionException) as error:
            compose("config", overrides=["model/tower=din"])
        appended = OmegaConf.to_container(compose("config", overrides=["+model/tower=din"]).model, resolve=True)
    sentence = "model/tower goes with model=two_stage, and another model is chosen: choose model=two_stage, or leave"
    assert explained(error.value).startswith(f"error: {sentence}")
    with pytest.raises(InputError, match=f"^{sentence}"):
        build(appended, "model", seed=0)
