"""The problem of long-term dependencies: how long a gap each cell remembers over.

"The clouds are in the ..." needs a short memory, "I live in Iran ... its official language is ..."
a long one. Three tasks ask for it (`memory.py`): recall of a word after a gap of distractors, the
adding problem, and copying. Each is tried with the lecture's SimpleRNN and LSTM, with weights that
start by default and with weights that start made for a long memory.
"""

import itertools
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import keras
import numpy as np

from pipelines.flags import Positive
from pipelines.lecture import drawing, fitting, memory
from pipelines.lecture.lesson import Finding, LessonFlags, Numbers, Result, at_least
from pipelines.lecture.memory import IDENTITY, OFFSETS, PLAIN, RNN, STARTS
from pipelines.report import Html, plot_lines, table

WORDS, BATCH = 4, 32
SYMBOLS, COUNT = 4, 3  # of the copying task
CHANCE, DO_NOTHING, NO_MEMORY = 1 / WORDS, 1 / 6, float(np.log(SYMBOLS))

Scores = dict[str, dict[int, list[float]]]  # cell -> gap -> of each seed


@dataclass(frozen=True)
class Flags(LessonFlags):
    """How long each cell remembers."""

    units: Positive = 32
    """Size of h."""
    seeds: Positive = 3
    """Trainings of each cell on each gap of the recall task."""
    gaps: Numbers = (5, 20, 100, 500)  # steps
    """Distractors between the word and the question."""
    steps: Positive = 400
    """Training steps of recall, 32 sequences each; a training that has solved it ends sooner."""
    adding_lengths: Annotated[tuple[int, ...], at_least(2)] = (100, 200, 400)  # steps
    """Lengths of the adding problem."""
    adding_steps: Positive = 1000
    """Training steps of the adding problem."""
    adding_seeds: Positive = 1
    """Trainings of each cell on each length of the adding problem, and of copying."""
    copy_gaps: Numbers = (10, 50)  # steps
    """Blanks between the symbols and their copy."""
    copy_steps: Positive = 600
    """Training steps of copying."""


def run(flags: Flags) -> Result:
    """Trains every cell on every task and length; prints each as it ends."""
    by_name = tasks(flags)
    scores: dict[str, Scores] = {name: {start: {} for start in STARTS} for name in by_name}
    for name, task in by_name.items():
        for gap, start in itertools.product(task["spans"], STARTS):
            by_seed = scores[name][start][gap] = trial(task, gap, start, flags)
            values = ", ".join(f"{value:.3f}" for value in by_seed)
            print(f"  {name:<8} {gap:>4} steps  {start:<20} {values}", flush=True)
    rows = [
        (start, name, gap, float(np.mean(by_seed)), min(by_seed), max(by_seed))
        for name, by_start in scores.items()
        for start, by_gap in by_start.items()
        for gap, by_seed in by_gap.items()
    ]
    header = ["cell", "task", "gap", "mean over seeds", "least", "most"]
    notes = [
        f"{flags.units} units, {flags.steps} training steps of {BATCH} sequences for recall, "
        f"{flags.adding_steps} for adding, {flags.copy_steps} for copying; {flags.seeds} seeds for "
        f"recall, {flags.adding_seeds} for the others. More steps may solve more."
    ]
    numbers = {"baselines": {name: task["baseline"][0] for name, task in by_name.items()}, **scores}
    blocks = [_picture(by_name, scores), table(header, rows)]
    return Result(_findings(**scores), numbers, blocks, notes)


def tasks(flags: Flags) -> dict[str, dict[str, Any]]:
    """The tasks by name, each with

    score: (y, outputs) -> the number to report, and `title`, its name.
    baseline: the score without a memory, and its name.
    spans: lengths to train at, in steps.
    steps: of each training.
    seeds: trainings of each cell at each length.
    batch: (rng, span, size) -> x, y.
    sizes: of the network: see `memory.network`.
    loss: a Keras loss, and `solved`, the training loss that counts as solved.
    """
    return {
        "recall": {
            "score": fitting.share_right,
            "title": "share right",
            "baseline": (CHANCE, "chance"),
            "spans": flags.gaps,
            "steps": flags.steps,
            "seeds": flags.seeds,
            "batch": partial(memory.recall, words=WORDS),
            "sizes": {"features": 2 * WORDS + 1, "outputs": WORDS},
            "loss": fitting.classes_loss(),
            "solved": 0.02,
        },
        "adding": {
            "score": keras.losses.MeanSquaredError(),
            "title": "mean squared error",
            "baseline": (DO_NOTHING, "do nothing (1/6)"),
            "spans": flags.adding_lengths,
            "steps": flags.adding_steps,
            "seeds": flags.adding_seeds,
            "batch": memory.adding,
            "sizes": {"features": 2, "outputs": 1},
            "loss": "mse",
            "solved": 0.002,
        },
        "copying": {
            "score": fitting.classes_loss(),
            "title": "nats a symbol",
            "baseline": (NO_MEMORY, "no memory"),
            "spans": flags.copy_gaps,
            "steps": flags.copy_steps,
            "seeds": flags.adding_seeds,
            "batch": partial(memory.copying, symbols=SYMBOLS, count=COUNT),
            "sizes": {"features": SYMBOLS + 2, "outputs": SYMBOLS, "answers": COUNT},
            "loss": fitting.classes_loss(),
            "solved": 0.02,
        },
    }


def trial(task: dict[str, Any], span: int, start: str, flags: Flags) -> list[float]:
    """The score of each seed. One network is compiled and begun anew for each seed."""
    build = partial(memory.network, start, units=flags.units, span=span, **task["sizes"])
    model, blank, scores = build(), {}, []
    rate = memory.learning_rate(start, span)
    fitting.compile_model(model, rate, task["loss"], fast=span >= 50)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.save_own_variables(blank)
    batch = partial(task["batch"], span=span, size=BATCH)
    for seed in range(flags.seed, flags.seed + task["seeds"]):
        keras.utils.set_random_seed(seed)
        model.set_weights(build().get_weights())
        model.optimizer.load_own_variables(blank)
        fitting.train(model, batch, task["steps"], seed, solved=task["solved"])
        x, y = task["batch"](np.random.default_rng([seed, 2]), span, 256)
        scores.append(float(task["score"](y, fitting.predict(model, x))))
    return scores


def _findings(recall: Scores, adding: Scores, copying: Scores) -> list[Finding]:
    length, errors, errors_text = _at_longest(adding)
    blanks, nats, nats_text = _at_longest(copying)
    return [
        *_recall_findings(recall),
        Finding(
            "The LSTM solves the adding problem where the RNN gives the do-nothing answer.",
            f"Mean squared error at {length} steps, do-nothing 1/6 = 0.167: {errors_text}.",
            errors[OFFSETS] < DO_NOTHING / 4 < errors[RNN],
        ),
        Finding(
            "The LSTM copies over a gap where the RNN has no memory.",
            f"Nats a symbol after {blanks} blanks, without memory {NO_MEMORY:.3f}: {nats_text}.",
            nats[OFFSETS] < 0.75 * NO_MEMORY < nats[RNN],
        ),
    ]


def _at_longest(scores: Scores) -> tuple[int, dict[str, float], str]:
    """The longest gap, the mean score of each cell there, and the scores in words."""
    gap = max(scores[RNN])
    means = {start: float(np.mean(by_gap[gap])) for start, by_gap in scores.items()}
    return gap, means, "; ".join(f"{start} {value:.3f}" for start, value in means.items())


def _recall_findings(scores: Scores) -> list[Finding]:
    short, far = min(scores[RNN]), max(scores[RNN])
    recall = {s: {gap: float(np.mean(v)) for gap, v in sorted(scores[s].items())} for s in STARTS}
    texts = {
        start: ", ".join(f"{share:.0%} after {gap} steps" for gap, share in shares.items())
        for start, shares in recall.items()
    }
    gain = sum(recall[IDENTITY].values()) - sum(recall[RNN].values())
    return [
        Finding(
            "A short gap ('the clouds are in the ...') is no problem for the RNN.",
            f"SimpleRNN recalls {recall[RNN][short]:.0%} after {short} steps (chance "
            f"{CHANCE:.0%}); with identity recurrence {recall[IDENTITY][short]:.0%}.",
            recall[RNN][short] > 0.9,
        ),
        Finding(
            "With the gap the RNN loses the connection ('I live in Iran ...').",
            f"SimpleRNN recalls {texts[RNN]}.",
            recall[RNN][far] < CHANCE + 0.15,
        ),
        Finding(
            "The LSTM learns long-term dependencies.",
            f"The lecture's bias-free LSTM with default weights recalls {texts[PLAIN]}.",
            recall[PLAIN][far] > 0.9,
        ),
        Finding(
            "The same LSTM learns them, its gates begun at σ(±log gap) by a constant feature.",
            f"It recalls {texts[OFFSETS]}.",
            recall[OFFSETS][far] > 0.9,
        ),
        Finding(
            "Identity recurrence lets the ReLU RNN learn longer gaps (Le, Jaitly and Hinton 2015).",
            f"It recalls {texts[IDENTITY]}.",
            gain > 0.1 * len(recall[RNN]),
        ),
    ]


def _picture(by_name: dict[str, dict], scores: dict[str, Scores]) -> Html:
    """A curve for each cell by gap, the band from the worst seed to the best."""
    panels = [
        partial(
            plot_lines,
            lines={
                start: np.transpose([*by_gap.values()]) for start, by_gap in scores[name].items()
            },
            x=task["spans"],
            level=task["baseline"],
            title=f"{name}: {task['title']}",
            xlabel="steps",
            xscale="log",
            ylim=(0, None),
        )
        for name, task in by_name.items()
    ]
    return drawing.picture("recall, adding and copying by gap, for each cell", (3.9, 3.2), *panels)
