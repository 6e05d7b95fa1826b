"""What the arguments of `zoo.models.char_lm.CharLM` must be."""

from typing import Any

from zoo.checks import check_choice, check_integer, check_rate
from zoo.layers.lecture_layer import CELLS

SIZES = ("vocabulary_size", "units", "layers", "batch_size")
RATES = ("input_dropout", "dropout", "weight_dropout")


def check_arguments(config: dict[str, Any]) -> None:
    """Raises ValueError where an argument is out of its range."""
    for name in SIZES:
        check_integer(name, config[name])
    check_integer("embedding_units", config["embedding_units"], least=0)
    for name in RATES:
        check_rate(name, config[name])
    check_choice("cell", config["cell"], CELLS)
