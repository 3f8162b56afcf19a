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


def refuse_going_back(strategies: Sequence[Strategy]) -> None:
    """Raises InputError for a strategy that keeps something of each step, where learning goes back to an epoch."""
    for strategy in strategies:
        require(
            not strategy.of_steps,
            f"The strategy {type(strategy).__name__} keeps something of every step, and loop.validation and loop.later "
            "go back to an earlier epoch: leave one of them out.",
        )


def refuse_unfit(strategies: Sequence[Strategy], model, replicas: int) -> None:
    """Raises InputError for a strategy that asks a model for what it does not give, or cannot act on many devices."""
    for strategy in strategies:
        memory = getattr(strategy, "memory", None)
        for method in getattr(memory, "needs", ()):
            require(
                hasattr(model, method),
                f"memory={type(memory).__module__.rpartition('.')[2]} needs {method} of a model, which "
                f"{type(model).__name__} does not have: choose memory=reservoir, or model=two_tower.",
            )
        kind, name = type(strategy), type(strategy).__name__
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
