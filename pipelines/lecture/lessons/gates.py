"""The forget gate: at 1 it keeps C, at 0 it forgets it. By hand, then in a trained network.

    C_t = f_t * C_{t-1} + i_t * C̃_t

By hand the weights make f and i exactly 0 or 1. A trained network's gates (of a run of the
sentiment or of the character model, or else of a small network trained here) are shown over a
sentence as heat maps.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np

from pipelines.flags import Positive
from pipelines.lecture import drawing, fitting, sentences
from pipelines.lecture.lesson import Finding, LessonFlags, Result
from pipelines.lecture.trained import Reading, read_run
from pipelines.report import Html, plot_lines
from zoo.layers import LSTM

FULL = 200.0  # σ(200) is 1 and σ(-200) is 0 in float32, to the last bit
SENTENCE = "the plot was dull and the music was awful but the actors were great"


@dataclass(frozen=True)
class Flags(LessonFlags):
    """What the gates keep and forget."""

    length: Positive = 1000  # steps
    """Steps to keep C over."""
    run: Path | None = None
    """Folder of a sentiment or charlm run. Default: a small network is trained here."""
    text: str = SENTENCE
    """Sentence for the heat maps. The small network knows only words of its own grammar."""
    steps: Positive = 300
    """Training steps of the small network, 64 sentences each."""


def run(flags: Flags) -> Result:
    """Measures gates set by hand, and shows a trained network's gates."""
    if flags.run is None:
        reading, measured = _small_network(flags)
    else:
        reading, measured = read_run(flags.run, flags.text), {}
    by_hand = {gate: after(flags.length, gate, flags.seed) for gate in ("keep", "forget")}
    numbers = {
        **by_hand,
        "sentences": measured,
        "mean forget gate by token": mean_forget_gate(reading),
    }
    blocks = [_memory_cell(), *_heat_maps(reading)]
    return Result(_findings(flags, measured, **by_hand), numbers, blocks, [reading.note])


def switched_lstm(units: int) -> LSTM:
    """An LSTM whose gates are switched by its input: x = [forget, write, 1].

    f = σ(200 - 400 forget), i = σ(-200 + 400 write), C̃ = σ(0) = ½, o = σ(0) = ½; no weight on h.
    """
    layer = LSTM(units, return_sequences=True, return_state=True)
    layer.build((None, None, 3))
    rows = {f"W_{gate}": np.zeros((units + 3, units), "float32") for gate in "fico"}
    rows["W_f"][units:] = np.array([[-2 * FULL], [0], [FULL]])
    rows["W_i"][units:] = np.array([[0], [2 * FULL], [-FULL]])
    layer.cell.set_lecture_weights(rows)
    return layer


def after(length: int, gate: str, seed: int, units: int = 16) -> dict[str, int]:
    """Numbers of a random C that are the same, or 0, after `length` steps.

    f = 1 at all steps; for the gate "forget", f = 0 at the last step.
    """
    C = np.random.default_rng([seed, 4]).normal(size=(8, units)).astype("float32")
    x = np.tile(np.array([0, 0, 1], "float32"), (8, length, 1))
    x[:, -1, 0] = gate == "forget"
    *_, last = switched_lstm(units)(x, initial_state=[np.zeros_like(C), C])
    last = keras.ops.convert_to_numpy(last)
    return {"size": C.size, "same": int((last == C).sum()), "zero": int((last == 0).sum())}


def gate_values(reading: Reading) -> dict[str, np.ndarray]:
    """f, i and o at each step, `<float32>[time, units]`, from the layer's own h and weights."""
    h = fitting.predict(reading.layer, reading.x[None])[0]
    h_and_x = np.concatenate([np.vstack([np.zeros_like(h[:1]), h[:-1]]), reading.x], axis=1)
    gate, weights = reading.layer.cell.recurrent_activation, reading.layer.cell.lecture_weights()
    return {
        name: keras.ops.convert_to_numpy(gate(h_and_x @ weights[f"W_{name}"])) for name in "fio"
    }


def mean_forget_gate(reading: Reading) -> list[tuple[str, float]]:
    """Each token with the mean of its forget gates."""
    return list(zip(reading.tokens, gate_values(reading)["f"].mean(axis=1).tolist(), strict=True))


def _small_network(flags: Flags) -> tuple[Reading, dict[str, float]]:
    """A network trained on sentences that turn at "but": a reading of the text, and numbers."""
    sentences.numbers(flags.text)  # an unknown word is an error before work starts
    keras.utils.set_random_seed(flags.seed)
    model = sentences.network()
    losses, _ = fitting.train(model, sentences.batch, flags.steps, flags.seed)
    tokens, labels = sentences.batch(np.random.default_rng([flags.seed, 2]), 512)
    texts = [[sentences.WORDS[number] for number in row if number] for row in tokens[:64]]
    forget = [pair for t in texts for pair in mean_forget_gate(sentences.reading(model, t))]
    measured = {
        "accuracy": fitting.share_right(labels, fitting.predict(model, tokens)),
        "mean forget gate at but": float(np.mean([f for word, f in forget if word == "but"])),
        "mean forget gate elsewhere": float(np.mean([f for word, f in forget if word != "but"])),
        "loss": losses[-1],
    }
    return sentences.reading(model, flags.text.split()), measured


def _findings(
    flags: Flags, measured: dict[str, float], keep: dict[str, int], forget: dict[str, int]
) -> list[Finding]:
    by_hand = [
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
    if not measured:
        return by_hand
    at, elsewhere = measured["mean forget gate at but"], measured["mean forget gate elsewhere"]
    learnt = Finding(
        "A network learns when to forget.",
        f"Where only what follows the last 'but' counts, the trained LSTM answers "
        f"{measured['accuracy']:.1%} of new sentences rightly; its forget gate is {at:.2f} at "
        f"'but' and {elsewhere:.2f} at other words, on average.",
        at < elsewhere - 0.1,
    )
    return [*by_hand, learnt]


def _heat_maps(reading: Reading) -> list[Html]:
    """Forget, input and output gate over the sentence; units in order of their forget gate."""
    gates = gate_values(reading)
    order = np.argsort(gates["f"].mean(axis=0))
    size = (max(6.0, 0.28 * len(reading.tokens)), 2.6)
    return [
        drawing.picture(
            f"{name} gate over the sentence",
            size,
            partial(
                drawing.heat_map,
                values=gates[name[0]][:, order].T,
                columns=reading.tokens,
                ylabel="unit",
                title=f"{name} gate (1: open)",
            ),
        )
        for name in ("forget", "input", "output")
    ]


def _memory_cell(steps: int = 20, write: int = 4, forget: int = 15) -> Html:
    """C of the LSTM set by hand: written once, kept, then forgotten."""
    x = np.tile(np.array([0, 0, 1], "float32"), (1, steps, 1))
    x[0, write - 1, 1] = x[0, forget - 1, 0] = 1
    h = keras.ops.convert_to_numpy(switched_lstm(1)(x)[0])[0, :, 0]
    C = np.arctanh(2 * h)  # h = ½ tanh(C)
    lines = {"forget gate f": 1 - x[0, :, 0], "input gate i": x[0, :, 1], "cell state C": C}
    title = "written once, kept, forgotten"
    panel = partial(plot_lines, lines=lines, title=title, xlabel="step")
    return drawing.picture("C and its gates over the steps", (6.5, 2.4), panel)
