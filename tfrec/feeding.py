"""Batches on their way to the graph: several a call, made while the device computes."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

Batch = dict[str, np.ndarray]


def stacks(batches: Iterable[Batch], most: int) -> Iterator[Batch]:
    """Consecutive batches of the same shapes as one, `[steps, rows, ...]`: first one, then two, four, up to `most`.

    The first is alone, so that the device has work as soon as there is a batch. How batches are grouped depends on
    their shapes only, and so repeats.
    """
    group, size = [], 1
    for batch in batches:
        if group and (len(group) == size or not _alike(group[0], batch)):
            yield _stacked(group)
            group, size = [], min(2 * size, most)
        group.append(batch)
    if group:
        yield _stacked(group)


def _alike(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(a[key].shape == b[key].shape for key in a)


def _stacked(group: list[Batch]) -> Batch:
    return {key: np.stack([batch[key] for batch in group]) for key in group[0]}


class Ahead:
    """What an iterator gives, the next made in a thread while the last is in use.

    Args:
        early: False makes the next one only when it is asked for.

    Attributes: `waited`, seconds for which the user of it had to wait.
    """

    def __init__(self, items: Iterator, early: bool = True) -> None:
        self._items, self._early, self.waited = items, early, 0.0

    def __iter__(self) -> Iterator:
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
            coming = thread.submit(next, self._items, None)
            while (item := self._wait(coming)) is not None:
                if self._early:
                    coming = thread.submit(next, self._items, None)
                yield item
                if not self._early:
                    coming = thread.submit(next, self._items, None)

    def _wait(self, coming):
        started = time.perf_counter()
        item = coming.result()
        self.waited += time.perf_counter() - started
        return item
