"""Every scorer of a run on one period."""

from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator
from tfrec.loops.state import StreamState
from tfrec.tracking import Tracker


def score(state: StreamState, truth: Truth, evaluator: Evaluator, tracker: Tracker) -> None:
    """Ranks a period's requests by the model and by each baseline, and hands their values to the tracker."""
    keys = {"user": truth.requests.ids, "query": truth.requests.queries}
    keys = {name: values for name, values in keys.items() if values is not None}
    for name, scorer in state.scorers().items():
        scores = scorer.score(state.history, truth.requests)
        values = evaluator(scores, truth, getattr(scorer, "partial", False))
        of_lists, totals = evaluator.lists(scores, truth)
        if hasattr(scorer, "first_stage"):
            proposed, whole = scorer.first_stage(state.history, truth)
            values, totals = values | proposed, totals | whole
        totals |= evaluator.lists.ask_again(name, scorer.score, state.history)
        tracker.scores(name, values | of_lists, totals, keys)
        if hasattr(scorer, "lag"):
            tag = "index/lag" if name == "eval" else f"index/{name.rpartition('/')[2]}/lag"
            tracker.row[tag] = scorer.lag
    if hasattr(state.scorer, "encoded"):
        tracker.row["index/encoded"] = state.scorer.encoded
