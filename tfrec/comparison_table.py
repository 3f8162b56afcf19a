"""A comparison of methods by one metric, on the terminal."""

import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table


def shown(metric: str, table: pd.DataFrame) -> Table:
    """A table of one metric for the terminal."""
    facts = f"{table.attrs['rows']} requests, {table.attrs['users']} users, {table.attrs['periods']} periods"
    cut = f", slice {table.attrs['slice']}" if table.attrs["slice"] else ""
    result = Table(title=f"{metric}{cut}: {facts}", caption="\n".join(notes(table)), box=box.SIMPLE_HEAD)
    result.caption_justify = "left"
    heads = ["method", "seeds", "mean", "95 %", "difference", "95 %", "p users", "d_z", "p periods\n(Holm)"]
    heads += ["rank-\nbiserial", "p seeds", table.attrs["cost"], "", "front"]
    heads += [name.replace("_", " ") for name in ("regret", "gap_closed") if name in table]
    heads += ["95 %"] if "gap_low" in table else []
    for number, head in enumerate(heads):
        # Long names of methods are folded, numbers never cut.
        result.add_column(head, justify="right", no_wrap=True) if number else result.add_column(
            head, overflow="fold", max_width=40
        )
    for name, row in table.iterrows():
        cells = [
            escape(name.removeprefix("baseline/")),  # strategy=[replay] is no markup
            str(row["seeds"]),
            f"{row['mean']:.4f}",
            bracket(row, "low", "high", ".4f"),
        ]
        difference = [f"{row['difference']:+.4f}", bracket(row, "difference_low", "difference_high", "+.4f")]
        cells += ["reference", ""] if name == table.attrs["reference"] else difference
        cells += [
            p_value(row["p_users"]),
            _number(row["d_z"], ".2f"),
            p_value(row["p_holm"]),
            _number(row["rank_biserial"], ".2f"),
        ]
        cells += [p_value(row["p_seeds"]), _number(row["cost"], ".6g")]
        cells += ["best" if row["best"] else "not different from best" if row["like_best"] else ""]
        cells += ["front" if row["front"] else ""]
        cells += [_number(row[name], ".4f") for name in ("regret", "gap_closed") if name in table]
        cells += [bracket(row, "gap_low", "gap_high", ".2f")] if "gap_low" in table else []
        result.add_row(*cells, style="bold" if row["best"] else None)
    return result


def notes(table: pd.DataFrame) -> list[str]:
    """What a reader must know of the tests of a table."""
    lines = ["Intervals: block bootstrap over users, given these seeds. p periods: Wilcoxon, Holm over the methods."]
    tested = table[table["p_periods"].notna()]
    untested = tested.index[tested["p_seeds"].isna()]
    if len(untested):
        which = "" if len(untested) == len(tested) else escape(f" of {', '.join(untested)}")
        lines.append(f"No test over seeds{which}: fewer than two seeds in common, or neither depends on the seed.")
    periods = table.attrs["periods"]
    if periods < 6:
        lines.append(f"With {periods} periods Wilcoxon's p is never below {2.0 ** (1 - periods):.3g}.")
    if table.attrs["users"] < 2:
        lines.append("A single user: no intervals, and no test over users.")
    return lines


def p_value(value: float) -> str:
    """Four places of a p, which is never 0."""
    return "< .0001" if value < 0.0001 else _number(value, ".4f")


def _number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)


def bracket(row: pd.Series, low: str, high: str, form: str) -> str:
    """An interval of a row, `[low, high]`; "-" where there is none."""
    return "-" if pd.isna(row[low]) else f"[{row[low]:{form}}, {row[high]:{form}}]"
