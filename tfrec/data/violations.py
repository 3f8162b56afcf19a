"""Rows that are not valid, counted by kind, and the first of them by name."""

from collections import Counter

import pandas as pd

from tfrec.data.schema import ADVICE
from tfrec.errors import InputError


class Violations:
    """What was found wrong in one or more tables, in bounded memory.

    Args:
        limit: how many violations are named; all are counted.
    """

    def __init__(self, limit: int = 20) -> None:
        self.limit = limit
        self.counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], str] = {}
        self._named: list[str] = []

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, found: pd.DataFrame, source: str, unit: str = "row") -> None:
        """Takes in what `schema.violations` found; its `row` is how this source counts them.

        Args:
            unit: what a row is called there: row, line, item, user.
        """
        for (column, kind), count in found.groupby(["column", "kind"], sort=False).size().items():
            self.counts[column, kind] += int(count)
        new = ~found.duplicated(["column", "kind"])
        room = pd.Series(range(len(found)), index=found.index) < self.limit - len(self._named)
        for violation in found[new | room].itertuples(index=False):
            sentence = _sentence(source, unit, violation)
            self._first.setdefault((violation.column, violation.kind), sentence)
            if len(self._named) < self.limit:
                self._named.append(sentence)

    def lines(self) -> list[str]:
        """One sentence for each kind, with its first row, the number of such rows and what to do."""
        return [
            f"{first}{f' ({self.counts[kind]} such rows)' if _has_rows(kind) else ''}: {_advice(kind[1])}."
            for kind, first in self._first.items()
        ]

    def error(self, more: str = "") -> InputError:
        """The error that names kinds, counts and rows; `more` is its last sentence."""
        lines = self.lines()
        if len(self) > len(lines):
            shown = f"the first {len(self._named)} of {len(self)}" if len(self) > len(self._named) else "all"
            lines += [f"Row by row ({shown}):", *(f"  {sentence}" for sentence in self._named)]
        return InputError("\n".join([*lines, *([more] if more else [])]))

    def raise_if_any(self) -> None:
        """Raises InputError if there is a violation."""
        if len(self):
            raise self.error()


def _sentence(source: str, unit: str, violation) -> str:
    if isinstance(violation.row, int) and violation.row < 0:  # of a whole column
        return f"{source}, column '{violation.column}' {violation.kind}"
    value = "" if pd.isna(violation.value) else f" ({_short(violation.value)})"
    column = f", column '{violation.column}'" if violation.column else ""
    return f"{source}, {unit} {violation.row}{column}{value} {violation.kind}"


def _short(value) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _has_rows(kind: tuple[str, str]) -> bool:
    return not kind[1].startswith("has type ")


def _advice(kind: str) -> str:
    if kind in ADVICE:
        return ADVICE[kind]
    return "convert it with pandas.to_datetime(..., unit=...)" if kind.endswith("a date and time") else "convert it"
