"""The open loop: what a world's users did with what the logging policy showed."""

import logging

import numpy as np
import pandas as pd

from tfrec.data.interactions import Interactions, validated
from tfrec.errors import require
from tfrec.simulator.draws import generator
from tfrec.simulator.policy import explore
from tfrec.simulator.world import SLATES, Requests, World

CELLS = 2**20  # requests times items that are weighed at once: what fits a processor's cache

log = logging.getLogger(__name__)


def load(world: World, periods: int = 27, oracle: bool = False) -> Interactions:
    """Simulates periods 0 to `periods - 1` with the world's logging policy.

    Events are one row per shown item; `tfrec.simulator.log.shown` says of which columns. A calendar stream of the
    same period has the world's periods, but drops the last, as it cannot know that it is complete.

    Args:
        oracle: adds columns `pctr` and `pcvr`, the truth: for tests and bounds; a model must not see them.

    Raises:
        InputError: a knob outside of its range, or nobody came.
    """
    require(isinstance(periods, int) and periods >= 1, f"data.periods is {periods}: choose 1 or more.")
    log.info("tastes change in periods %s", world.change_points(periods) or "(none)")
    events, changes = [], []
    for t in range(periods):
        requests = world.requests(t)
        events.append(shown(world, t, requests, *logged(world, t, requests), oracle))
        if t:
            changes.append(versions(world, t))
    changes = pd.concat(changes, ignore_index=True) if changes else None
    source = f"the simulated log (seed {world.seed})"
    return validated(pd.concat(events, ignore_index=True), world.markets.table(), source, changes)


def logged(world: World, t: int, requests: Requests) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the items that the logging policy shows in period t, and their propensities, `[requests, slate]`."""
    policy, available = world.policy, world.markets[t].available
    items = policy.items(world.items.appeal, generator(world.seed, "logging policy", t))
    rng = generator(world.seed, "logged ranking", t)
    if world.queries.search_share:
        ranking, total = _weighed_one_by_one(world, t, requests, items, rng)
    else:
        weights = policy.weights(items[available], np.zeros(len(available), np.float32))
        ranking = available[policy.alike(weights, len(requests), rng)]
        total = np.full(len(requests), weights.sum(dtype=np.float64))
    rng = generator(world.seed, "exploration", t)
    rows, _ = explore(ranking, available, world.slate, policy.epsilon, rng)
    weights = policy.weights(items[rows], world.relevance(t, requests.asked, requests.wanted, rows))
    return rows, policy.propensities(weights, total, len(available))


def _weighed_one_by_one(world: World, t: int, requests: Requests, items: np.ndarray, rng) -> tuple:
    """Rankings `[requests, slate]` and sums of weights `[requests]` where each request's query weighs the items."""
    available, block = world.markets[t].available, max(1, CELLS // len(items))
    ranking, total = [np.empty((0, world.slate), int)], [np.empty(0)]
    for first in range(0, len(requests), block):
        part = slice(first, first + block)
        relevance = world.relevance(t, requests.asked[part], requests.wanted[:, part])[:, available]
        weights = world.policy.weights(items[available], relevance)
        ranking.append(available[world.policy.ranking(weights, rng)])
        total.append(weights.sum(axis=1, dtype=np.float64))
    return np.concatenate(ranking), np.concatenate(total)


def shown(
    world: World, t: int, requests: Requests, rows: np.ndarray, propensity: np.ndarray, oracle: bool = False
) -> pd.DataFrame:
    """The log of a period in which `rows` were shown: a row per request and position, in that order.

    Args:
        rows: of items, and propensity: of showing them, `[requests, slate]` each.

    Returns:
        columns user, item, timestamp, query, slate, position, propensity, click, purchase, price, spend, known,
        and pctr and pcvr for an oracle.
    """
    n, slate = rows.shape
    pctr, pcvr = world.probabilities(t, requests, rows)
    click, purchase = world.feedback.answers(pctr, pcvr, generator(world.seed, "answers", t))
    time = np.repeat(requests.timestamp[:, None], slate, axis=1)
    known = world.feedback.known(time, click, purchase, generator(world.seed, "delays", t))
    price = world.markets[t].price[rows]
    columns = {
        "timestamp": time,
        "slate": np.repeat(t * SLATES + np.arange(n), slate),
        "position": np.tile(np.arange(1, slate + 1), n),
        "propensity": propensity,
        "click": click,
        "purchase": purchase,
        "price": price,
        "spend": price * purchase,
        "known": known,
    } | ({"pctr": pctr, "pcvr": pcvr} if oracle else {})
    events = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    events.insert(0, "user", world.user_ids.take(np.repeat(requests.user, slate)))
    events.insert(1, "item", world.items.ids.take(rows.ravel()))
    events.insert(3, "query", pd.Index(requests.query, dtype=world.user_ids.dtype).repeat(slate))
    return events


def versions(world: World, t: int) -> pd.DataFrame:
    """What becomes known of items at the start of period t, as `Interactions.changes` has it."""
    changes = world.markets.changes(t)
    changes.insert(1, "timestamp", world.begins(t))
    return changes
