"""A training step of each task against what else one would train: a Markdown table, from one run.

python -m benchmarks.training [--tasks charlm] [--output benchmarks/results/training.md]

The measure is the step's bare matrix products, forward and both gradients, by TensorFlow or torch,
whichever is faster on this machine; torch need not be installed, and is left out then.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
import tyro

from benchmarks.steps import STEPS_OF, Product, Run, Step, keras_twin, ours
from benchmarks.timing import give, interleaved_medians, machine

BARE = ("TensorFlow's products", "torch's products")
OURS, KERAS, TORCH = "ours", "keras.layers.LSTM", "torch.nn.LSTM"


def contenders(step: Step) -> dict[str, Run]:
    """All that is timed for one task."""
    runs = {BARE[0]: tensorflow_products(step.products)}
    if importlib.util.find_spec("torch"):
        from benchmarks.torch_twins import torch_twin

        runs[BARE[1]] = torch_products(step.products)
        runs[TORCH] = torch_twin(step)
    return {**runs, OURS: ours(step), KERAS: keras_twin(step)}


def tensorflow_products(products: Sequence[Product]) -> Run:
    """The products of a step, forward and backward, as TensorFlow runs them without XLA."""
    arguments = [_operands(product, tf.random.normal) for product in products]

    @tf.function
    def step(arguments):
        results = []
        for product, (a, w, dz) in zip(products, arguments, strict=True):
            back = tf.transpose(w)
            if product.steps:
                h, dz_0 = a[: product.rows], dz[: product.rows]
                gates = product.columns // product.inner
                for _ in tf.range(product.steps):
                    h = tf.matmul(h, w)[:, : product.inner]
                    dz_0 = tf.tile(tf.matmul(dz_0, back), (1, gates))
                results += [h, dz_0]
            else:
                results += [tf.matmul(a, w), tf.matmul(dz, back)]
            results.append(tf.matmul(a, dz, transpose_a=True))
        return [tf.reduce_sum(result[:1, :1]) for result in results]

    return lambda: [result.numpy() for result in step(arguments)]


def torch_products(products: Sequence[Product]) -> Run:
    """The same by torch."""
    import torch

    arguments = [_operands(product, lambda shape: torch.randn(*shape)) for product in products]

    def step():
        for product, (a, w, dz) in zip(products, arguments, strict=True):
            back = w.T
            if product.steps:
                h, dz_0 = a[: product.rows], dz[: product.rows]
                gates = product.columns // product.inner
                for _ in range(product.steps):
                    h = (h @ w)[:, : product.inner]
                    dz_0 = (dz_0 @ back).tile(1, gates)
            else:
                a @ w, dz @ back
            a.T @ dz

    return step


def _operands(product: Product, draw) -> tuple:
    """Input, weights and gradient; small, so that a loop of products stays finite."""
    rows = product.rows * max(product.steps, 1)
    shapes = ((rows, product.inner), (product.inner, product.columns), (rows, product.columns))
    return tuple(draw(shape) * 1e-3 for shape in shapes)


def row(step: Step, medians: dict[str, float]) -> str:
    """A task's row of the table."""
    measure = min((name for name in BARE if name in medians), key=medians.get)
    bare, own = medians[measure], medians[OURS]
    cells = [step.name, f"{bare * 1e3:.0f} ({measure.split(chr(39))[0]})", f"{own * 1e3:.0f}"]
    for twin in (KERAS, TORCH):
        cells.append(f"{medians[twin] * 1e3:.0f}" if twin in medians else "-")
    cells += [f"{own / bare:.2f}", f"{medians[KERAS] / own:.2f}"]
    cells.append(f"{own / medians[TORCH]:.2f}" if TORCH in medians else "-")
    cells.append(f"{step.flags.batch_size / own:,.0f}")
    return f"| {' | '.join(cells)} |"


def report(tasks: Sequence[str], rounds: int, seconds: float) -> str:
    """The report, as Markdown."""
    heads = [
        "", "products, ms", "ours, ms", "Keras, ms", "torch, ms", "ours / products",
        "Keras / ours", "ours / torch", "rows a second",
    ]  # fmt: skip
    table = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    line = machine()
    for task in tasks:
        step = STEPS_OF[task]()
        table.append(row(step, interleaved_medians(contenders(step), rounds, seconds)))
    about = (
        "A training step of each task at its preset's sizes: forward pass, loss, gradients, "
        "clipping, optimizer; medians of interleaved runs in one process, float32. Products: the "
        "step's matrix products alone, forward and both gradients, by TensorFlow or torch, "
        "whichever is faster here (in brackets). Keras: the same model over `keras.layers.LSTM`. "
        "torch: the same model over `torch.nn.LSTM`."
    )
    return "\n\n".join(["# A training step", line, about, "\n".join(table)]) + "\n"


def main(
    tasks: tuple[str, ...] = tuple(STEPS_OF),
    rounds: int = 25,
    seconds: float = 60.0,
    output: Path | None = None,
) -> None:
    """Prints the report; with --output writes it, too.

    Args:
        tasks: whose steps to measure.
        rounds: how often each contender runs at most.
        seconds: how long one task may take at most, compilation aside.
        output: also write the report to this file.
    """
    give(report(tasks, rounds, seconds), output)


if __name__ == "__main__":
    tyro.cli(main)
