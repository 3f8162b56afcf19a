"""Which strategies go with which models and devices."""

from collections.abc import Sequence

from tfrec.errors import require
from tfrec.strategies.strategy import Strategy


def refuse_anew(strategies: Sequence[Strategy]) -> None:
    """Raises InputError for a strategy of weights that go on, in a run whose updates start from the first ones."""
    for strategy in strategies:
        require(
            not (strategy.goes_on or strategy.compares),
            f"The strategy {type(strategy).__name__} is about the weights of the last update, and with loop.start=cold "
            "or strategy=gdumb an update starts without them: leave one of them out.",
        )


def refuse_choosing(strategies: Sequence[Strategy], later: bool, cold: bool, validation: int) -> None:
    """Raises InputError for a strategy that does not go with choosing epochs by what is not learned yet.

    Args:
        later, validation: see `Updates`; one of them chooses. cold: whether each update does so, or the base alone.
    """
    for strategy in strategies:
        name = type(strategy).__name__
        require(
            not strategy.of_steps,
            f"The strategy {name} keeps something of every step, and loop.validation and loop.later go back to an "
            "earlier epoch: leave one of them out.",
        )
        require(
            not strategy.starts_anew,
            f"The strategy {name} learns its memory instead of an update's examples, a part of which loop.validation "
            "and loop.later keep back: leave one of them out.",
        )
        require(
            not (later and strategy.learns_ahead),
            f"The strategy {name} learns on an update's examples before the model does, those too that loop.later "
            "keeps back: leave one of them out.",
        )
        require(
            not (cold and validation > 1 and hasattr(strategy, "memory")),
            f"The memory of the strategy {name} has rows of the periods that loop.validation={validation} keeps back "
            "from a cold update: choose loop.validation=1 or 0.",
        )


def in_order(strategies: Sequence[Strategy]) -> list[Strategy]:
    """Strategies in the order in which they are applied: as they are listed, but that

    - what learns its memory instead of an update (`gdumb`) comes first, so that others add to that;
    - what changes a step (`moves`) comes before what looks at steps, as `si` does;
    - what ends an update with other weights (`weight_average`) comes before what takes these for an anchor;
    - what scores by weights of its own (`soup`) comes last, so that an anchor is at the weights that go on.

    Raises:
        InputError: two of them score by weights of their own, or one does and another moves what was learned away.
    """
    last = [type(strategy).__name__ for strategy in strategies if strategy.goes_on]
    require(
        len(last) < 2,
        f"{' and '.join(last)} score by weights of their own, and a run can score by one: leave the others out.",
    )
    merging = [type(strategy).__name__ for strategy in strategies if strategy.merges]
    require(
        not (last and merging),
        f"{' '.join(last)} makes weights of those of several updates, and peft.life=merge and stack begin theirs anew "
        "in each: choose peft.life=continue, or leave it out.",
    )
    return sorted(strategies, key=lambda s: (s.goes_on, not s.starts_anew, not s.moves, not s.sets_weights))


def refuse_unfit(strategies: Sequence[Strategy], model, replicas: int) -> None:
    """Raises InputError for a strategy that asks a model for what it does not give, or cannot act on many devices."""
    for strategy in strategies:
        memory = getattr(strategy, "memory", None)
        for method in getattr(memory, "needs", ()):
            require(
                hasattr(model, method),
                f"memory={type(memory).__module__.rpartition('.')[2]} needs {method} of a model, which "
                f"{type(model).__name__} does not have: choose memory@strategy.{strategy.name}.memory=reservoir, or "
                "model=two_tower.",
            )
        kind, name = type(strategy), type(strategy).__name__
        require(
            not (strategy.twice and getattr(getattr(model, "retrieval_loss", None), "kept", ())),
            f"The strategy {name} takes two gradients a step, and model/loss=queue would keep each batch twice: leave "
            "one of them out.",
        )
        require(
            getattr(model, "losses_of_rows", True) or not (strategy.of_rows or getattr(memory, "of_rows", False)),
            f"The strategy {name} or its memory looks at the loss of each row, and with model/repeat=mix a batch also "
            "has losses of lists: leave it out, choose another memory, or model/repeat=none.",
        )
        alone = kind.gradients is Strategy.gradients and kind.after_step is Strategy.after_step
        require(
            replicas == 1 or (alone and "before" not in strategy.needs),
            f"The strategy {name} acts on gradients or after the step, or compares with what was said before the "
            "update, where each device knows its share of the batch only: choose a runtime of one device, or leave it "
            "out.",
        )
        require(
            hasattr(model, "task_losses") or not strategy.needs,
            f"The strategy {name} needs the model's outputs, which a plain TFRS model such as this does not give: "
            "leave it out, or use one of tfrec's models.",
        )
        require(
            all(hasattr(model, method) for method in strategy.needs),
            f"The strategy {name} needs {', '.join(strategy.needs)} of a model, and {type(model).__name__} has not all "
            "of it: leave it out, or choose model=two_tower.",
        )
