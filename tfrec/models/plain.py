"""A model written for TensorFlow Recommenders, with nothing of tfrec in it, in the online loops."""

import tensorflow_recommenders as tfrs

from tfrec.data.raw_features import RawFeatures
from tfrec.errors import InputError
from tfrec.models.stream_model import StreamModel


class Plain(StreamModel):
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
        self._model, self._query, self._candidate = model, query, candidate
        self.features = RawFeatures(columns)

    @property
    def tfrs_model(self) -> tfrs.Model:
        """The TFRS model."""
        return self._model

    def query_embeddings(self, features):
        """Query vectors `[n, dim]`."""
        return getattr(self.tfrs_model, self._query)(_single(features))

    def candidate_embeddings(self, features):
        """Candidate vectors `[n, dim]`."""
        return getattr(self.tfrs_model, self._candidate)(_single(features))


def _single(features: dict):
    """A tower of one input takes the tensor itself, as in TFRS's tutorials; more inputs arrive by name."""
    return next(iter(features.values())) if len(features) == 1 else features
