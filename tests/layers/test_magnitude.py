import numpy as np
import tensorflow as tf

from tfrec.layers.magnitude import BUCKETS, of_magnitude


def test_a_value_takes_the_row_of_its_logarithm():
    table = tf.range(BUCKETS, dtype=tf.float32)[:, None]
    # powers of two begin a bucket; 0 counts as 1; the last bucket has no end
    values = [0, 1, 2, 3, 4, 7, 8, 1023, 1024, 12_000, 2**15, 2**20]
    found = of_magnitude(table, tf.constant(values), tf.float32)
    np.testing.assert_array_equal(found.numpy()[:, 0], [0, 0, 1, 1, 2, 2, 3, 9, 10, 13, 15, 15])
