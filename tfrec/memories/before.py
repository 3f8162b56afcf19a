"""What a model said before an update, kept beside the examples of the update."""

from dataclasses import replace

import numpy as np

from tfrec.data.examples import Update

BEFORE = "before/"  # how names of features begin that are outputs of the weights before the update


def with_before(update: Update, model) -> Update:
    """The update with the model's outputs of now for each of its requests and candidates; see `StreamModel.before`.

    Each request and each candidate is encoded once, however many examples they are in.
    """
    asked, candidates = model.before(update.examples.queries, update.candidates)
    examples = replace(update.examples, queries=update.examples.queries | _named(asked))
    return replace(update, examples=examples, candidates=update.candidates | _named(candidates))


def remembers(update: Update) -> bool:
    """Whether an update has them."""
    return any(key.startswith(BEFORE) for key in update.examples.queries)


def before_of_rows(model, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same of rows `[n, ...]` that have the features of a request and of its item."""
    _, first, place = np.unique(rows["item"], return_index=True, return_inverse=True)
    asked, candidates = model.before(rows, {key: values[first] for key, values in rows.items()})
    return _named(asked) | {key: values[place] for key, values in _named(candidates).items()}


def outputs_before(features: dict) -> dict | None:
    """In graph: a batch's outputs of before the update, by the names of the model's outputs; None if it has none."""
    found = {key.removeprefix(BEFORE): values for key, values in features.items() if key.startswith(BEFORE)}
    return found or None


def _named(outputs: dict) -> dict:
    return {BEFORE + key: np.asarray(values) for key, values in outputs.items()}
