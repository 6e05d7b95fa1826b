"""How fast the layers are: a Markdown table, from one run.

python -m benchmarks.layers [--output benchmarks/results/layers.md]
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tyro

from benchmarks.contenders import Shape, contenders, product_speeds
from benchmarks.timing import give, interleaved_medians, machine

SHAPES = (Shape(64, 100, 128, 256), Shape(32, 32, 256, 512), Shape(64, 400, 128, 128))


def measure(shapes: tuple[Shape, ...] = SHAPES, rounds: int = 25, seconds: float = 15.0) -> str:
    """The report, as Markdown.

    Args:
        shapes: the sizes to measure.
        rounds: how often each contender runs at most, at each size.
        seconds: how long one column of a table may take at most, compilation aside.
    """
    speeds = interleaved_medians(product_speeds(), rounds=15, seconds=seconds)
    products = ", ".join(f"{2 * 1.024**3 / s:.0f} in {name}" for name, s in speeds.items())
    parts = [
        "# Speed of the layers",
        machine(),
        f"Matrix products of 1024 x 1024 x 1024, 10^9 operations a second: {products}.",
        "Medians of interleaved runs, in milliseconds; in brackets, multiples of the bare matrix "
        "products of the same step. Columns are (batch, time, input, units).",
    ]
    for kind in ("LSTM", "SimpleRNN"):
        for training in (True, False):
            step = "forward and gradients" if training else "forward"
            columns = [
                interleaved_medians(contenders(kind, shape, training), rounds, seconds)
                for shape in shapes
            ]
            parts += [f"## {kind}, {step}", table(shapes, columns)]
    return "\n\n".join(parts) + "\n"


def table(shapes: tuple[Shape, ...], columns: list[dict[str, float]]) -> str:
    """Contenders in rows, sizes in columns; the first contender is the measure of the others."""
    heads = " | ".join(str(tuple(shape)) for shape in shapes)
    lines = [f"| | {heads} |", "| --- |" + " --- |" * len(shapes)]
    for name in columns[0]:
        cells = []
        for column in columns:
            bare = next(iter(column.values()))
            cells.append(f"{column[name] * 1e3:.1f} ({column[name] / bare:.2f}x)")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(output: Path | None = None, rounds: int = 25, seconds: float = 15.0) -> None:
    """Measures the layers and prints the table.

    Args:
        output: also write the table to this file.
        rounds: how often each contender runs at most, at each size.
        seconds: how long one column of a table may take at most, compilation aside.
    """
    give(measure(rounds=rounds, seconds=seconds), output)


if __name__ == "__main__":
    tyro.cli(main)
