"""What says when an update ends: epochs, a budget, or periods or events that choose."""

from tfrec.errors import require
from tfrec.loops.passes import Passes


def require_one_end(
    base: int,
    base_epochs: int,
    epochs: int,
    window: int | None,
    validation: int,
    start: str,
    later: float,
    passes: Passes,
) -> bool:
    """Whether updates start cold; see `Updates` for the arguments.

    Raises:
        InputError: two keys say two ends of an update, or none leaves anything to learn.
    """
    require(
        validation == 0 or validation < base and base_epochs > 0,
        f"loop.validation is {validation} of loop.base={base} periods, with loop.base_epochs={base_epochs}: leave "
        "periods and epochs to learn.",
    )
    require(start in ("warm", "cold"), f"loop.start is '{start}': choose warm or cold.")
    cold, budgeted = start == "cold", passes.budgeted
    require(
        not (cold and budgeted),
        "loop.start=cold learns for loop.base_epochs, and loop.budget says another end: choose one of them.",
    )
    require(not later or epochs > 0, f"loop.later={later} chooses epochs up to loop.epochs={epochs}: choose 1 or more.")
    require(0 <= later < 1, f"loop.later is {later}: choose a share of a period's events, from 0 to below 1.")
    require(
        not (later and (cold or budgeted)),
        "loop.later chooses the epochs of warm updates, and loop.start=cold or loop.budget says another end: "
        "choose one of them.",
    )
    require(
        not cold or window is None or window > validation,
        f"loop.start=cold learns loop.window={window} periods, of which loop.validation={validation} choose the "
        "epochs: leave some to learn.",
    )
    return cold
