"""What a new start takes back beside what is trained."""

import numpy as np
import tf_keras

from tests.models.test_biased_mf import event
from tests.models.test_biased_mf import make_model as make_biased_mf
from tests.test_learner import grown, make_batch, make_model
from tfrec.learner import Learner
from tfrec.models.first_weights import FirstWeights
from tfrec.tasks.loss import InBatchSoftmax
from tfrec.tasks.queue import Queue


def first_weights(model):
    first = FirstWeights(model)
    first.observe()
    return first


def test_the_mean_of_the_labels_starts_anew():
    """One label of 3 has been seen; two of 5 make it 13 / 3, and the mean of a new start is 3 again."""
    model = make_biased_mf()
    first = first_weights(model)
    for _ in range(2):
        model(event(rating=5), training=True)
    np.testing.assert_allclose(model.mean, 13 / 3)
    first.assign()
    assert (float(model.count), float(model.mean)) == (1, 3)


def test_what_is_estimated_of_batches_starts_anew():
    """An item's first gap is the number of the batch, which is 1 again after a new start."""
    model = make_model(loss=InBatchSoftmax(log_q="streaming"))
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1))
    learner.keep_first()
    batch = make_batch(model, grown(model))
    learner.build(batch)
    estimate = model.retrieval_loss.estimate
    for _ in range(3):
        estimate.observe(np.array([4]))
    learner.start_anew()
    estimate.observe(np.array([5]))
    assert (estimate.step, estimate.gap.tolist()) == (1, [0, 0, 0, 0, 0, 1])


def test_what_a_queue_keeps_starts_anew():
    model = make_model(loss=Queue(6))
    learner = Learner(model, tf_keras.optimizers.Adagrad(0.1))
    learner.keep_first()
    batch = make_batch(model, grown(model))
    learner.build({key: values[:2] for key, values in batch.items()})
    learner.step(batch)
    assert (model.retrieval_loss.items.numpy() >= 0).any()
    learner.start_anew()
    assert model.retrieval_loss.items.numpy().tolist() == [-1] * 6
    assert np.isneginf(model.retrieval_loss.bias.numpy()).all()
