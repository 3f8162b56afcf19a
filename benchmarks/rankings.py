"""Exact rankings of a catalogue of vectors: the evaluator, the product alone, TensorFlow Recommenders and FAISS."""

from collections.abc import Callable

import numpy as np

from tfrec.data.requests import Requests
from tfrec.data.truth import Truth
from tfrec.evaluate import Evaluator

import tensorflow as tf  # isort: skip  # after tfrec
import tensorflow_recommenders as tfrs  # isort: skip

try:
    import faiss
except ImportError:
    raise SystemExit("Part a needs FAISS: pip install 'tfrec[benchmark]', or choose --only b,c,d.") from None

DIM, DEPTH, TARGETS, BATCH = 64, 100, 20, 128
CANDIDATES = (1024, 16_384)  # that FactorizedTopK takes at once: a common choice, and the fastest that was found
CLOSE = 1e-4  # products that are summed in another order put scores that are closer in another order


def vectors(queries: int, items: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Normal `[queries, DIM]` and `[items, DIM]`, float32, the same every time."""
    rng = np.random.default_rng(0)
    return tuple(tf.constant(rng.standard_normal((n, DIM), np.float32)) for n in (queries, items))


def truth_of(near: np.ndarray, items: int, bought: int) -> Truth:
    """Twenty targets a request, half of them bought before; many of both are among the best.

    Args:
        near: `[requests, n]`, items to draw from besides drawing from all.
        bought: mean number of items bought before; a request's is a half to one and a half of it.
    """
    rng = np.random.default_rng(1)
    targets, before = [], []
    for own, size in zip(near, np.sort(rng.integers(bought // 2, bought * 3 // 2 + 1, len(near))), strict=True):
        pool = np.concatenate([rng.choice(own, 40), rng.integers(0, items, 2 * size + 40)])
        pool = rng.permutation(np.unique(pool)).astype(np.int32)
        start = max(0, size - TARGETS // 2)
        before.append(pool[:size])
        targets.append(pool[start : start + TARGETS])
    nothing = np.zeros(items, np.int64)
    return Truth(Requests(np.arange(len(near))), targets, before, nothing, nothing)


def evaluation(queries: tf.Tensor, index: tf.Tensor, truth: Truth) -> Callable[[], dict[str, np.ndarray]]:
    """ndcg@10, recall@10 and recall@100 of all requests in three views, exactly as a run computes them."""
    evaluator = Evaluator()
    return lambda: evaluator(lambda block: tf.matmul(queries[block], index, transpose_b=True), truth)


def product(queries: tf.Tensor, index: tf.Tensor) -> Callable[[], None]:
    """The scores alone, in the evaluator's blocks."""
    block = Evaluator().block

    def multiply():
        for start in range(0, len(queries), block):
            scores = tf.matmul(queries[start : start + block], index, transpose_b=True)
            scores[0, 0].numpy()

    return multiply


def competitors(queries: int = 1024, items: int = 100_000) -> dict[str, Callable]:
    """All that rank the same catalogue for the same requests; stops if they do not find the same."""
    asked, index = vectors(queries, items)
    flat = faiss.IndexFlatIP(DIM)
    flat.add(index.numpy())
    faiss.omp_set_num_threads(2)
    brute = tfrs.layers.factorized_top_k.BruteForce(k=DEPTH).index(index)
    brute_force = tf.function(lambda batch: brute(batch))

    def in_batches():
        parts = [brute_force(asked[start : start + BATCH]) for start in range(0, queries, BATCH)]
        return tuple(np.concatenate([part[i].numpy() for part in parts]) for i in (0, 1))

    best_scores, best_items = in_batches()
    plain, real = (truth_of(best_items, items, bought) for bought in (0, 30))
    ours = {"evaluator": evaluation(asked, index, plain), "evaluator, 30 bought": evaluation(asked, index, real)}
    rows, target = tf.data.Dataset.from_tensor_slices((tf.range(items), index)), first_targets(plain)
    streaming = {
        f"FactorizedTopK by {size:,}": updates(rows.batch(size), asked, index, np.concatenate(target.targets))
        for size in CANDIDATES
    }
    for name, truth in zip(ours, (plain, real), strict=True):
        found = np.rint(ours[name]()["all/recall@100"] * TARGETS)
        for peer in (best_scores, best_items), flat.search(asked.numpy(), DEPTH):
            same_hits(found, *peer, truth.targets, asked, index)
    for evaluate in streaming.values():
        agree(evaluate(), evaluation(asked, index, target)()["all/recall@100"], queries)
    return ours | {
        "product": product(asked, index),
        "BruteForce": in_batches,
        "FAISS": lambda: flat.search(asked.numpy(), DEPTH),
        **streaming,
    }


def first_targets(truth: Truth) -> Truth:
    """With one target a request: FactorizedTopK knows no more."""
    first = [targets[:1] for targets in truth.targets]
    return Truth(truth.requests, first, truth.bought, truth.popularity, truth.age)


def updates(candidates: tf.data.Dataset, asked: tf.Tensor, index: tf.Tensor, target: np.ndarray) -> Callable:
    """The metric of TensorFlow Recommenders over its streaming layer; gives the share of targets in the top 100.

    Args:
        candidates: batches of (rows, vectors), read for every query batch.
        target: `[queries]`, rows of `index`.
    """
    metric = tfrs.metrics.FactorizedTopK(
        tfrs.layers.factorized_top_k.Streaming(k=DEPTH).index_from_dataset(candidates), ks=(10, DEPTH)
    )

    @tf.function
    def update(*batch):
        metric.update_state(*batch)

    target = tf.constant(target, tf.int32)

    def evaluate() -> float:
        metric.reset_states()
        for start in range(0, len(asked), BATCH):
            batch = slice(start, start + BATCH)
            update(asked[batch], tf.gather(index, target[batch]), target[batch])
        return float(metric.result()[-1])

    return evaluate


def agree(rate: float, recall: np.ndarray, queries: int) -> None:
    """Stops unless FactorizedTopK hits as many targets, give or take two that may be at the last score."""
    if abs(rate - recall.mean()) * queries > 2.5:
        raise AssertionError(f"FactorizedTopK finds {rate:.4f} of the targets, the evaluator {recall.mean():.4f}.")


def same_hits(found, scores, items, targets: list[np.ndarray], asked: tf.Tensor, index: tf.Tensor) -> None:
    """Stops unless a peer's lists hit as many targets as were found, give or take those at the last score."""
    for query, own in enumerate(targets):
        hits = np.isin(own, items[query]).sum()
        own_scores = index.numpy()[own] @ asked.numpy()[query]
        undecided = (np.abs(own_scores - scores[query, -1]) < CLOSE).sum()
        if abs(hits - found[query]) > undecided:
            raise AssertionError(f"Request {query} has {hits} hits in a peer's list and {found[query]:.0f} here.")


def week() -> dict[str, Callable]:
    """A week of a real shop: 1,346 requests, 60,000 items, 300 bought before."""
    asked, index = vectors(1346, 60_000)
    near = np.random.default_rng(2).integers(0, 60_000, (1346, 40))
    return {"a week, product": product(asked, index), "a week": evaluation(asked, index, truth_of(near, 60_000, 300))}


def million(items=(250_000, 500_000, 1_000_000), queries=(2_500, 5_000, 10_000)) -> dict[str, Callable]:
    """By `<items>x<queries>`: all requests for fewer items, and fewer requests for all items; the largest is last."""
    asked, index = vectors(queries[-1], items[-1])
    near = np.random.default_rng(2).integers(0, items[0], (queries[-1], 40))
    sizes = [*((n, queries[-1]) for n in items[:-1]), *((items[-1], m) for m in queries)]
    return {f"{n}x{m}": evaluation(asked[:m], index[:n], truth_of(near[:m], n, 30)) for n, m in sizes}
