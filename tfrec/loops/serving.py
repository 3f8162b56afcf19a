"""Streams that answer: the model shows its best items, and what users do with them becomes the period's events."""

import numpy as np
import pandas as pd

from tfrec.data.requests import Requests, offered
from tfrec.metrics.counting import best_in_blocks

DEPTH = 100  # items that a stream may show of a ranking


def answers(stream) -> bool:
    """Whether the stream asks for rankings before its events come into being."""
    return hasattr(stream, "serve")


def serve(state, t: int) -> dict[str, float]:
    """Lets period t of a stream that answers happen with the model's rankings; returns what they were worth, by tag."""
    if not answers(state.stream):
        return {}
    worth = state.stream.serve(t, lambda asked: best(state, asked))
    return {f"served/{name}": value for name, value in worth.items()}


def best(state, asked: pd.DataFrame) -> np.ndarray:
    """Ids of the model's best items for each of the requests `asked`, best first, `[requests, at most DEPTH]`."""
    requests = admitted(state, asked)
    scores = state.scorer.score(state.history, requests)
    return state.history.items.ids[best_in_blocks(scores, len(requests), DEPTH, 256)]


def admitted(state, asked: pd.DataFrame) -> Requests:
    """The requests of a table with columns user, query and timestamp, for which the model makes room."""
    prepared = state.prepared(asked)
    queries = prepared["query"].to_numpy() if "query" in prepared else None
    context = {name: prepared[name].to_numpy() for name in offered(prepared.columns)}
    requests = Requests(state.history.users.rows(asked["user"]), asked["user"].to_numpy(), queries, context)
    state.admit(requests)
    return requests
