"""The table and the plot of `docs/performance.md` from `results/scale.json`."""

import json
from pathlib import Path

from figures import RESULTS

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- scale: written by benchmarks/scale.py -->", "<!-- scale: end -->"


def write_page() -> None:
    """Puts the table between the two marks of the page, and draws the plot beside it."""
    result = json.loads((RESULTS / "scale.json").read_text())
    page = DOCS / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(result)}\n{END}{after}")
    draw(result)


def table(result: dict) -> str:
    """What was run, the cost at each mark, and what has no marks."""
    seen, lines = result["marks"]["seen"], []
    sizes = {name: f"{result[name]:,} {name}" for name in ("users", "items", "events")}
    for name in ("users", "items"):
        sizes[name] += f" ({result[f'{name}_seen']:,} seen)"
    lines = [
        f"{', '.join(sizes.values())} in {len(result['periods']['seen'])} periods; histories of {result['history']}, "
        f"{result['steps']} steps at each mark; {result['machine']}; commit `{result['commit'][:12]}`.\n",
        "| microseconds | " + " | ".join(f"{mark:,} events seen" for mark in seen) + " |",
        "|---" * (len(seen) + 1) + "|",
    ]
    for name, unit in (("observing", "an event"), ("training", "an example")):
        first, *later = result["marks"][name]
        cells = [f"{first:.3g}", *(f"{cost:.3g} ({cost / first:.2f} times)" for cost in later)]
        lines.append(f"| {name} {unit} | " + " | ".join(cells) + " |")
    lines += ["", "| | |", "|---|---|"]
    for name, line in result["figures"].items():
        if not name.startswith(("observing, ", "training, ")):
            asked = f"; asked {line['asked']:g}" if line["asked"] else ""
            lines.append(f"| {name} | {line['value']:.3g} {line['unit']}{asked} |")
    return "\n".join(lines)


def draw(result: dict) -> None:
    """`figures/scale.svg`: the cost of an event in each period, and of an example at each mark."""
    try:
        import matplotlib
    except ImportError:
        print("The plot is left out, as matplotlib is missing: pip install 'tfrec[benchmark]', then --page.")
        return
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "tfrec"  # the same figures give the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    seen, marks = result["periods"].pop("seen"), result["marks"]
    for name, costs in result["periods"].items():
        axes.plot(seen, costs, ".-", label=f"{name}, an event")
    axes.plot(marks["seen"], marks["training"], "s-", label="training, an example")
    axes.set(xlabel="events seen", ylabel="microseconds", yscale="log", ylim=(0.1, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    (DOCS / "figures").mkdir(exist_ok=True)
    figure.savefig(DOCS / "figures/scale.svg", metadata={"Date": None})
