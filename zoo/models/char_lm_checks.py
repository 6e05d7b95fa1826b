"""What the arguments of `zoo.models.char_lm.CharLM` must be."""

from typing import Any

from zoo.checks import check, check_choice, check_integer, check_rate
from zoo.models.recurrent_layer import CELLS

SIZES = ("vocabulary_size", "units", "layers", "batch_size", "ngrams")
RATES = ("input_dropout", "dropout", "weight_dropout", "ngram_dropout")


def check_arguments(config: dict[str, Any]) -> None:
    """Raises ValueError where an argument is out of its range, or two contradict each other."""
    for name in SIZES:
        check_integer(name, config[name])
    for name in ("embedding_units", "memory", "words"):
        check_integer(name, config[name], least=0)
    for name in RATES:
        check_rate(name, config[name])
    check_choice("cell", config["cell"], CELLS)
    if config["tied"] and config["embedding_units"] != config["units"]:
        raise ValueError(
            "`tied` needs `embedding_units` equal to `units`. Got "
            f"{config['embedding_units']} and {config['units']}."
        )
    if config["ngrams"] > 1 and not config["embedding_units"]:
        raise ValueError("`ngrams` above 1 needs `embedding_units`. Got 0.")
    if config["words"] and not config["embedding_units"]:
        raise ValueError("`words` needs `embedding_units`. Got 0.")
    check("words", "be at most 2", config["words"], config["words"] <= 2)
    for number in config["breaks"]:
        known = 0 <= number < config["vocabulary_size"]
        check("breaks", f"be from 0 to {config['vocabulary_size'] - 1}", number, known)
    if 0 < config["memory"] <= 2:
        raise ValueError(f"`memory` must be 0, or above 2. Got {config['memory']}.")
    if config["memory"] and not config["constant_feature"]:
        raise ValueError("`memory` needs `constant_feature`. Got False.")
