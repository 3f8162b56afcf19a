"""A model written for TensorFlow Recommenders, with nothing of tfrec in it, in the online loops."""

from collections.abc import Sequence

import pandas as pd
import tensorflow_recommenders as tfrs

from tfrec.data.history import History
from tfrec.data.raw_features import RawFeatures
from tfrec.data.requests import Requests
from tfrec.errors import InputError


class Plain:
    """Says where a plain `tfrs.Model` keeps its towers and which raw columns it takes.

    The model learns through its own `compute_loss`. Its vocabularies are its own: ids that it does not know get
    its unknown row.

    Args:
        model: the TFRS model.
        query: name of its attribute that encodes queries, such as `user_model`.
        candidate: name of its attribute that encodes candidates, such as `movie_model`.
        columns: raw column to feature name; see `RawFeatures`.

    Raises:
        InputError: the model is not a `tfrs.Model` or has no such attribute.
    """

    def __init__(self, model: tfrs.Model, query: str, candidate: str, columns: dict[str, str]) -> None:
        if not isinstance(model, tfrs.Model):
            raise InputError(f"model.model is a {type(model).__name__}, not a tensorflow_recommenders Model.")
        for role, name in (("query", query), ("candidate", candidate)):
            if not hasattr(model, name):
                raise InputError(f"model.{role} is '{name}', which {type(model).__name__} does not have.")
        self.tfrs_model, self._query, self._candidate = model, query, candidate
        self.features = RawFeatures(columns)

    def grow(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> bool:
        """Nothing grows in a plain model."""
        self.features.observe(history, items)
        return False

    def admit(self, requests: Requests) -> bool:
        """Nothing grows in a plain model."""
        return False

    def start_rows(self, history: History, since: int) -> None:
        """Nothing to start: unknown items share the model's own unknown row."""

    def reused_rows(self) -> list:
        """None: the model's tables are its own."""
        return []

    def counts(self) -> dict[str, int]:
        """Nothing to count: the model's vocabularies do not grow."""
        return {}

    def table_rows(self, features: dict) -> dict:
        """The features as they are: the model looks ids up itself."""
        return features

    def query_embeddings(self, features):
        """Query vectors `[n, dim]`."""
        return getattr(self.tfrs_model, self._query)(_single(features))

    def candidate_embeddings(self, features):
        """Candidate vectors `[n, dim]`."""
        return getattr(self.tfrs_model, self._candidate)(_single(features))


def _single(features: dict):
    """A tower of one input takes the tensor itself, as in TFRS's tutorials; more inputs arrive by name."""
    return next(iter(features.values())) if len(features) == 1 else features
