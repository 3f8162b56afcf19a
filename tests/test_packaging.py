"""What is shipped: the wheel with the configuration inside, and the locked environment."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def _setup_cfg():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def _lines(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _relative(root, pattern):
    return {path.relative_to(root) for path in root.rglob(pattern)}


def _python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)


def test_setup_cfg_lists_every_package():
    found = {".".join(p.parent.parts) for p in _relative(ROOT, "__init__.py") if p.parts[0] == "tfrec"}
    listed = _lines(_setup_cfg()["options"]["packages"])
    assert sorted(listed) == sorted(found | {"tfrec.conf"})


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with only tfrec in it, installed from a wheel with an experiment that the checkout lacks."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "target"))
    for folder in ("tfrec", "conf"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        for file in ROOT.glob(pattern):
            shutil.copy(file, source)
    experiment = source / "conf" / "experiment"
    experiment.mkdir(exist_ok=True)
    (experiment / "only_in_wheel.yaml").write_text("# @package _global_\nonly_in_wheel: true\n")

    offline = ["--no-index", "--no-deps", "--disable-pip-version-check", "-q"]
    built = _python("-m", "pip", "wheel", *offline, "--no-build-isolation", "-w", str(wheels), str(source))
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.iterdir()
    put = _python("-m", "pip", "install", *offline, "--target", str(target), str(wheel))
    assert put.returncode == 0, put.stderr
    return target


def test_wheel_holds_every_module_and_every_yaml(installed):
    assert _relative(ROOT / "conf", "*.yaml") <= _relative(installed / "tfrec" / "conf", "*.yaml")
    modules = {path for path in _relative(installed / "tfrec", "*.py") if path.parts[0] != "conf"}
    assert modules == _relative(ROOT / "tfrec", "*.py")


def test_wheel_installs_nothing_but_tfrec(installed):
    assert sorted(path.name.split("-")[0] for path in installed.iterdir()) == ["tfrec", "tfrec"]


def test_installed_wheel_finds_its_own_configuration(installed, tmp_path):
    outside = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(installed)}}
    where = _python("-c", "import tfrec; print(tfrec.__file__)", **outside)
    assert where.stdout.strip() == str(installed / "tfrec" / "__init__.py")

    plain = _python("-m", "tfrec.run", "--cfg", "job", **outside)
    assert plain.returncode == 0, plain.stderr
    overlaid = _python("-m", "tfrec.run", "+experiment=only_in_wheel", "--cfg", "job", **outside)
    assert overlaid.returncode == 0, overlaid.stderr
    # the checkout has no such experiment, so it was read from the wheel; apart from it the two are the same
    assert yaml.safe_load(overlaid.stdout) == {**yaml.safe_load(plain.stdout), "only_in_wheel": True}


@pytest.fixture(scope="module")
def lock():
    return (ROOT / "requirements.lock").read_text()


@pytest.fixture(scope="module")
def locked(lock):
    """{package: exact version}"""
    pins = re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


@pytest.fixture(scope="module")
def left_out():
    """What is declared for no platform that there is, by the overrides that `make lock` reads."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["override-dependencies"]
    return {canonicalize_name(each.name) for each in map(Requirement, overrides) if not each.marker.evaluate()}


def test_lock_names_no_index_and_no_path(lock):
    for line in lock.splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
        assert not re.search(r"://|index|[/@]", line), line


def test_lock_holds_every_dependency_in_its_range(locked, left_out):
    config = _setup_cfg()
    declared = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    for requirement in map(Requirement, (line for text in declared for line in _lines(text))):
        name = canonicalize_name(requirement.name)
        version = locked.get(name)
        held = version and requirement.specifier.contains(version)
        assert held or name in left_out, f"{requirement}: locked {version}"


def test_lock_leaves_out_what_pyproject_says(locked, left_out):
    assert "ray" in left_out and not left_out & set(locked)


def test_lock_leaves_out_torch(locked):
    unwanted = {"torch", "triton", "transformers", "sentence-transformers"}
    assert not [name for name in locked if name in unwanted or name.startswith("nvidia-")]
