"""How a captioner is trained, and how its captions of dev are scored."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from pipelines import training
from pipelines.captioning import data
from pipelines.captioning.flags import Train
from pipelines.captioning.image_inputs import BATCH, ImageInputs
from pipelines.captioning.metrics import caption_metrics
from pipelines.captioning.self_critical import SelfCritical
from pipelines.epochs import Batches, bucket_limits, dataset, draws
from pipelines.schedules import WarmupCosine
from pipelines.store import FILLER, Store, padded
from zoo.encoders import learn
from zoo.losses import SmoothedCrossentropy
from zoo.models.captioner import Captioner

LIKELIHOOD, FINE_TUNING, SELF_CRITICAL = "likelihood", "fine-tuning", "self-critical"
BUCKETS = 4  # lengths that captions are padded to
CLIP = 5.0  # norm of a gradient


class Trainer(training.Trainer):
    """Three phases: the likelihood of people's captions, fine-tuning, and self-critical training.

    Args:
        flags: of the run.
        model: built.
        vocabulary: word of each number.
        images, words: of the training images, see `open_inputs` and `data.word_store`.
        dev_images, dev_captions: of dev, see `open_inputs` and `data.caption_store`.
    """

    monitor = "cider_d"

    def __init__(
        self,
        flags: Train,
        model: Captioner,
        vocabulary: Sequence[str],
        images: ImageInputs,
        words: Store,
        dev_images: ImageInputs,
        dev_captions: Store,
    ):
        self.flags, self.model, self.vocabulary = flags, model, vocabulary
        self.images, self.words = images, words
        self.dev_images, self.dev_captions = dev_images, dev_captions
        self.phases = {
            LIKELIHOOD: flags.epochs,
            FINE_TUNING: flags.fine_tune_epochs,
            SELF_CRITICAL: flags.self_critical_epochs,
        }
        self.epochs, self.keep = sum(self.phases.values()), flags.keep
        self.rules = data.search_rules(flags)
        lengths = np.minimum(words.columns["longest"].values, flags.max_length + 1)
        limits = bucket_limits(lengths, flags.batch_size, BUCKETS)
        by_length = Batches(lengths, flags.batch_size, flags.seed, limits)
        # A sample may be of any length: one bucket.
        anyhow = Batches(np.ones(len(words)), flags.batch_size, flags.seed, [1])
        self.batches = {LIKELIHOOD: by_length, FINE_TUNING: by_length, SELF_CRITICAL: anyhow}
        self._search = training.as_graph(self._beam)

    def phase(self, epoch: int) -> str:
        for phase, epochs in self.phases.items():
            if epoch < epochs:
                return phase
            epoch -= epochs
        raise ValueError(f"`epoch` must be below {self.epochs}. Got {epoch + self.epochs}.")

    def compile(self, phase: str) -> None:
        """Adam; label smoothing but in self-critical training, where no word is a target."""
        flags, critical = self.flags, phase == SELF_CRITICAL
        if flags.fine_tune_from is not None:
            learn(self.model.encoder, phase == FINE_TUNING)
        if critical:
            self.critic = SelfCritical(self.words)
            self._sampler = training.as_graph(self._sample)
        self.model.compile(
            keras.optimizers.Adam(self._learning_rate(phase), clipnorm=CLIP),
            SmoothedCrossentropy(0.0 if critical else flags.label_smoothing),
            # On a CPU, XLA takes four times longer over dropout's random numbers than over the rest
            # of the step; "auto" leaves it off there.
            jit_compile="auto",
        )

    def _learning_rate(self, phase: str) -> float | WarmupCosine:
        if phase == SELF_CRITICAL:
            return self.flags.self_critical_learning_rate
        peaks = {
            LIKELIHOOD: self.flags.learning_rate,
            FINE_TUNING: self.flags.fine_tune_learning_rate,
        }
        steps = self.phases[phase] * self.batches[phase].steps
        return WarmupCosine(peaks[phase], steps, steps // 20)

    # Batches.

    def steps(self, epoch: int) -> int:
        return self.batches[self.phase(epoch)].steps

    def dataset(self, epoch: int, start: int = 0) -> tf.data.Dataset:
        """Images and tokens, answers and weights, the last three `[batch, captions, time]`.

        Of self-critical training images, their numbers and a seed for the samples.
        """
        phase = self.phase(epoch)
        image = {self.images.name: tf.TensorSpec([None, *self.images.shape], tf.float32)}
        captions = [None, self.flags.captions_per_image, None]
        if phase == SELF_CRITICAL:
            read = self._to_sample
            spec = (image, tf.TensorSpec([None], tf.int64), tf.TensorSpec([2], tf.int32))
        else:
            read = self._to_imitate
            spec = (
                {**image, "tokens": tf.TensorSpec(captions, tf.int32)},
                tf.TensorSpec(captions, tf.int32),
                tf.TensorSpec(captions, tf.float32),
            )
        plan = self.batches[phase].plan(epoch)
        return dataset(plan, lambda records, time: read(epoch, records, time), spec, start)

    def _to_imitate(self, epoch: int, records: np.ndarray, time: int) -> tuple:
        """A batch of people's captions; blank rows have blank captions."""
        rngs = self._rngs(epoch, records)
        image = self._read_images(records, rngs)
        answers, tokens = [], []
        for record, rng in zip(records, rngs, strict=True):
            chosen = self._choose(record, rng)
            answers.append(padded(chosen, time))
            tokens.append(drop_words(data.shift_right(answers[-1]), self.flags.word_dropout, rng))
        answers = np.stack(answers)
        return {**image, "tokens": np.stack(tokens)}, answers, data.token_weights(answers)

    def _to_sample(self, epoch: int, records: np.ndarray, time: int) -> tuple:
        rngs = self._rngs(epoch, records)
        image = self._read_images(records, rngs)
        return image, records, rngs[0].integers(0, 2**31, 2, np.int32)

    def _rngs(self, epoch: int, records: np.ndarray) -> list[np.random.Generator]:
        return [draws(self.flags.seed, epoch, max(int(record), 0)) for record in records]

    def _read_images(self, records: np.ndarray, rngs: Sequence) -> dict[str, np.ndarray]:
        """Images, half of them mirrored with `--flip`.

        A blank row repeats an image of its batch, so that batch normalisation sees no black ones.
        """
        images = np.resize(records[records != FILLER], len(records))
        mirrored = np.array([rng.random() < 0.5 for rng in rngs]) if self.flags.flip else None
        return self.images.read(images, mirrored)

    def _choose(self, record: int, rng: np.random.Generator) -> list[Sequence[int]]:
        """As many captions of an image as go into a batch, at random; of fewer, empty ones too."""
        captions = [] if record == FILLER else data.numbers_of(self.words, record)
        count = self.flags.captions_per_image
        chosen = [captions[place] for place in rng.permutation(len(captions))[:count]]
        cut = [data.cut(caption, self.flags.max_length) for caption in chosen]
        return [*cut, *[[]] * (count - len(cut))]

    # Self-critical training.

    def run_epoch(self, epoch: int, start: int, callbacks: training.Callbacks) -> dict[str, float]:
        """Trains from step `start` to the epoch's end.

        Self-critical training has a loop of its own: a batch is sampled from the model as the steps
        before have left it, so that no dataset can hold it beforehand.
        """
        if self.phase(epoch) != SELF_CRITICAL:
            return super().run_epoch(epoch, start, callbacks)
        rewards: list[float] = []
        for step, batch in enumerate(self.dataset(epoch, start).as_numpy_iterator()):
            callbacks.on_train_batch_begin(step)
            rewards.append(self._self_critical_step(*batch))
            callbacks.on_train_batch_end(step, {"reward": float(np.mean(rewards))})
            if self.model.stop_training:
                break
        return {"reward": float(np.mean(rewards))}

    def _self_critical_step(self, image: dict, records: np.ndarray, seed: np.ndarray) -> float:
        """Makes samples that beat the others of their image likelier; the mean reward."""
        sampled = keras.ops.convert_to_numpy(self._sampler(image, seed))
        tokens, answers, weights, reward = self.critic.batch(records, sampled)
        self.model.train_on_batch({**image, "tokens": tokens}, answers, weights)
        return reward

    def _sample(self, image, seed):
        samples = self.flags.captions_per_image
        return self.model.caption(
            image, method="sample", samples=samples, seed=seed, **self.rules
        ).tokens

    # Validation.

    def validate(self) -> dict[str, float]:
        """Scores of dev captions by the exported model's search, against people's."""
        references = list(data.all_texts(self.dev_captions))
        captions = list(self._dev_captions())
        metrics = caption_metrics(captions, references)
        return {name: metrics[name] for name in ("cider_d", "bleu_4", "rouge_l")}

    def _dev_captions(self) -> Iterator[str]:
        count = len(self.dev_captions)
        for start in range(0, count, BATCH):
            # The last batch is filled up: a size of its own would be traced anew.
            images = np.arange(start, start + BATCH) % count
            tokens = keras.ops.convert_to_numpy(self._search(self.dev_images.read(images)))
            for row in tokens[: count - start, 0]:
                yield data.decode_tokens(row, self.vocabulary)

    def _beam(self, image):
        width = self.flags.beam_size
        return self.model.caption(image, method="beam", beam_size=width, **self.rules).tokens


def drop_words(tokens: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Replaces a random share of the words read by the unknown word.

    The model then cannot continue from the last word alone and must look at the image (word
    dropout, Bowman et al. 2016). Start, end and padding stay.
    """
    dropped = (rng.random(tokens.shape) < share) & (tokens > data.UNKNOWN)
    return np.where(dropped, data.UNKNOWN, tokens)
