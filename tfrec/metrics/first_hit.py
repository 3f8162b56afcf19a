"""Where the first of m targets stands: a candidates before a group of g of equal score, all orders equally likely.

Its place J in the group has a negative hypergeometric law: the first j places have no target with probability
`S_j = prod over i = 1..j of (1 - m / (g - i + 1))`, and `P(J = j) = S_{j-1} m / (g - j + 1)`, j from 1 to g - m + 1.
Arrays `a`, `g`, `m` are `[n]`: whole numbers, m at least 1 and at most g.
"""

import numpy as np
from scipy.special import digamma

PLACES = 1_000_000  # looked at in one piece: bounds the memory
NEVER = 40  # S_j <= exp(-j m / g): after j = 40 g / m places less than 5e-18 of the probability is left


def hit_chance(a: np.ndarray, g: np.ndarray, m: np.ndarray, k: int) -> np.ndarray:
    """`P(a + J <= k)`, `[n]`."""
    chance = np.zeros(len(a))
    for rows, missed, _ in _blocks(a, g, m, k):
        chance[rows] = 1 - missed[:, -1]
    return chance


def mean_reciprocal(a: np.ndarray, g: np.ndarray, m: np.ndarray, k: int | None = None) -> np.ndarray:
    """`E[1 / (a + J)]`, counting 0 for places below k, `[n]`."""
    mean = np.zeros(len(a))
    # Long ties are not summed place by place where the recursion keeps 11 digits and more.
    long = (g > 1000) & (m * (a + 1) <= 10 * (g - m + 1)) & (k is None)
    mean[long] = _by_recursion(a[long], g[long], m[long])
    short = np.flatnonzero(~long)
    for rows, _, terms in _blocks(a[short], g[short], m[short], k):
        mean[short[rows]] = terms.sum(axis=1)
    return mean


def _blocks(a, g, m, k: int | None):
    """Sums over places, for rows with places in the first k: rows `[n]`, `S_j` and `P(J = j) / (a + j)` `[n, width]`.

    Rows with fewer places than the width keep their last S_j in the places after it.
    """
    last = np.minimum(g - m + 1, np.ceil(NEVER * g / m).astype(int) if k is None else k - a)
    order = np.argsort(last, kind="stable")
    order = order[last[order] > 0]
    while len(order):
        width = last[order]
        rows, order = np.split(order, [max(1, np.searchsorted(width * np.arange(1, len(order) + 1), PLACES))])
        j = np.arange(1, last[rows[-1]] + 1)
        chance = np.where(j <= last[rows, None], m[rows, None] / np.maximum(g[rows, None] - j + 1, 1), 0)
        missed = np.cumprod(1 - chance, axis=1)
        terms = chance / (a[rows, None] + j)
        terms[:, 1:] *= missed[:, :-1]
        yield rows, missed, terms


def _by_recursion(a, g, m) -> np.ndarray:
    """From m - 1 targets to m: `E_m = m / ((m - 1)(g - m + 1)) ((g + a - m + 2) E_{m-1} - 1)`.

    It follows from `C(g - j, m - 1) = C(g - j, m - 2) (g + a - m + 2 - (a + j)) / (m - 1)` in
    `E_m = sum over j of C(g - j, m - 1) / C(g, m) / (a + j)`, and `E_1 = (H_{a+g} - H_a) / g`. Rounding errors grow
    relative to E by about `exp(m (a + 1) / (g - m + 1))`.
    """
    mean = (digamma(a + g + 1) - digamma(a + 1)) / g
    for i in range(2, m.max(initial=0) + 1):
        more = m >= i
        mean[more] = i / (i - 1) / (g - i + 1)[more] * ((g + a - i + 2)[more] * mean[more] - 1)
    return mean
