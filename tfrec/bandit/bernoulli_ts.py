"""What Bernoulli Thompson sampling shows: the distribution over actions that its Beta beliefs give."""

import numpy as np

from tfrec.errors import require

_CHUNK = 20_000  # simulations drawn together: 20,000 x 80 doubles are 13 MB


def action_distribution(
    alpha: np.ndarray, beta: np.ndarray, positions: int, simulations: int = 100_000, seed: int = 12345
) -> np.ndarray:
    """Probability that Thompson sampling puts action a in position k, estimated by simulation.

    Each simulation draws `theta_a ~ Beta(alpha_a, beta_a)` for every action, in the order of the actions, and shows
    the `positions` largest, the largest first (Thompson 1933; Chapelle & Li, NeurIPS 2011). Simulations use one
    `numpy.random.RandomState(seed)` one after the other, so the result repeats bit for bit, however they are chunked.

    Args:
        alpha, beta: parameters of the beliefs `[actions]`, above 0.
        positions: items shown together.

    Returns:
        float64 `[actions, positions]`; every column sums to 1, every row to at most 1.

    Raises:
        InputError: parameters of different shapes or not above 0, or counts that make no sense.
    """
    alpha, beta = np.asarray(alpha, float), np.asarray(beta, float)
    require(
        alpha.ndim == 1 and alpha.shape == beta.shape,
        f"alpha has shape {alpha.shape} and beta {beta.shape}: give one number of each an action.",
    )
    require(bool((alpha > 0).all() and (beta > 0).all()), "alpha and beta must be above 0 for every action.")
    require(1 <= positions <= len(alpha), f"positions is {positions}: choose 1 to {len(alpha)}, the number of actions.")
    require(simulations >= 1, f"simulations is {simulations}: choose 1 or more.")
    random = np.random.RandomState(seed)
    shown = np.zeros([positions, len(alpha)])
    for start in range(0, simulations, _CHUNK):
        # One call for many simulations takes the same random numbers, in the same order, as one call for each.
        theta = random.beta(alpha, beta, size=[min(_CHUNK, simulations - start), len(alpha)])
        best = theta.argsort(axis=1)[:, ::-1][:, :positions]
        shown += [np.bincount(best[:, k], minlength=len(alpha)) for k in range(positions)]
    return shown.T / simulations
