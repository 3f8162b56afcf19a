"""Batches on their way to the graph: several a call, made while the device computes."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

Batch = dict[str, np.ndarray]
Parts = tuple[Batch, ...]  # the batches whose gradients one step averages


def parts_of_steps(batches: Iterable[Batch], number: int) -> Iterator[Parts]:
    """Consecutive batches, `number` for each step."""
    batches = iter(batches)
    while parts := tuple(islice(batches, number)):
        yield parts


def stacks(steps: Iterable[Parts], most: int) -> Iterator[Parts]:
    """Consecutive steps of the same shapes as one, `[steps, rows, ...]`: first one, then two, four, up to `most`.

    The first is alone, so that the device has work as soon as there is a batch. How steps are grouped depends on
    their shapes only, and so repeats.
    """
    group, size = [], 1
    for parts in steps:
        if group and (len(group) == size or not _alike(group[0], parts)):
            yield _stacked(group)
            group, size = [], min(2 * size, most)
        group.append(parts)
    if group:
        yield _stacked(group)


def _alike(some: Parts, others: Parts) -> bool:
    return len(some) == len(others) and all(
        a.keys() == b.keys() and all(a[key].shape == b[key].shape for key in a)
        for a, b in zip(some, others, strict=True)
    )


def _stacked(group: list[Parts]) -> Parts:
    return tuple({key: np.stack([part[key] for part in same]) for key in same[0]} for same in zip(*group, strict=True))


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
