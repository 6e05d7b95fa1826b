"""Exports as ONNX: the program beside them answers as the SavedModel does, without TensorFlow."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines import exporting, onnx_export
from pipelines.captioning.pipeline import PIPELINE as CAPTIONING
from pipelines.charlm import flags as charlm_flags
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.pipeline import PIPELINE as CHARLM
from pipelines.charlm.signatures import char_export
from pipelines.python_patterns import kinds_of, python_pattern
from pipelines.runs import flags_to_json
from pipelines.sentiment.data import cut, tokenize
from pipelines.sentiment.pipeline import PIPELINE as SENTIMENT
from pipelines.translation.pipeline import PIPELINE as TRANSLATION
from pipelines.translation.sentences import split_sentences
from pipelines.translation.subwords import Subwords
from pipelines.verbs import from_json
from tests.pipelines import verb_checks
from zoo.models.char_lm import CharLM

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")
from pipelines import onnx_runner  # noqa: E402  (needs onnxruntime)

pytestmark = pytest.mark.slow
PIPELINES = {"charlm": CHARLM, "sentiment": SENTIMENT, "translation": TRANSLATION}
SHIPPED = Path(__file__).parents[2] / "saved_models"
MODELS = {"charlm": "charlm_shakespeare", "translation": "translation_en_de"}  # others: a run
FLAGS = [
    *("--limit=48", "--units=6", "--embedding-units=6", "--batch-size=16", "--epochs=2"),
    *("--max-length=24", "--vocabulary-size=150"),
]
PLAIN = [
    "A man rides a bike. Two dogs play in the snow!",
    "WHERE IS THE STATION?",
    "I would like to order a coffee with milk and sugar, please.",
    "The meeting with Dr. Wu is on May 7, 2015 at 9:09 AM.",
    "",
]
TEXTS = [
    "May 7, 2015",
    "It's GREAT!!<br />8/10 :) isn't it? ''quoted'' `so' 1,000.50 e.g. 7.5.",
    "WHERE IS IT? STRAßE. Dr. Wu is in.\nAre you? J. Smith came on 3. Mai. No. 5 “Yes.” «Nein.»",
    "cafe\u0301 naïve ÅNGSTRÖM \u0130stanbul ΟΔΟΣ \u017fo 'ſ 日本語 ไทย ひらカ 🙂\U0001f3fd\u200d",
    "€½²٣ $5 @x #y",
    "tab\tvertical\vform\ffile\x1cno\x85break\u00a0wide\u3000line\u2028end\x00\x7f ▁mark▁ \x1e\x1f",
    "x" * 300 + " word" * 60 + "...!?!?--- &amp;quot; &lt;b&gt; <i>tag</i> a&b;",
    "99999999999999999999 ha ha ha ha ha ha ha ha",
    "",
    " \n\u00a0",
]


def random_texts(count=150):
    """Signs, letters and spaces of `TEXTS` in any order."""
    rng = np.random.default_rng(0)
    characters = sorted({*"".join(TEXTS), *"$%^&*()[]{}\\|'\"`´.,:;!?-–—…#@/<>"})
    return ["".join(rng.choice(characters, rng.integers(1, 30))) for _ in range(count)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Where one small training of the classifier ended."""
    return verb_checks.train(SENTIMENT, tmp_path_factory.mktemp("sentiment"), *FLAGS)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, request):
    """(task, whether int8) -> the folder of an export of a shipped model, or of the run."""
    made = {}

    def export(task, int8=False):
        if (task, int8) not in made:
            folder = tmp_path_factory.mktemp("onnx") / task
            source = ["--model", SHIPPED / MODELS[task]] if task in MODELS else None
            source = source or of_run(request.getfixturevalue("run"))
            assert to_onnx(PIPELINES[task], folder, *source, *["--int8"] * int8) == 0
            made[task, int8] = folder
        return made[task, int8]

    return export


def of_run(run):
    return ["--run", run.name, "--runs-dir", run.parents[1]]


def to_onnx(pipeline, folder, *flags):
    return verb_checks.main(pipeline, "export", "--format", "onnx", "--output", folder, *flags)


def answers(model, signature, texts):
    """Of a SavedModel."""
    model, _ = exporting.load_saved_model(model)
    found = model.signatures[signature](text=tf.constant(texts))
    return {key: value.numpy() for key, value in found.items()}


# Answers.


def test_character_model_scores_and_writes_as_the_saved_model(exported):
    model, source = onnx_runner.load(exported("charlm")), SHIPPED / MODELS["charlm"]
    expected = answers(source, "score", TEXTS)["bits_per_char"]
    np.testing.assert_allclose([model.bits_per_char(t) for t in TEXTS], expected, atol=1e-3)
    saved, _ = exporting.load_saved_model(source)
    written = saved.signatures["serving_default"](
        prompt=tf.constant(["ROMEO:", ""]),
        length=tf.constant(30),
        temperature=tf.constant(0.0),
        seed=tf.constant(0),
    )
    texts = [model(prompt, length=30, temperature=0) for prompt in ("ROMEO:", "")]
    assert texts == [text.decode() for text in written["text"].numpy()]
    drawn = [model("ROMEO:", length=30, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_classifier_answers_as_the_saved_model(run, exported):
    model = onnx_runner.load(exported("sentiment"))
    expected = answers(run / "saved_model", "serving_default", TEXTS)
    given = [model(text) for text in TEXTS]
    assert [answer["label"] for answer in given] == [label.decode() for label in expected["label"]]
    for name in ("probabilities", "score"):
        np.testing.assert_allclose([a[name] for a in given], expected[name], atol=1e-5)
    assert len({answer["score"] for answer in given}) > 3


def test_translator_translates_as_the_saved_model(exported):
    model = onnx_runner.load(exported("translation"))
    expected = answers(SHIPPED / MODELS["translation"], "greedy", PLAIN)
    given = [model(text) for text in PLAIN]
    assert [a["translation"] for a in given] == [t.decode() for t in expected["translation"]]
    np.testing.assert_allclose([a["score"] for a in given], expected["score"], atol=1e-4)


@pytest.mark.parametrize("task", PIPELINES)
def test_int8_is_close(exported, task):
    """Within 0.02 bits a character, 0.02 of a probability, and 0.02 of a translation's score."""
    exact, close = (onnx_runner.load(exported(task, int8)) for int8 in (False, True))
    if task == "charlm":
        numbers = [[model.bits_per_char(text) for text in PLAIN[:4]] for model in (exact, close)]
    else:
        texts = PLAIN if task == "translation" else TEXTS
        numbers = [[model(text)["score"] for text in texts] for model in (exact, close)]
    np.testing.assert_allclose(*numbers, rtol=0, atol=0.02)
    assert numbers[0] != numbers[1]
    sizes = [sum(f.stat().st_size for f in exported(task, i).glob("*.onnx")) for i in (False, True)]
    assert task == "sentiment" or sizes[1] < 0.6 * sizes[0]


@pytest.mark.parametrize("task", PIPELINES)
def test_int8_has_all_constant_products_in_8_bits(exported, task):
    for path in exported(task, int8=True).glob("*.onnx"):
        graph = onnx.load(path).graph
        bodies = [a.g for node in graph.node for a in node.attribute if a.name == "body"]
        nodes = [node for part in (graph, *bodies) for node in part.node]
        weights = {value.name for part in (graph, *bodies) for value in part.initializer}
        products = [node for node in nodes if node.op_type == "MatMul"]
        assert not [node for node in products if weights & set(node.input)]
        assert any(node.op_type == "MatMulInteger" for node in nodes)
        for body in bodies:
            assert any(node.op_type == "MatMulInteger" for node in body.node)


# Reading.


def test_classifier_reads_the_words_of_the_training(exported):
    model = onnx_runner.load(exported("sentiment"))
    texts = TEXTS + random_texts()
    for lower_case in (True, False):
        model.about["lower_case"] = lower_case
        expected = cut(tokenize(tf.constant(texts), lower_case), *model.about["ends"]).to_list()
        given = [[word.encode() for word in model.words(text)] for text in texts]
        assert given == expected


def test_translator_reads_the_subwords_of_the_training(exported):
    folder = exported("translation")
    model = onnx_runner.load(folder)
    texts = TEXTS + random_texts()
    sentences = split_sentences(tf.constant(texts)).to_list()
    assert [[s.encode() for s in model.sentences(text)] for text in texts] == sentences
    subwords = Subwords(json.loads((folder / "vocabulary.json").read_text()))
    most = model.about["max_length"]
    expected = subwords.encode(tf.constant(texts), most)[:, : most - 1].to_list()
    assert [model.tokens(text) for text in texts] == expected


@pytest.mark.parametrize(
    ("pattern", "translated"),
    [
        (r"[^\p{L}\d.]$", r"[^\p{L}0-9.]\Z"),
        (r"\p{Han}|\d\s", r"[\p{Han}]|[0-9][\t\n\f\r ]"),
        (r"[\x{FE00}-\x{1F3FF}]\$", r"[\U0000fe00-\U0001f3ff]\$"),
        (r"[)\]D$]'s\b", r"[)\]D$]'s(?a:\b)"),
    ],
)
def test_patterns_of_re2_become_pythons(pattern, translated):
    assert python_pattern(pattern) == translated


def test_ranges_of_a_kind_are_re2s():
    kinds = kinds_of([r"[\p{Thai}x]", r"\p{Lt}"])
    assert kinds["Thai"] == "ก-ฺเ-๛"
    assert kinds["Lt"].startswith("ǅǈǋǲ")


# The folder.


@pytest.mark.parametrize("task", PIPELINES)
def test_the_folder_answers_alone(exported, task):
    """No TensorFlow, no Keras, nothing of this project."""
    folder = exported(task)
    assert {path.name for path in folder.iterdir()} == {
        *("model.json", "vocabulary.json", "run.py", "README.md"),
        *(f"{name}.onnx" for name in json.loads((folder / "model.json").read_text())["functions"]),
    }
    code = (
        "import runpy, sys; runpy.run_path('run.py', run_name='__main__');"
        "sys.exit(bool({'tensorflow', 'keras', 'pipelines', 'onnx'} & {*sys.modules}))"
    )
    command = [sys.executable, "-I", "-c", code, "May 7, 2015"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    line = onnx_runner.load(folder).line("May 7, 2015")
    assert done.stdout == line + "\n"
    assert done.stderr == ""


def test_shapes_and_names_are_told(exported):
    about = json.loads((exported("charlm") / "model.json").read_text())
    step = about["functions"]["step"]
    assert step["inputs"] == {
        "tokens": {"dtype": "int32", "shape": [None]},
        "state": {"dtype": "float32", "shape": [None, about["features"]]},
    }
    assert set(step["outputs"]) == {"logits", "next_state"}


@pytest.mark.parametrize("centred", [True, False])
def test_a_character_model_is_exported_as_printed(centred, tmp_path):
    """The numbers are the model's, whether it trained the centred form or not.

    The unknown symbol, here the likeliest, is not written.
    """
    model = CharLM(9, units=5, embedding_units=3, layers=2, centred=centred, name="char_lm")
    model.build()
    readout = model.readout.kernel.numpy()
    readout[-1, 0] = 9.0
    model.readout.kernel.assign(readout)
    vocabulary = Vocabulary("character", tuple(range(97, 105)))
    (tmp_path / "vocabulary.json").write_text(json.dumps(vocabulary.to_json()))
    made = char_export(model.as_printed(), vocabulary, tmp_path / "vocabulary.json")
    flags = charlm_flags.Train(units=5, embedding_units=3, layers=2, centred=centred)
    about = {"task": "charlm", "flags": flags_to_json(flags)}
    folder = tmp_path / "model"
    exporting.write_saved_model(made.module, made.signatures, folder, card="", extra=about)
    assert to_onnx(CHARLM, tmp_path / "new", "--model", folder) == 0
    runner = onnx_runner.load(tmp_path / "new")
    expected = answers(folder, "score", ["abcha", "zh"])["bits_per_char"]
    np.testing.assert_allclose([runner.bits_per_char(t) for t in ("abcha", "zh")], expected, 1e-4)
    assert len(runner("ab", length=20)) == 20
    assert len(runner("ab", length=20, temperature=0)) == 20


# Errors.


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--int8"], "`int8` must be left out without `--format onnx`"),
        (["--format", "onnx", "--saved-models", "x"], "`saved_models` must be left out with"),
        (["--format", "onnx", "--model", "x", "--run", "y"], "`run` must be left out with `--mod"),
        (["--format", "onnx", "--run", "nowhere"], "nowhere"),
    ],
)
def test_flags_that_do_nothing_are_errors(flags, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert verb_checks.main(CHARLM, "export", *flags) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_a_numeric_part_says_why(capsys):
    assert verb_checks.main(CAPTIONING, "export", "--format", "onnx") == 2
    error = capsys.readouterr().err
    assert "`--format` must be saved_model for captioning: its images are decoded" in error


def test_a_folder_that_is_there_and_another_tasks_model_are_refused(capsys, tmp_path):
    (tmp_path / "there").mkdir()
    source = ("--model", SHIPPED / MODELS["charlm"])
    assert to_onnx(CHARLM, tmp_path / "there", *source) == 2
    assert "`--output` must be a new folder" in capsys.readouterr().err
    assert to_onnx(SENTIMENT, tmp_path / "new", *source) == 2
    assert "`--model` must be of sentiment" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["tf2onnx", "onnx", "onnxruntime"])
def test_a_missing_package_is_named(capsys, tmp_path, monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    assert to_onnx(CHARLM, tmp_path / "new", "--model", SHIPPED / MODELS["charlm"]) == 2
    assert f"`--format onnx` needs the package {package}: pip install" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_conversion_that_answers_otherwise_leaves_nothing(tmp_path):
    model, folder = exporting.load_saved_model(SHIPPED / MODELS["charlm"])
    made = json.loads((folder / exporting.RUN).read_text())
    numeric = CHARLM.numeric(model, from_json(CHARLM, made["flags"]))
    numeric = dataclasses.replace(numeric, expected=numeric.expected + 0.01)
    with pytest.raises(ValueError, match="whose answer for an example is"):
        onnx_export.write_onnx(numeric, "charlm", folder, tmp_path / "new", False)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_model_are_refused():
    model, folder = exporting.load_saved_model(SHIPPED / MODELS["charlm"])
    made = json.loads((folder / exporting.RUN).read_text())
    flags = from_json(CHARLM, {**made["flags"], "units": 13})
    with pytest.raises(ValueError, match=r"`--model` must have weights char_lm_.* \(65, 52\)"):
        CHARLM.numeric(model, flags)
