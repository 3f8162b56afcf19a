"""A step of three tasks on a trunk that all of them share, by each balance, against the summed step.

    python benchmarks/balance_step.py    # writes benchmarks/results/balance_step.json

The sum takes one gradient; what goes by the gradient of each task takes three, of one forward pass: a pass back costs
some two passes forward, so the least is (1 + 3 * 2) / (1 + 2) = 7/3.
"""

import numpy as np
import yaml
from figures import figure, in_turns, median, report

from tfrec.build import build
from tfrec.folders import conf_folder
from tfrec.learner import Learner
from tfrec.tasks.averaging import mean_per_task

import tensorflow as tf  # isort: skip  # after tfrec

BATCH, INPUTS, UNITS, TASKS, STEPS, ROUNDS, ASKED = 1024, 256, (512, 512, 512), 3, 10, 7, 2.9
BALANCES = sorted(path.stem for path in (conf_folder() / "balance").glob("*.yaml"))


class Trunk(tf.keras.Model):
    """Dense layers, and a number of theirs for each task: nothing is of one task alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layers_of_all = [tf.keras.layers.Dense(units, "relu") for units in UNITS]

    @property
    def tfrs_model(self):
        """Itself."""
        return self

    def call(self, features, training=False):
        """Predictions `[batch, tasks]`."""
        values = features["inputs"]
        for layer in self.layers_of_all:
            values = layer(values)
        return values[:, :TASKS]

    def task_losses(self, outputs, features, training=True):
        """Squared errors."""
        errors = tf.unstack(tf.square(outputs - features["targets"]), axis=1)
        return {f"task {number}": error for number, error in enumerate(errors)}

    def compute_loss(self, features, training=False):
        """Their sum."""
        return tf.add_n([*mean_per_task(self.task_losses(self(features), features)).values()])

    def table_rows(self, features):
        """The features: there are no tables."""
        return features

    def batch(self, features, *rest):
        """The features: nothing is added."""
        return features


def learner_of(name: str) -> Learner:
    """A learner with a model of its own."""
    tf.keras.utils.set_random_seed(0)
    balance = build(yaml.safe_load((conf_folder() / f"balance/{name}.yaml").read_text()), "balance", seed=0)
    return Learner(Trunk(), tf.keras.optimizers.Adam(1e-3), jit_compile=False, balance=balance)


def main() -> None:
    """Measures, prints a table and writes the figures."""
    rng = np.random.default_rng(0)
    batch = {"inputs": rng.normal(size=(BATCH, INPUTS)), "targets": rng.normal(size=(BATCH, TASKS))}
    batch = {key: values.astype(np.float32) for key, values in batch.items()}
    learners = {name: learner_of(name) for name in BALANCES}

    def steps(learner: Learner) -> None:
        for _ in range(STEPS):
            losses = learner.step(batch)
        losses["loss"].numpy()

    seconds = in_turns({name: lambda learner=learner: steps(learner) for name, learner in learners.items()}, ROUNDS)
    figures, of_sum = {}, np.median(seconds["sum"])
    for name, rounds in seconds.items():
        figures[f"{name}, step"] = median(rounds, "ms", scale=1000 / STEPS)
        figures[f"{name}/sum"] = figure(np.median(rounds) / of_sum, "times", ASKED if name == "pcgrad" else None)
        figures[f"{name}, traces"] = figure(learners[name].traces, "traces", 1 if name == "pcgrad" else None)
    report("balance_step", figures, batch=BATCH, units=list(UNITS), tasks=TASKS)


if __name__ == "__main__":
    main()
