"""A run whose model reads words, too: through training, SavedModel and writing."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli, training
from pipelines.charlm import pipeline
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.flags import Train

SIZES = {"units": 8, "embedding_units": 4, "batch_size": 4, "time": 16, "epochs": 1}
SIZES |= {"sample_length": 20, "ngrams": 2, "words": 2, "limit": 3000}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]
    assert cli.main(pipeline.PIPELINE, ["train", *flags, "--runs-dir", str(folder)]) == 0
    return folder / "charlm" / "demo"


def test_words_end_where_the_vocabulary_says(run):
    vocabulary = Vocabulary.from_json(json.loads((run / "vocabulary.json").read_text()))
    spelling = pipeline.build_model(Train(**SIZES), vocabulary).spelling
    symbols = zip(vocabulary.strings(), spelling.breaks, strict=True)
    ends = [symbol for symbol, ends in symbols if ends]
    assert {b"", b" ", b"\n", b"."} <= set(ends)
    assert not {b"a", b"Z", b"7"} & set(ends)


def test_savedmodel_costs_the_text_what_the_model_does(run):
    task = pipeline.prepare(Train(**SIZES), run)
    training.load_best(task.model, run)
    found = json.loads((run / "metrics.json").read_text())
    (bits,) = [value for name, value in _flat(found) if name == "bits_per_char"]
    text = pipeline.measuring.read_split(Train(**SIZES), "test", "character")
    numbers = Vocabulary.from_json(json.loads((run / "vocabulary.json").read_text()))
    tokens = numbers.encode(text.symbols)[None]
    log_p, _, _ = task.model.score(tokens, task.model.start(1))
    np.testing.assert_allclose(bits, -np.mean(log_p) / np.log(2), rtol=1e-4)


def test_it_writes(run, capsys):
    options = ["The state", "--length=30", "--model", str(run / "saved_model")]
    assert cli.main(pipeline.PIPELINE, ["predict", *options]) == 0
    assert len(capsys.readouterr().out.strip()) > 9


def _flat(value, name=""):
    if not isinstance(value, dict):
        return [(name, value)]
    return [pair for key, member in value.items() for pair in _flat(member, key)]
