"""Unlabelled pre-training: the reader as a language model of each direction."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from pipelines import runs, training
from pipelines.sentiment import batches
from pipelines.sentiment.flags import Train
from pipelines.sentiment.tokens import PAD
from pipelines.sentiment.trainer import optimizer
from zoo.models.reader import Reader
from zoo.models.sentiment import LanguageModel

FOLDER = "pretraining"  # of a run: a run of its own
MEASURED = 100  # windows of dev whose full sum over the vocabulary is worked out
MEASURED_BATCH = 4  # windows; each has time x vocabulary scores
SHORTEST = 8  # words of a window that is worth a row


@keras.saving.register_keras_serializable(package="unfold")
class NegativeLogLikelihood(keras.losses.Loss):
    """-log p, of a model that gives log p; the targets are not looked at."""

    def call(self, y_true, y_pred):
        return -y_pred


class Negatives:
    """Words that stand for the whole vocabulary in the sum of a softmax, and their chances.

    `count` different words are drawn, word v before others in proportion to q_v = share_v^0.75
    (Mikolov et al. 2013): the `count` smallest of exponential times with rates q_v. Word v is
    among them with the chance

        π_v ≈ 1 - exp(-q_v t)        with t from Σ_v π_v = count

    Args:
        frequencies: `<int>[vocabulary]`, occurrences; a word that has none is never drawn.
        count: words a draw.
    """

    def __init__(self, frequencies: np.ndarray, count: int):
        self.words = np.flatnonzero(frequencies)
        self.count = min(count, len(self.words))
        self.rates = frequencies[self.words] ** 0.75
        self.rates = self.rates / self.rates.sum()
        self.log_chances = np.log(self._chances()).astype(np.float32)

    def _chances(self) -> np.ndarray:
        if self.count == len(self.words):
            return np.ones(self.count)
        low, high = 0.0, 1.0
        while -np.expm1(-self.rates * high).sum() < self.count:
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            enough = -np.expm1(-self.rates * middle).sum() >= self.count
            low, high = (low, middle) if enough else (middle, high)
        return -np.expm1(-self.rates * high)

    def draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The language model's inputs `candidates` and `log_chances`, each [count]."""
        times = rng.exponential(size=len(self.words)) / self.rates
        chosen = np.argpartition(times, self.count - 1)[: self.count]
        return {
            "candidates": self.words[chosen].astype(np.int32),
            "log_chances": self.log_chances[chosen],
        }


def windows(rows: Sequence[np.ndarray], length: int) -> list[np.ndarray]:
    """Rows of at most `length` words, one after the other; a last one that is too short is left."""
    parts = [row[start : start + length] for row in rows for start in range(0, len(row), length)]
    return [part for part in parts if len(part) >= SHORTEST]


class Pretraining:
    """Epochs of a language model.

    Args:
        flags: of the run.
        model: built.
        rows: word numbers of all texts, uncut.
        dev: the same of dev, for the perplexity.
    """

    def __init__(
        self,
        flags: Train,
        model: LanguageModel,
        rows: Sequence[np.ndarray],
        dev: Sequence[np.ndarray],
    ):
        self.flags = flags
        self.model = model
        self.rows = windows(rows, flags.max_length)
        self.dev = windows(dev, flags.max_length)[:MEASURED]
        if not self.rows or not self.dev:
            raise ValueError(
                f"`pretrain_epochs` above 0 needs texts of at least {SHORTEST} words. Got none."
            )
        self.lengths = batches.boundaries(self.rows)
        self.steps = batches.count(self.rows, flags.batch_size, self.lengths)
        vocabulary = model.reader.vocabulary_size
        frequencies = np.bincount(np.concatenate(self.rows), minlength=vocabulary)
        self.negatives = Negatives(frequencies, flags.negatives) if flags.negatives else None
        self.compiled = False

    def begin(self, epoch: int) -> None:
        """Compiles the model."""
        if self.compiled:
            return
        self.compiled = True
        steps = self.flags.pretrain_epochs * self.steps
        self.model.compile(
            optimizer(self.flags, self.flags.pretrain_learning_rate, steps),
            NegativeLogLikelihood(),
            jit_compile="auto",
        )
        self.model.optimizer.build(self.model.trainable_variables)

    def epoch(self, epoch: int) -> dict[str, float]:
        """One pass over all windows; `loss` is the estimate of -log p of a word, in nats."""
        rng = np.random.default_rng([self.flags.seed, epoch, 1])
        progress = keras.utils.Progbar(self.steps, stateful_metrics=["loss"])
        losses = []
        for _, words in batches.shuffled(self.rows, self.flags.batch_size, self.lengths, rng):
            inputs = {"tokens": words}
            if self.negatives is not None:
                inputs |= self.negatives.draw(rng)
            losses.append(float(self.model.train_on_batch(inputs, *self._weights(words))))
            progress.update(len(losses), [("loss", np.mean(losses))])
        return {"loss": float(np.mean(losses))}

    def _weights(self, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Targets (none are needed), and weights: 0 for padding, 1 on average over all places."""
        mask = (words[:, None, 1:] != PAD).astype(np.float32)
        mask = np.repeat(mask, len(self.model.projections), axis=1)
        return np.zeros_like(mask), mask / max(mask.mean(), 1e-6)

    def validate(self) -> dict[str, float]:
        """Mean log p of a word of dev by the full sum over the vocabulary, and the perplexity."""
        total, words_in_all = 0.0, 0
        lengths = batches.boundaries(self.dev)
        for _, words in batches.in_order(self.dev, MEASURED_BATCH, lengths):
            log_probs = np.asarray(self.model.predict_on_batch({"tokens": words}), np.float64)
            mask = np.broadcast_to(words[:, None, 1:] != PAD, log_probs.shape)
            total += log_probs[mask].sum()
            words_in_all += mask.sum()
        mean = float(total / words_in_all)
        return {"log_likelihood": mean, "perplexity": float(np.exp(-mean))}


def language_model(flags: Train, reader: Reader) -> LanguageModel:
    """The language model over a classifier's reader."""
    model = LanguageModel(reader, dropout=flags.output_dropout, name="language_model")
    model.build(None)
    return model


def pretrain(
    flags: Train,
    reader: Reader,
    rows: Sequence[np.ndarray],
    dev: Sequence[np.ndarray],
    run: Path,
) -> None:
    """Trains the reader as a language model, from wherever the run stands, in `run/pretraining`."""
    epochs = Pretraining(flags, language_model(flags, reader), rows, dev)
    print(
        f"Pre-training on {len(epochs.rows)} windows, {sum(map(len, epochs.rows))} words.",
        flush=True,
    )
    task = training.Task(
        model=epochs.model,
        epochs=flags.pretrain_epochs,
        begin=epochs.begin,
        train_epoch=epochs.epoch,
        validate=epochs.validate,
        monitor="log_likelihood",
    )
    training.fit(task, run / FOLDER)


def source(flags: Train) -> Path | None:
    """The run that `--pretrained` names.

    Raises:
        ValueError: there is no language model in it.
    """
    if flags.pretrained is None:
        return None
    run = flags.runs_dir / "sentiment" / flags.pretrained
    run = run if run.is_dir() else Path(flags.pretrained)
    if not (run / FOLDER / "state.json").exists() or not (run / "vocabulary.json").exists():
        raise ValueError(
            "`pretrained` must name a run that was trained with `--pretrain-epochs`. Got "
            f"{flags.pretrained!r}: no language model in {run}."
        )
    return run


def load(flags: Train, reader: Reader, run: Path) -> None:
    """Puts the best language model of `run` into the reader.

    Raises:
        ValueError: its sizes are not those of the reader.
    """
    training.load_best(language_model(flags, reader), run / FOLDER)


def vocabulary_of(run: Path) -> list[str]:
    """The words that a run's numbers stand for."""
    return runs.read_json(run / "vocabulary.json")
