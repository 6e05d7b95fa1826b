"""The forget gate: at 1 it keeps C, at 0 it forgets it. By hand, then in a trained network.

    C_t = f_t * C_{t-1} + i_t * C̃_t

By hand the weights make f and i exactly 0 or 1. A trained network's gates (of a run of the
sentiment or of the character model, or else of a small network trained here) are shown over a
sentence as heat maps.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from pipelines.lecture import drawing, fitting, sentences
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.lecture.trained import Reading, read_run
from pipelines.report import Html
from zoo.layers import LSTM

FULL = 200.0  # σ(200) is 1 and σ(-200) is 0 in float32, to the last bit
SENTENCE = "the plot was dull and the music was awful but the actors were great"


@dataclass(frozen=True)
class Flags(LessonFlags):
    """The forget gate, by weights set by hand and in a trained network."""

    length: int = 1000  # steps
    """Steps to keep C over."""
    run: Path | None = None
    """Folder of a sentiment or charlm run. Default: a small network is trained here."""
    text: str = SENTENCE
    """Sentence for the heat maps. The small network knows only words of its own grammar."""
    steps: int = 300
    """Training steps of the small network, 64 sentences each."""


def run(flags: Flags) -> Result:
    """Measures gates set by hand, and shows a trained network's gates."""
    check_at_least(flags, length=1, steps=1)
    keras.utils.set_random_seed(flags.seed)
    if flags.run is not None:
        reading = read_run(flags.run, flags.text)
    else:
        sentences.numbers(flags.text)  # an unknown word is an error before work starts
    keep, forget = (after(flags.length, gate, flags.seed) for gate in ("keep", "forget"))
    findings = [
        Finding(
            "The forget gate at 1 keeps C whole.",
            f"After {flags.length} steps {keep['same']} of {keep['size']} numbers of C are the "
            "same to the last bit.",
            keep["same"] == keep["size"],
        ),
        Finding(
            "The forget gate at 0 forgets it.",
            f"After one step at 0 {forget['zero']} of {forget['size']} numbers of C are exactly 0.",
            forget["zero"] == forget["size"],
        ),
    ]
    numbers = {"keep": keep, "forget": forget}
    blocks = [_memory_cell()]
    notes = []
    if flags.run is None:
        model, reading, measured = _small_network(flags)
        numbers["sentences"] = measured
        findings.append(_finding(measured))
        notes.append(
            f"No `--run` was given: the heat maps show a network of {sentences.UNITS} units that "
            f"was trained here, on sentences made by a small grammar ({model.count_params()} "
            "parameters)."
        )
    else:
        notes.append(f"The heat maps show the first LSTM of {flags.run}. {reading.note}".strip())
    gates = gate_values(reading)
    numbers["mean forget gate by token"] = [
        [token, float(value)]
        for token, value in zip(reading.tokens, gates["f"].mean(axis=1), strict=True)
    ]
    return Result(findings, numbers, [*blocks, *heat_maps(reading, gates)], notes)


def switched_lstm(units: int) -> LSTM:
    """An LSTM whose gates are switched by its input: x = [forget, write, 1].

    f = σ(200 - 400 forget), i = σ(-200 + 400 write), C̃ = σ(0) = ½, o = σ(0) = ½; no weight on h.
    """
    layer = LSTM(units, return_sequences=True, return_state=True)
    layer.build((None, None, 3))
    rows = {name: np.zeros((units + 3, units), "float32") for name in ("W_f", "W_i", "W_c", "W_o")}
    rows["W_f"][units:] = np.array([[-2 * FULL], [0], [FULL]])
    rows["W_i"][units:] = np.array([[0], [2 * FULL], [-FULL]])
    layer.cell.set_lecture_weights(rows)
    return layer


def after(length: int, gate: str, seed: int, units: int = 16) -> dict[str, int]:
    """Numbers of a random C that are the same, or 0, after `length` steps.

    f = 1 at all steps; for the gate "forget", f = 0 at the last step.
    """
    C = np.random.default_rng([seed, 4]).normal(size=(8, units)).astype("float32")
    x = np.zeros((8, length, 3), "float32")
    x[..., 2] = 1
    if gate == "forget":
        x[:, -1, 0] = 1
    layer = switched_lstm(units)
    last = keras.ops.convert_to_numpy(layer(x, initial_state=[np.zeros_like(C), C])[2])
    return {
        "size": C.size,
        "same": int((last == C).sum()),
        "zero": int((last == 0).sum()),
    }


def gate_values(reading: Reading) -> dict[str, np.ndarray]:
    """f, i and o at each step, `<float32>[time, units]`, from the layer's own h and weights."""
    layer, x = reading.layer, reading.x
    h = keras.ops.convert_to_numpy(layer(x[None])[0])
    h_and_x = np.concatenate([np.vstack([np.zeros_like(h[:1]), h[:-1]]), x], axis=1)
    weights = layer.cell.lecture_weights()
    gate = layer.cell.recurrent_activation
    return {
        name: keras.ops.convert_to_numpy(gate(h_and_x @ weights[f"W_{name}"])) for name in "fio"
    }


def heat_maps(reading: Reading, gates: dict[str, np.ndarray]) -> list[Html]:
    """Forget, input and output gate over the sentence; units in order of their forget gate."""
    order = np.argsort(gates["f"].mean(axis=0))
    width = max(6.0, 0.28 * len(reading.tokens))
    maps = []
    for name, title in (("f", "forget gate"), ("i", "input gate"), ("o", "output gate")):
        with drawing.panels(1, 1, width, 2.6) as (sketch, axes):
            drawing.heat_map(
                axes[0, 0],
                gates[name][:, order].T,
                columns=reading.tokens,
                rows="unit",
                title=f"{title} (1: open)",
            )
        maps.append(drawing.picture(sketch, f"{title} over the sentence"))
    return maps


def _small_network(flags: Flags) -> tuple[keras.Model, Reading, dict]:
    model = sentences.network()
    losses = fitting.train(model, sentences.batch, flags.steps, flags.seed)
    rng = np.random.default_rng([flags.seed, 2])
    tokens, labels = sentences.batch(rng, 512)
    forget = []
    for row in tokens[:64]:
        words = [sentences.WORDS[number] for number in row if number]
        reading = sentences.reading(model, words)
        forget.append((words, gate_values(reading)["f"].mean(axis=1)))
    turn = [v for words, f in forget for word, v in zip(words, f, strict=True) if word == "but"]
    rest = [v for words, f in forget for word, v in zip(words, f, strict=True) if word != "but"]
    measured = {
        "accuracy": float(np.mean((fitting.predict(model, tokens)[:, 0] > 0) == labels[:, 0])),
        "mean forget gate at but": float(np.mean(turn)),
        "mean forget gate elsewhere": float(np.mean(rest)),
        "loss": losses[-1],
    }
    return model, sentences.reading(model, flags.text.split()), measured


def _finding(measured: dict) -> Finding:
    at, elsewhere = measured["mean forget gate at but"], measured["mean forget gate elsewhere"]
    return Finding(
        "A network learns when to forget.",
        f"Where only what follows the last 'but' counts, the trained LSTM answers "
        f"{measured['accuracy']:.1%} of new sentences rightly; its forget gate is {at:.2f} at "
        f"'but' and {elsewhere:.2f} at other words, on average.",
        at < elsewhere - 0.1,
    )


def _memory_cell(steps: int = 20, write: int = 4, forget: int = 15) -> Html:
    """C of the LSTM set by hand: written once, kept, then forgotten."""
    x = np.zeros((1, steps, 3), "float32")
    x[..., 2] = 1
    x[0, write - 1, 1] = x[0, forget - 1, 0] = 1
    layer = switched_lstm(1)
    h = keras.ops.convert_to_numpy(layer(x)[0])[0, :, 0]
    C = np.arctanh(h / 0.5)  # h = ½ tanh(C)
    when = np.arange(1, steps + 1)
    with drawing.panels(1, 1, 6.5, 2.4) as (sketch, axes):
        lines = {"forget gate f": 1 - x[0, :, 0], "input gate i": x[0, :, 1], "cell state C": C}
        drawing.curves(
            axes[0, 0], when, lines, title="written once, kept, forgotten", xlabel="step", ylabel=""
        )
    return drawing.picture(sketch, "a cell state that is written, kept and forgotten by its gates")


LESSON = Lesson("gates", "what the gates keep and forget", Flags, run)
