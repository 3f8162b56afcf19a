"""Random numbers that depend on (seed, purpose, period) alone, never on what was drawn before."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, t: int = 0) -> np.random.Generator:
    """The generator of one purpose in one period.

    A world can so be entered at any period, two policies meet the same users, queries and noise (common random
    numbers), and a knob that changes how much one purpose draws leaves all others as they were.
    """
    return np.random.default_rng([seed, t, zlib.crc32(purpose.encode())])
