"""Updating by the calendar."""

from tfrec.errors import InputError


class EveryPeriod:
    """Updates after each period t with t + 1 divisible by `n`; 0 never does: the weights stay as the base left them.

    Raises:
        InputError: `n` is negative.
    """

    def __init__(self, n: int = 1) -> None:
        if n < 0:
            raise InputError(f"trigger.n is {n}: choose 0 (never), 1 (every period) or more.")
        self.n = n

    def __call__(self, t: int) -> bool:
        """Whether to learn now that period t has been revealed."""
        return self.n > 0 and (t + 1) % self.n == 0
