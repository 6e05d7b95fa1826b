"""The problem of long-term dependencies: how long a gap each cell remembers over.

"The clouds are in the ..." needs a short memory, "I live in Iran ... its official language is ..."
a long one. Three tasks ask for it (`memory.py`): recall of a word after a gap of distractors, the
adding problem, and copying. Each is tried with the lecture's SimpleRNN and LSTM, with weights that
start by default and with weights that start made for a long memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from pipelines.lecture import drawing, fitting, memory
from pipelines.lecture.lesson import Finding, Lesson, LessonFlags, Result, check_at_least
from pipelines.report import Html, table

WORDS, BATCH = 4, 32
SYMBOLS, COUNT = 4, 3  # of the copying task
CHANCE, DO_NOTHING, NO_MEMORY = 1 / WORDS, 1 / 6, float(np.log(SYMBOLS))
RNN, IDENTITY, LSTM_PLAIN, LSTM_OFFSETS = memory.STARTS


@dataclass(frozen=True)
class Flags(LessonFlags):
    """Recall, adding and copying over long gaps: which cell remembers how long."""

    units: int = 32
    """Size of h."""
    seeds: int = 3
    """Trainings of each cell on each gap of the recall task."""
    gaps: tuple[int, ...] = (5, 20, 100, 500)  # steps
    """Distractors between the word and the question."""
    steps: int = 400
    """Training steps of recall, 32 sequences each; a training that has solved it ends sooner."""
    adding_lengths: tuple[int, ...] = (100, 200, 400)  # steps
    """Lengths of the adding problem."""
    adding_steps: int = 1000
    """Training steps of the adding problem."""
    adding_seeds: int = 1
    """Trainings of each cell on each length of the adding problem, and of copying."""
    copy_gaps: tuple[int, ...] = (10, 50)  # steps
    """Blanks between the symbols and their copy."""
    copy_steps: int = 600
    """Training steps of copying."""


class Task(NamedTuple):
    """A task at one length.

    name: "recall", "adding" or "copying".
    gap: its length, in steps.
    batch: (rng, size) -> x, y.
    sizes: features, outputs and answers, as `memory.network` takes them.
    steps: of training.
    seeds: trainings of each cell.
    solved: a training loss that counts as solved.
    score: (outputs, y) -> the number to report.
    """

    name: str
    gap: int
    batch: Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
    sizes: tuple[int, int, int]
    steps: int
    seeds: int
    solved: float
    score: Callable[[np.ndarray, np.ndarray], float]


def run(flags: Flags) -> Result:
    """Trains every cell on every task and length; prints each as it ends."""
    check_at_least(flags, units=1, seeds=1, gaps=1, steps=1, adding_lengths=2, adding_steps=1)
    check_at_least(flags, adding_seeds=1, copy_gaps=1, copy_steps=1)
    scores: dict[str, dict[str, list[list[float]]]] = {}
    for task in tasks(flags):
        for start in memory.STARTS:
            by_seed = trial(task, start, flags)
            scores.setdefault(task.name, {}).setdefault(start, []).append(by_seed)
            values = ", ".join(f"{value:.3f}" for value in by_seed)
            print(f"  {task.name:<8} {task.gap:>4} steps  {start:<20} {values}", flush=True)
    return _result(flags, scores)


def tasks(flags: Flags) -> list[Task]:
    """All tasks at all lengths, shortest first."""
    return [
        *(
            Task(
                "recall",
                gap,
                lambda rng, size, gap=gap: memory.recall(rng, WORDS, gap, size),
                (2 * WORDS + 1, WORDS, 1),
                flags.steps,
                flags.seeds,
                0.02,
                fitting.share_right,
            )
            for gap in flags.gaps
        ),
        *(
            Task(
                "adding",
                length,
                lambda rng, size, length=length: memory.adding(rng, length, size),
                (2, 1, 1),
                flags.adding_steps,
                flags.adding_seeds,
                0.002,
                mean_square,
            )
            for length in flags.adding_lengths
        ),
        *(
            Task(
                "copying",
                gap,
                lambda rng, size, gap=gap: memory.copying(rng, SYMBOLS, COUNT, gap, size),
                (SYMBOLS + 2, SYMBOLS, COUNT),
                flags.copy_steps,
                flags.adding_seeds,
                0.02,
                crossentropy,
            )
            for gap in flags.copy_gaps
        ),
    ]


def trial(task: Task, start: str, flags: Flags) -> list[float]:
    """The score of each seed. One network is compiled and begun anew for each seed."""
    model = _network(task, start, flags)
    rate = memory.learning_rate(start, task.gap)
    loss = "mse" if task.name == "adding" else fitting.classes_loss()
    fitting.compile_model(model, rate, loss, fast=task.gap >= 50)
    model.optimizer.build(model.trainable_variables)
    blank = [keras.ops.convert_to_numpy(variable) for variable in model.optimizer.variables]
    scores = []
    for seed in range(flags.seed, flags.seed + task.seeds):
        keras.utils.set_random_seed(seed)
        model.set_weights(_network(task, start, flags).get_weights())
        for variable, value in zip(model.optimizer.variables, blank, strict=True):
            variable.assign(value)
        batch = _sized(task)
        fitting.train(model, batch, task.steps, seed, solved=task.solved)
        x, y = task.batch(np.random.default_rng([seed, 2]), 256)
        scores.append(task.score(fitting.predict(model, x), y))
    return scores


def mean_square(outputs: np.ndarray, y: np.ndarray) -> float:
    """Mean of (o - y)²."""
    return float(np.mean((outputs - y) ** 2))


def crossentropy(outputs: np.ndarray, y: np.ndarray) -> float:
    """-log softmax(o)_y, in nats a symbol."""
    return float(np.mean(keras.ops.convert_to_numpy(fitting.classes_loss()(y, outputs))))


def _network(task: Task, start: str, flags: Flags) -> keras.Model:
    features, outputs, answers = task.sizes
    return memory.network(
        start, features, outputs, units=flags.units, span=task.gap, answers=answers
    )


def _sized(task: Task) -> fitting.Batch:
    return lambda rng: task.batch(rng, BATCH)


def _result(flags: Flags, scores: dict[str, dict[str, list[list[float]]]]) -> Result:
    notes = [
        f"{flags.units} units, {flags.steps} training steps of {BATCH} sequences for recall, "
        f"{flags.adding_steps} for adding, {flags.copy_steps} for copying; {flags.seeds} seeds for "
        f"recall, {flags.adding_seeds} for the others. More steps may solve more."
    ]
    numbers = {
        "gaps": flags.gaps,
        "adding_lengths": flags.adding_lengths,
        "copy_gaps": flags.copy_gaps,
        "baselines": {"recall": CHANCE, "adding": DO_NOTHING, "copying": NO_MEMORY},
        **scores,
    }
    findings = [
        *_recall_findings(flags, scores["recall"]),
        _adding_finding(flags, scores["adding"]),
        _copying_finding(flags, scores["copying"]),
    ]
    return Result(findings, numbers, [_picture(flags, scores), _table(flags, scores)], notes)


def _recall_findings(flags: Flags, recall: dict[str, list[list[float]]]) -> list[Finding]:
    short, far = min(flags.gaps), max(flags.gaps)
    at = {
        start: dict(zip(flags.gaps, map(_mean, by_gap), strict=True))
        for start, by_gap in recall.items()
    }
    return [
        Finding(
            "A short gap ('the clouds are in the ...') is no problem for the RNN.",
            f"SimpleRNN recalls {at[RNN][short]:.0%} after {short} steps (chance {CHANCE:.0%}); "
            f"with identity recurrence {at[IDENTITY][short]:.0%}.",
            at[RNN][short] > 0.9,
        ),
        Finding(
            "With the gap the RNN loses the connection ('I live in Iran ...').",
            f"SimpleRNN recalls {_by_gap(at[RNN])}.",
            at[RNN][far] < CHANCE + 0.15,
        ),
        Finding(
            "The LSTM learns long-term dependencies.",
            f"The lecture's bias-free LSTM with default weights recalls {_by_gap(at[LSTM_PLAIN])}.",
            at[LSTM_PLAIN][far] > 0.9,
        ),
        Finding(
            "The same LSTM learns them, its gates begun at σ(±log gap) by a constant feature.",
            f"It recalls {_by_gap(at[LSTM_OFFSETS])}.",
            at[LSTM_OFFSETS][far] > 0.9,
        ),
        Finding(
            "Identity recurrence lets the ReLU RNN learn longer gaps (Le, Jaitly and Hinton 2015).",
            f"It recalls {_by_gap(at[IDENTITY])}.",
            sum(at[IDENTITY].values()) - sum(at[RNN].values()) > 0.1 * len(flags.gaps),
        ),
    ]


def _adding_finding(flags: Flags, adding: dict[str, list[list[float]]]) -> Finding:
    longest = np.argmax(flags.adding_lengths)
    errors = {start: _mean(by_length[longest]) for start, by_length in adding.items()}
    return Finding(
        "The LSTM solves the adding problem where the RNN gives the do-nothing answer.",
        f"Mean squared error at {max(flags.adding_lengths)} steps, do-nothing 1/6 = 0.167: "
        f"{_by_start(errors)}.",
        errors[LSTM_OFFSETS] < DO_NOTHING / 4 < errors[RNN],
    )


def _copying_finding(flags: Flags, copying: dict[str, list[list[float]]]) -> Finding:
    longest = np.argmax(flags.copy_gaps)
    nats = {start: _mean(by_gap[longest]) for start, by_gap in copying.items()}
    return Finding(
        "The LSTM copies over a gap where the RNN has no memory.",
        f"Nats a symbol after {max(flags.copy_gaps)} blanks, without memory {NO_MEMORY:.3f}: "
        f"{_by_start(nats)}.",
        nats[LSTM_OFFSETS] < 0.75 * NO_MEMORY < nats[RNN],
    )


def _table(flags: Flags, scores: dict[str, dict[str, list[list[float]]]]) -> Html:
    rows = [
        (start, name, gap, _mean(by_seed), min(by_seed), max(by_seed))
        for name, gaps in _lengths(flags).items()
        for start in memory.STARTS
        for gap, by_seed in zip(gaps, scores[name][start], strict=True)
    ]
    return table(["cell", "task", "gap", "mean over seeds", "least", "most"], rows)


def _lengths(flags: Flags) -> dict[str, tuple[int, ...]]:
    return {"recall": flags.gaps, "adding": flags.adding_lengths, "copying": flags.copy_gaps}


def _mean(by_seed: list[float]) -> float:
    return float(np.mean(by_seed))


def _by_gap(shares: dict[int, float]) -> str:
    return ", ".join(f"{share:.0%} after {gap} steps" for gap, share in sorted(shares.items()))


def _by_start(values: dict[str, float]) -> str:
    return "; ".join(f"{start} {value:.3f}" for start, value in values.items())


def _picture(flags: Flags, scores: dict) -> Html:
    """A curve for each cell by gap, the band from the worst seed to the best."""
    labels = {
        "recall": ("recall: share right", (CHANCE, "chance")),
        "adding": ("adding: mean squared error", (DO_NOTHING, "do nothing (1/6)")),
        "copying": ("copying: nats a symbol", (NO_MEMORY, "no memory")),
    }
    with drawing.panels(1, 3, 3.9, 3.2) as (sketch, axes):
        for panel, (name, (title, level)) in zip(axes[0], labels.items(), strict=True):
            lines = {start: np.transpose(by_gap) for start, by_gap in scores[name].items()}
            drawing.curves(
                panel,
                _lengths(flags)[name],
                lines,
                title=title,
                xlabel="steps",
                ylabel="",
                level=level,
            )
            panel.set_xscale("log")
            panel.set_ylim(bottom=0)
    return drawing.picture(sketch, "recall, adding and copying by gap, for each cell")


LESSON = Lesson("long_term", "how long each cell remembers", Flags, run)
