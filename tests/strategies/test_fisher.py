import numpy as np
import pytest
import tensorflow as tf

from tests.strategies.small import Points, points
from tests.test_learner import grown, make_batch, make_model
from tfrec.memories.loss_based import row_losses
from tfrec.strategies.fisher import Fisher
from tfrec.tasks.queue import Queue


@pytest.fixture(scope="module")
def made():
    """A model of two towers whose query vectors are not 0, and 16 rows."""
    model = make_model()
    rows = make_batch(model, grown(model))
    model.compute_loss({key: tf.constant(values) for key, values in rows.items()})
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))
    return model, rows, [values.numpy() for values in Fisher()(model, [rows])]


def losses_of(model, rows):
    batch = {key: tf.constant(values) for key, values in model.batch(rows).items()}
    return model.task_losses(model(batch), batch)["retrieval"]


def test_it_is_the_mean_square_of_all_rows_gradients_at_once(made):
    model, rows, found = made
    with tf.GradientTape() as tape:
        losses = losses_of(model, rows)
    slopes = tape.jacobian(losses, model.trainable_variables)
    for slope, values in zip(slopes, found, strict=True):
        np.testing.assert_allclose(
            values, np.mean(np.square(tf.convert_to_tensor(slope)), axis=0), rtol=1e-4, atol=1e-5
        )
    assert sum(values.any() for values in found) >= 4


def test_it_is_the_mean_square_of_the_gradients_of_row_after_row(made):
    model, rows, found = made
    sums = [np.zeros(values.shape) for values in found]
    for row in range(16):
        with tf.GradientTape() as tape:
            loss = losses_of(model, rows)[row]
        for total, slope in zip(sums, tape.gradient(loss, model.trainable_variables), strict=True):
            total += np.square(tf.convert_to_tensor(slope).numpy())
    for total, values in zip(sums, found, strict=True):
        np.testing.assert_allclose(values, total / 16, rtol=1e-4, atol=1e-5)


def test_it_is_not_the_square_of_the_mean_gradient(made):
    """Which is smaller, as the rows' gradients are not all alike."""
    model, rows, found = made
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(losses_of(model, rows))
    slopes = [tf.convert_to_tensor(slope).numpy() for slope in tape.gradient(loss, model.trainable_variables)]
    assert sum(np.square(slope).sum() for slope in slopes) < 0.5 * sum(values.sum() for values in found)


def test_batches_are_averaged_by_their_rows():
    """Gradients w - x at w = 0 are -x: (1 + 4 + 9) / 3 and (4 + 0 + 16) / 3, in two batches of 1 and 2 rows."""
    update = points([[1, 2], [2, 0], [3, 4]])
    batches = [update.examples.rows(np.array(chosen), update.candidates) for chosen in ([0], [1, 2])]
    np.testing.assert_allclose(Fisher()(Points(), batches)[0], [14 / 3, 20 / 3], rtol=1e-6)


def test_it_is_traced_once_and_starts_from_nothing_each_time(made):
    model, rows, found = made
    information = Fisher()
    for _ in range(3):
        for again, values in zip(information(model, [rows]), found, strict=True):
            np.testing.assert_allclose(again, values, rtol=1e-6)
    assert information._add.experimental_get_tracing_count() == 1


def test_no_rows_tell_nothing():
    np.testing.assert_array_equal(Fisher()(Points(), [])[0], [0, 0])


def test_asking_for_losses_is_no_training():
    """A loss that keeps the vectors of batches keeps none of those that are only asked for."""
    model = make_model(loss=Queue(8))
    rows = make_batch(model, grown(model))
    kept = model.retrieval_loss.items.numpy()
    Fisher()(model, [rows])
    assert row_losses(model, rows).shape == (16,)
    np.testing.assert_array_equal(model.retrieval_loss.items, kept)
    model.compute_loss({key: tf.constant(values) for key, values in model.batch(rows).items()}, training=True)
    assert (model.retrieval_loss.items.numpy() != kept).any()
