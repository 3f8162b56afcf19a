"""Metrics of what is shown: top-k lists of item rows, `[requests, k]`, -1 where a list has no item.

A list holds an item once and may be shorter than k; its -1 are left out wherever they stand. A value that a list is
too short for is NaN, never 0.
"""

import numpy as np

from tfrec.errors import require


def coverage(lists: np.ndarray, catalogue: int) -> float:
    """Share of the items 0..catalogue-1 that are in at least one list; NaN without requests or without a catalogue."""
    times = _times_listed(lists, catalogue)
    return float((times > 0).mean()) if len(lists) and catalogue else float("nan")


def gini(lists: np.ndarray, catalogue: int) -> float:
    """Gini coefficient of how often each of the n = catalogue items is listed: 0 is all equally often.

    `sum over i of (2 i - n - 1) x_i / (n sum x)`, `x_1 <= ... <= x_n` the times listed. It is at most (n - 1) / n,
    where one item has all. In R lists of k different items it is at most (n - k) / n, where all show the same k; and
    if R k < n it is at least (n - R k) / n, since not even one place is left for every item. NaN if nothing is listed.
    """
    times = np.sort(_times_listed(lists, catalogue))
    if not times.sum():
        return float("nan")
    i = np.arange(1, catalogue + 1)
    return float(((2 * i - catalogue - 1) * times).sum() / (catalogue * times.sum()))


def novelty(lists: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    """Mean of `-log2 p(i)` over the items of each list, in bits, `[requests]`; NaN for an empty list.

    `p(i) = (c_i + 1) / (sum c + n)`: each of the n items counts once more than it was bought, so that a new one stays
    finite (Laplace). (Zhou et al., PNAS 2010, there without the smoothing.)

    Args:
        popularity: purchases `c` of each item of the catalogue, `[items]`.
    """
    popularity = np.asarray(popularity, float)
    bits = np.log2(popularity.sum() + max(len(popularity), 1)) - np.log2(popularity + 1)
    return _mean_listed(lists, bits)


def diversity(lists: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Intra-list diversity, `[requests]`: mean over the pairs of items of a list of the share of columns that differ.

    0 if all items have the same categories, 1 if no two share any. Codes are only compared: two items with the code
    for "unknown" are alike in it. NaN for fewer than two items, or without columns.
    (Ziegler et al., WWW 2005, with this distance.)

    Args:
        categories: codes, `[items, columns]` ints.
    """
    listed = lists >= 0
    codes = _of_listed(lists, categories)
    differ, pairs = np.zeros(len(lists)), np.zeros(len(lists))
    for gap in range(1, lists.shape[1]):  # every pair of places is some gap apart
        both = listed[:, gap:] & listed[:, :-gap]
        differ += ((codes[:, gap:] != codes[:, :-gap]).sum(axis=2) * both).sum(axis=1)
        pairs += both.sum(axis=1)
    return _ratio(differ, pairs * categories.shape[1])


def freshness(lists: np.ndarray, ages: np.ndarray, tau: float) -> np.ndarray:
    """Mean of `exp(-age / tau)` over the items of each list, `[requests]`: 1 if all are new; NaN for an empty list.

    Args:
        ages: of each item of the catalogue, in periods, `[items]`, not below 0.
        tau: periods in which an item's freshness falls to 1 / e.

    Raises:
        InputError: tau is not above 0.
    """
    require(tau > 0, f"tau is {tau}: choose more than 0 periods.")
    return _mean_listed(lists, np.exp(-np.asarray(ages, float) / tau))


def churn(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Share of the items of `now` that were not in `before`, `[requests]`; NaN where either list is empty.

    Args:
        before, now: `[requests, k]` each, the same requests in the same order; the two k may differ.
    """
    listed, stayed = now >= 0, np.zeros(now.shape, bool)
    for place in range(before.shape[1]):
        stayed |= now == before[:, place, None]
    new = (listed & ~stayed).sum(axis=1)
    return _ratio(new, listed.sum(axis=1) * (before >= 0).any(axis=1))


def _times_listed(lists: np.ndarray, catalogue: int) -> np.ndarray:
    rows = lists[lists >= 0]
    require(
        rows.max(initial=-1) < catalogue,
        f"A list has item row {rows.max(initial=-1)}, but the catalogue has {catalogue} items: give the catalogue that "
        "was ranked.",
    )
    return np.bincount(rows, minlength=catalogue)


def _of_listed(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` `[items, ...]` of each place, `[requests, k, ...]`; whatever where there is no item."""
    filled = values if len(values) else np.zeros((1, *values.shape[1:]), values.dtype)
    return filled[np.maximum(lists, 0)]


def _mean_listed(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    listed = lists >= 0
    return _ratio(np.where(listed, _of_listed(lists, values), 0).sum(axis=1), listed.sum(axis=1))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
