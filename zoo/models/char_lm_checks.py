"""What the arguments of `zoo.models.char_lm.CharLM` must be."""

from typing import Any

from zoo.models.recurrent_layer import CELLS

SIZES = ("vocabulary_size", "units", "layers", "batch_size", "ngrams")
RATES = ("input_dropout", "dropout", "weight_dropout", "ngram_dropout")


def check(config: dict[str, Any]) -> None:
    """Raises ValueError where an argument is out of its range, or two contradict each other."""
    for name in SIZES:
        _check_integer(name, config[name], 1)
    for name in ("embedding_units", "memory"):
        _check_integer(name, config[name], 0)
    for name in RATES:
        if not 0 <= config[name] < 1:
            raise ValueError(f"`{name}` must be in [0, 1). Got {config[name]}.")
    if config["cell"] not in CELLS:
        raise ValueError(f"`cell` must be one of {CELLS}. Got {config['cell']!r}.")
    if config["tied"] and config["embedding_units"] != config["units"]:
        raise ValueError(
            "`tied` needs `embedding_units` equal to `units`. Got "
            f"{config['embedding_units']} and {config['units']}."
        )
    if config["ngrams"] > 1 and not config["embedding_units"]:
        raise ValueError("`ngrams` above 1 needs `embedding_units`. Got 0.")
    if 0 < config["memory"] <= 2:
        raise ValueError(f"`memory` must be 0, or above 2. Got {config['memory']}.")
    if config["memory"] and not config["constant_feature"]:
        raise ValueError("`memory` needs `constant_feature`. Got False.")


def _check_integer(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        rule = "a positive integer" if least else "an integer of 0 or more"
        raise ValueError(f"`{name}` must be {rule}. Got {value!r}.")
