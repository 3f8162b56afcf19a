"""One run over the log of `scale_log.py`: read, observed, learned from at each mark, and scored at the end."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml
from figures import peak_memory
from scale_log import PERIODS, SCHEMA

BATCH, ROUNDS, REQUESTS = 4096, 5, 10_000
MARKS = (5, 10, 20, 50)  # periods seen: 10, 20, 40 and 100 percent of the events


def run(folder: Path, steps: int, history: int) -> dict:
    """Seconds of each stage, in the process whose memory counts.

    Args:
        steps: of each mark, in `ROUNDS` rounds.
        history: items of a user's history that the model reads.
    """
    import tfrec  # noqa: F401  before TensorFlow
    from tfrec.data.files import load
    from tfrec.data.stream import Stream

    checked = folder / "checked"
    shutil.rmtree(checked, ignore_errors=True)  # what an earlier run has checked would not be checked again
    found, started = {"idle": peak_memory()}, time.perf_counter()
    log = load(str(folder / "events"), columns={name: name for name in SCHEMA.names}, folder=str(checked))
    read, stream = time.perf_counter(), Stream(log, "7D")
    found |= {"read": read - started, "cut": time.perf_counter() - read, "rows": len(log.events)}
    found |= {"intake": peak_memory(), "observed": [], "learned": {}, "memory": {}}
    state = new_state(stream, history)
    for t in range(PERIODS):
        started = time.perf_counter()
        state.observe(t)
        found["observed"].append(time.perf_counter() - started)
        if t + 1 in MARKS:
            found["learned"][t + 1] = [learn(state, t, drawn(state, t, steps // ROUNDS, n)) for n in range(-1, ROUNDS)]
            if t + 1 == MARKS[0]:
                found["epoch"] = learn(state, t, everything(state, t))
            found["memory"][t + 1] = peak_memory()
    found |= {"events": state.sizes, "users": len(state.history.users), "items": len(state.history.items)}
    return found | evaluated(state) | {"peak": peak_memory()}


def new_state(stream, history: int):
    """Two towers of ids and histories with the shipped optimizer, before the first period."""
    from tfrec.build import build
    from tfrec.data.features import TowerFeatures
    from tfrec.folders import conf_folder
    from tfrec.learner import Learner
    from tfrec.loops.state import StreamState
    from tfrec.models.two_tower import TwoTower

    optimizer = yaml.safe_load((conf_folder() / "optimizer/adagrad.yaml").read_text())
    model = TwoTower(features=TowerFeatures(history_length=history), dim=64, new_items="mean")
    return StreamState(stream, model, Learner(model, build(optimizer, "optimizer")), {})


def drawn(state, t: int, steps: int, turn: int):
    """Examples of so many steps, as many of each period up to t; turn -1 gives two steps, in which graphs are traced.

    Args:
        turn: number of the draw.
    """
    from tfrec.data.examples import Examples

    rng, parts = np.random.default_rng([t, turn + 1]), []
    wanted = np.diff(np.linspace(0, (steps if turn >= 0 else 2) * BATCH, t + 2).round()).astype(int)
    for period, n in enumerate(wanted):
        examples = state.examples(period)
        chosen = np.sort(rng.choice(len(examples), n, replace=n > len(examples)))
        asked, query = np.unique(examples.query[chosen], return_inverse=True)
        queries = {name: values[asked] for name, values in examples.queries.items()}
        parts.append(Examples(queries, query, examples.item[chosen]))
    return Examples.concatenate(parts)


def everything(state, t: int):
    """All examples of the periods up to t: one epoch."""
    from tfrec.data.examples import Examples

    return Examples.concatenate([state.examples(period) for period in range(t + 1)])


def learn(state, t: int, examples) -> dict[str, float]:
    """Learns the examples once, as an update after period t does; returns its seconds and examples."""
    update = replace(state.update(range(t, t + 1), log_q_window=8), examples=examples)
    before, started = state.learner.examples, time.perf_counter()
    state.learner.learn(update, epochs=1, batch_size=BATCH, seed=0)
    seconds = time.perf_counter() - started
    state.scorer.forget()
    return {"seconds": seconds, "examples": state.learner.examples - before}


def evaluated(state) -> dict[str, float]:
    """Seconds to score requests of the period after the last one learned, over all items seen."""
    from tfrec.evaluate import Evaluator

    started = time.perf_counter()
    truth = state.truth(PERIODS)
    some = np.random.default_rng(0).permutation(len(truth.users))[:REQUESTS]
    truth = truth.take(np.sort(some))
    asked = time.perf_counter()
    scores = state.scorer.score(state.history, truth.requests)
    scores(slice(0, 1))
    encoded = time.perf_counter()
    values = Evaluator()(scores, truth)
    done = time.perf_counter()
    return {
        "truth": asked - started,
        "encoded": encoded - asked,
        "ranked": done - encoded,
        "requests": len(truth.users),
        "ndcg@10": float(np.nanmean(values["all/ndcg@10"])),
    }
