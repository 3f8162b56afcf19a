"""From a composed configuration to a finished run."""

import json
import logging
import shutil
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tfrec import origin
from tfrec.build import build, check_keys
from tfrec.checkpoint import Checkpoints
from tfrec.errors import InputError, require
from tfrec.folders import replace_file, status
from tfrec.learner import Learner
from tfrec.loops.state import StreamState
from tfrec.memory import peak_memory
from tfrec.profiling import Profile
from tfrec.runtime import Runtime
from tfrec.tracking import Tracker, tag_of

log = logging.getLogger(__name__)

SEEDS = 1_000_003  # between the seeds of two strategies


def run_job(cfg: DictConfig, folder: Path, overrides: list[str], choices: dict[str, str]) -> float | None:
    """Runs one experiment in `folder`, goes on with it, or says that it is finished already.

    Args:
        overrides: what the command line changed. choices: the option taken of each group.

    Returns:
        The mean of the first metric of `evaluate.metrics` in the view all, as `results.json` has it; None without one.
    """
    try:
        config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise InputError(f"Set {error.full_key}: {str(error).splitlines()[0]}.") from error
    check_keys(experiment, config | {"profile": None, "tracker": None, "checkpoints": None}, "The configuration")
    seed, metrics = config["seed"], config["evaluate"].get("metrics")
    require(isinstance(seed, int) and 0 <= seed < 2**32, f"seed is '{seed}': choose a whole number from 0 on.")
    named = isinstance(metrics, list) and len(metrics) > 0 and all(isinstance(name, str) for name in metrics)
    require(named, f"evaluate.metrics is {metrics}: write a list of names, such as [ndcg@10,recall@100].")
    drawn = config["evaluate"].get("candidates", "all")
    metric = metrics[0] + ("" if drawn == "all" else f"~sampled{drawn}")
    runtime = build(config["runtime"], "runtime")
    with runtime.own_folder(folder) as own:
        prepare(own, config)
        if config["resume"] == "auto" and status(folder) == "finished":
            log.info("%s is finished already: nothing to resume", folder)
            own = folder
        else:
            checkpoints = Checkpoints(folder / "checkpoints", writes=runtime.chief)
            facts = {"name": config["name"], "seed": seed, "commit": origin.commit(), "overrides": overrides}
            _run(config, runtime, own, checkpoints, facts, choices, metric)
        return json.loads((own / "results.json").read_text())["metrics"].get(tag_of(metric))


def _run(
    config: dict, runtime: Runtime, folder: Path, checkpoints: Checkpoints, facts: dict, choices: dict, metric: str
) -> None:
    """The experiment with a tracker around it, which is told what was chosen and how it ended."""
    runtime.start(config["seed"])  # before anything computes, an event file's writer included
    tracker = Tracker(folder, facts, metric)
    try:
        tracker.text(
            {
                "config": yaml.safe_dump(config, sort_keys=False),
                "command": origin.command(facts["overrides"]),
                "versions": origin.versions(),
                "run": yaml.safe_dump(facts, sort_keys=False),
            }
        )
        tracker.hparams(flat(config) | {group: str(choice) for group, choice in choices.items()})
        with runtime.strategy.scope(), runtime.profile(folder) as profile:
            experiment(**config | {"runtime": runtime}, profile=profile, tracker=tracker, checkpoints=checkpoints)
    except Exception as error:
        tracker.fail(f"{type(error).__name__}: {error}")
        if lost := runtime.lost_worker(error):
            raise InputError(lost) from error
        raise


def experiment(
    *,
    name: str,
    seed: int,
    resume: str,
    runtime: Runtime,
    precision: dict,
    data: dict,
    step: dict | None,
    stream: dict,
    encoder: dict | None,
    peft: dict,
    model: dict,
    optimizer: dict,
    strategy: dict | None,
    balance: dict,
    trigger: dict,
    baseline: dict | None,
    loop: dict,
    evaluate: dict,
    slice: dict | None,
    probe: dict | None,
    profile: Profile | None,
    tracker: Tracker,
    checkpoints: Checkpoints,
) -> None:
    """Builds each part once, in the order in which they need one another, and runs the loop."""
    precision = build(precision, "precision")
    precision.start(runtime.device)
    found = build(data, "data")
    stream = build(stream, "stream", interactions=found, world=found)
    peft = build(peft, "peft", seed=seed)
    encoder = build(encoder, "encoder", seed=seed, peft=peft)
    require(
        encoder is not None or peft.name == "frozen",
        f"peft={peft.name} adapts a text encoder, and this run has none: choose an encoder, or peft=frozen.",
    )
    model = build(model, "model", encoder=encoder, stream=stream, seed=seed)
    require(
        peft.name == "frozen" or _learns(model, encoder),
        f"peft={peft.name} adapts a text encoder, and {type(model).__name__} does not learn one: choose peft=frozen, "
        "or model=two_tower.",
    )
    # Each draws its own: two memories of one seed would keep the same rows.
    strategies = [
        build(node, f"strategy.{key}", seed=seed + SEEDS * number)
        for number, (key, node) in enumerate((strategy or {}).items())
    ]
    strategies += peft.strategies
    optimizer = precision.optimizer(build(optimizer, "optimizer"))
    balance = build(balance, "balance", seed=seed)
    learner = Learner(model, optimizer, strategies, runtime.jit_compile, profile, balance)
    baselines = {key: build(node, f"baseline.{key}", seed=seed) for key, node in (baseline or {}).items()}
    steps = [build(node, f"step.{key}", seed=seed) for key, node in (step or {}).items()]
    state = StreamState(stream, model, learner, baselines, steps, seed)
    slices = [build(node, f"slice.{key}") for key, node in (slice or {}).items()]
    evaluator = build(evaluate, "evaluate", slices=slices, seed=seed)
    probe = build(probe, "probe", seed=seed)
    found = build(loop, "loop").run(state, build(trigger, "trigger"), evaluator, tracker, checkpoints, probe)
    costs = learner.costs() | {"cost/traces": learner.traces, "cost/compilations": learner.compilations}
    costs["cost/peak_memory_bytes"] = peak_memory()
    tracker.finish(costs | found)


def _learns(model, encoder) -> bool:
    """Whether weights of the encoder are among those of the model."""
    own = {id(weight) for weight in model.tfrs_model.trainable_weights}
    return any(id(weight) in own for weight in encoder.trainable_weights)


def prepare(folder: Path, config: dict) -> None:
    """Makes the folder ready: keeps an unfinished run that is to be resumed, removes any other.

    Raises:
        InputError: the run to be resumed was started with another configuration, or `resume` is not a word it knows.
    """
    if config["resume"] not in ("auto", "never"):
        raise InputError(f"resume is '{config['resume']}': choose auto or never.")
    wanted = yaml.safe_dump({**config, "resume": None}, sort_keys=True)
    saved = folder / "config.yaml"
    if config["resume"] == "auto" and saved.is_file():
        if saved.read_text() != wanted:
            raise InputError(f"{folder} was started with another configuration: use resume=never, or restore it.")
        return
    files = ("stream.csv", "results.json", "scores.parquet", "matrix.csv")
    earlier = [*folder.glob("events.out.tfevents.*"), *(folder / name for name in files)]
    if (folder / "results.json").is_file():
        log.info("%s held an earlier run: it is replaced", folder)
    for path in earlier:
        path.unlink(missing_ok=True)
    for name in ("checkpoints", "scores", "weights"):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(saved, wanted)


def flat(config: dict, prefix: str = "") -> dict[str, str | int | float | bool]:
    """Every value of a nested configuration under its dotted key, as TensorBoard's HParams takes it."""
    values = {}
    for key, value in config.items():
        if isinstance(value, dict):
            values |= flat(value, f"{prefix}{key}.")
        elif key != "_target_" and value is not None:
            values[f"{prefix}{key}"] = value if isinstance(value, str | int | float | bool) else str(value)
    return values
