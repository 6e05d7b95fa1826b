"""Every public class of zoo/ comes back from its config, and from the file that Keras saves."""

import inspect
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from tests.zoo.public_classes import public_classes
from zoo.encoders.small_cnn import build_small_cnn
from zoo.layers import LSTM, LSTMCell, SimpleRNN, SimpleRNNCell
from zoo.layers.attention import AdditiveAttention, MultiplicativeAttention
from zoo.layers.attention_decoder import AttentionDecoder
from zoo.layers.constant_feature import ConstantFeature, GateOffsets
from zoo.layers.location_attention import LocationSensitiveAttention
from zoo.layers.mean_subtraction import MeanSubtraction
from zoo.layers.one_hot_rnn import OneHotRNN
from zoo.layers.recurrent_stack import RecurrentStack
from zoo.layers.reparametrised_rnn import ReparametrisedRNN
from zoo.layers.sentence_encoder import SentenceEncoder
from zoo.layers.word_encoder import WordEncoder
from zoo.losses import SmoothedCrossentropy
from zoo.models.action_recognizer import ActionRecognizer
from zoo.models.captioner import Captioner
from zoo.models.char_lm import CharLM
from zoo.models.recognizer import Recognizer
from zoo.models.sentiment import SentimentClassifier
from zoo.models.synthesizer import Synthesizer
from zoo.models.translator import Translator

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
H = [X[:, 0], X[:, 1]]
TOKENS = np.array([[3, 4, 5], [5, 6, 0]], "int32")
IMAGES = np.random.default_rng(1).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
CAPTIONS = {"images": IMAGES, "tokens": TOKENS[:, None]}


class Case(NamedTuple):
    """An object none of whose plain arguments has its default, and how it is called."""

    make: Callable[[], Any]
    inputs: tuple = (X,)


CELL = {"activation": "relu", "use_bias": True, "dropout": 0.1, "recurrent_dropout": 0.2, "seed": 3}
CELL |= {"kernel_initializer": "ones", "recurrent_initializer": "ones", "bias_initializer": "ones"}
LAYER = {"return_sequences": True, "return_state": True, "go_backwards": True, "unroll": True}
LAYER |= {"zero_output_for_mask": True, "fast": False, **CELL}
GATES = {"recurrent_activation": "tanh", "candidate_activation": "tanh"}
RATES = {"embedding_dropout": 0.1, "input_dropout": 0.2, "output_dropout": 0.3}
READS = {"units": 5, "embedding_units": 3, "layers": 2, "bidirectional": False}
READS |= {"cell": "simple_rnn", "constant_feature": False, "gate_offsets": False}
READS |= RATES
TRANSLATES = {"units": 5, "encoder_units": 4, "embedding_units": 3, "attention_units": 2}
TRANSLATES |= {"encoder_layers": 2, "attention": "multiplicative", "cell": "lstm_tanh"}


CASES = {
    LSTMCell: Case(lambda: LSTMCell(4, **CELL, **GATES), (X[:, 2], H)),
    LSTM: Case(lambda: LSTM(4, **LAYER, **GATES)),
    SimpleRNNCell: Case(
        lambda: SimpleRNNCell(4, **{**CELL, "activation": "tanh"}), (X[:, 2], H[:1])
    ),
    SimpleRNN: Case(lambda: SimpleRNN(4, **{**LAYER, "activation": "tanh"})),
    ConstantFeature: Case(ConstantFeature),
    SmoothedCrossentropy: Case(lambda: SmoothedCrossentropy(0.2), (TOKENS[0] % 4, X[0])),
    GateOffsets: Case(lambda: GateOffsets(0.5, -0.5, 0.25, 2.0, seed=3), ((5, 8),)),
    AdditiveAttention: Case(lambda: AdditiveAttention(5), (X, X)),
    MultiplicativeAttention: Case(MultiplicativeAttention, (X, X)),
    AttentionDecoder: Case(
        lambda: AttentionDecoder(5, AdditiveAttention(3), "lstm_tanh", 0.1, True),
        (X[:, None], {"cells": X}),
    ),
    LocationSensitiveAttention: Case(lambda: LocationSensitiveAttention(5, 2, 3, 1), (X, X)),
    MeanSubtraction: Case(lambda: MeanSubtraction(True)),
    OneHotRNN: Case(lambda: OneHotRNN(9, 5, "simple_rnn", False, False, 0.5), (TOKENS,)),
    ReparametrisedRNN: Case(lambda: ReparametrisedRNN(LSTMCell(4), 0.1, 2.0, 0.3), (X, H)),
    RecurrentStack: Case(lambda: RecurrentStack(5, 2, False, "simple_rnn", False, False, 0.1)),
    SentenceEncoder: Case(lambda: SentenceEncoder(5, 2, "simple_rnn", 0.1)),
    WordEncoder: Case(lambda: WordEncoder(9, **READS), (TOKENS,)),
    ActionRecognizer: Case(
        lambda: ActionRecognizer(5, 4, 32, 8, 3, 2, False, "last", "simple_rnn", False, False, 0.1),
        ({"joints": np.tile(X[:, :, None, :3], (1, 1, 4, 1)), "lengths": np.array([3, 2])},),
    ),
    Captioner: Case(
        lambda: Captioner(9, 5, 4, 3, "none", "simple_rnn", 0.1, build_small_cnn(16)), (CAPTIONS,)
    ),
    CharLM: Case(
        lambda: CharLM(9, 5, 2, 3, "simple_rnn", False, True, False, 0.1, 0.2, 0.3, 2), (TOKENS,)
    ),
    Recognizer: Case(
        lambda: Recognizer(9, 4, 3, 5, 1, False, "simple_rnn", False, False, 0.1),
        ({"features": np.tile(X, (1, 3, 1)), "lengths": np.array([9, 5])},),
    ),
    SentimentClassifier: Case(
        lambda: SentimentClassifier(9, 3, "last+attention", 4, 0.5, **READS), (TOKENS,)
    ),
    Synthesizer: Case(
        lambda: Synthesizer(
            *(9, 2, 4, 5, 3, 6, 3, 5, 2, 3, 4, 7),
            *(1, "simple_rnn", 0.1, 0.2, 0.3, 0.4),
        ),
        ({"characters": TOKENS, "voice": TOKENS[:, 2] % 2, "mel": X, "lengths": np.array([3, 3])},),
    ),
    Translator: Case(
        lambda: Translator(9, **TRANSLATES, embedding_dropout=0.1, dropout=0.2),
        ({"source": TOKENS, "tokens": TOKENS},),
    ),
}
# A layer that keeps its state answers no call twice alike; a loss is known by its name alone.
FREE = {"trainable", "stateful", "name"}
every_class = pytest.mark.parametrize("public", CASES, ids=lambda public: public.__name__)


def outputs(thing, inputs):
    """The numbers that a call gives; all random draws are of the same seed."""
    keras.utils.set_random_seed(0)
    return [np.asarray(value) for value in keras.tree.flatten(thing(*inputs))]


def plain(config):
    """A config as JSON has it, without the numbers that Keras gives objects within a file."""

    def without_numbers(pairs):
        return {key: value for key, value in pairs if key != "shared_object_id"}

    return json.loads(json.dumps(config), object_pairs_hook=without_numbers)


def test_every_public_class_is_here():
    assert set(CASES) == set(public_classes())


@every_class
def test_no_argument_has_its_default(public):
    """So an argument that a config left out would come back as another."""
    config = CASES[public].make().get_config()
    for name, parameter in inspect.signature(public).parameters.items():
        if name not in FREE and parameter.default not in (inspect.Parameter.empty, None):
            assert config[name] != parameter.default, name


@every_class
def test_an_object_comes_back_from_its_config(public):
    make, inputs = CASES[public]
    thing = make()
    before = outputs(thing, inputs)
    config = thing.get_config()
    again = public.from_config(json.loads(json.dumps(config)))
    written = json.dumps(keras.saving.serialize_keras_object(thing))
    assert type(keras.saving.deserialize_keras_object(json.loads(written))) is public
    after = outputs(again, inputs)
    assert plain(again.get_config()) == plain(config)
    if hasattr(thing, "get_weights"):
        assert [w.shape for w in again.get_weights()] == [w.shape for w in thing.get_weights()]
        again.set_weights(thing.get_weights())
        after = outputs(again, inputs)
    for this, that in zip(before, after, strict=True):
        np.testing.assert_array_equal(this, that)


class Holder(keras.Model):
    """A model around a layer, whatever its call's arguments are."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.built = True


@pytest.mark.parametrize(
    "public",
    [public for public in CASES if issubclass(public, keras.layers.Layer)],
    ids=lambda public: public.__name__,
)
def test_weights_come_back_from_a_file(public, tmp_path):
    make, inputs = CASES[public]
    thing, again = make(), make()
    before, other = outputs(thing, inputs), outputs(again, inputs)
    rng = np.random.default_rng(5)
    for weight in thing.weights:
        if weight.dtype == "float32":
            weight.assign(rng.normal(size=weight.shape))
    before = outputs(thing, inputs)
    if thing.trainable_weights:
        assert any((this != that).any() for this, that in zip(before, other, strict=True))
    if isinstance(thing, keras.Model):
        thing.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        assert type(again) is public
    else:
        Holder(thing).save_weights(tmp_path / "model.weights.h5")
        Holder(again).load_weights(tmp_path / "model.weights.h5")
    for this, that in zip(before, outputs(again, inputs), strict=True):
        np.testing.assert_array_equal(this, that)


def test_a_classifiers_signature_has_every_argument_of_its_encoder():
    """A pipeline fills the arguments in by their names, and looks no deeper."""
    encoder, classifier = (
        {name: parameter.default for name, parameter in inspect.signature(c).parameters.items()}
        for c in (WordEncoder, SentimentClassifier)
    )
    assert encoder.items() <= classifier.items()
