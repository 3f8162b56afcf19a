"""Vectors as short sequences of codes."""

import warnings

import numpy as np
import tensorflow as tf
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from tfrec.errors import require

BLOCK = 4096  # vectors whose distances are computed at once


class ResidualQuantiser(tf.keras.layers.Layer):
    """`x ~ sum_l book_l[code_l]`, each code the nearest to what the levels before it leave (Lee et al., CVPR 2022).

    Each level's codebook is a k-means of the residuals, ended by a step in which each centroid is the mean of its
    members, so that the mean squared residual never grows from level to level.

    Args:
        levels: codes of a vector.
        codes: centroids of a level. Where fewer vectors differ, the rest of the book repeats its first centroid and is
            never chosen.
        dim: length of the vectors.
    """

    def __init__(self, levels: int, codes: int, dim: int, seed: int = 0, name="quantiser") -> None:
        super().__init__(name=name, dtype="float32")
        self.levels, self.codes, self.seed = levels, codes, seed
        self.books = tf.Variable(tf.zeros((levels, codes, dim)), trainable=False, name="books")

    def fit(self, vectors: np.ndarray) -> None:
        """Fits all codebooks to vectors `[n, dim]`, of which equal ones count once."""
        require(len(vectors) > 0, "There are no text vectors to make codes of: the base has no items.")
        residual = np.unique(vectors.astype(np.float32), axis=0)
        books = []
        for level in range(self.levels):
            book = _centroids(residual, self.codes, self.seed + level)
            residual = residual - book[_nearest(residual, book)]
            books.append(np.concatenate([book, np.repeat(book[:1], self.codes - len(book), axis=0)]))
        self.books.assign(np.stack(books))

    def codes_of(self, vectors: np.ndarray) -> np.ndarray:
        """Codes `[n, levels]`, int32, of vectors `[n, dim]`."""
        residual, found = vectors.astype(np.float32), []
        for book in self.books.numpy():
            found.append(_nearest(residual, book))
            residual = residual - book[found[-1]]
        return np.stack(found, axis=1).astype(np.int32)

    def vectors_of(self, codes: np.ndarray) -> np.ndarray:
        """The sum of the centroids, `[n, dim]`, of the first codes `[n, up to levels]`."""
        return sum(book[column] for book, column in zip(self.books.numpy(), codes.T, strict=False))


def _centroids(vectors: np.ndarray, codes: int, seed: int) -> np.ndarray:
    """Up to `codes` centroids of different places, each the mean of what was nearest to it."""
    wanted = min(codes, len(np.unique(vectors, axis=0)))
    # One thread: sums of several threads end in another order each time.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer places than asked for, within rounding
        means = MiniBatchKMeans(wanted, random_state=seed % 2**32, n_init=3, batch_size=1024).fit(vectors)
    near = _nearest(vectors, means.cluster_centers_.astype(np.float32))
    sums = np.zeros((wanted, vectors.shape[1]))
    np.add.at(sums, near, vectors)
    sizes = np.bincount(near, minlength=wanted)
    return (sums[sizes > 0] / sizes[sizes > 0, None]).astype(np.float32)


def _nearest(vectors: np.ndarray, book: np.ndarray) -> np.ndarray:
    """Row in `book` of the nearest centroid of each vector, `[n]`; of equally near ones the first."""
    blocks = np.split(vectors, range(BLOCK, len(vectors), BLOCK))
    # |v - b|^2 without |v|^2; in float64, so that what a block's size does to the last bits decides nothing
    half = (book.astype(np.float64) ** 2).sum(axis=1) / 2
    return np.concatenate([(half - block.astype(np.float64) @ book.T).argmin(axis=1) for block in blocks])
