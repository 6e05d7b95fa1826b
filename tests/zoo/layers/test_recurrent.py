"""Keras' whole RNN interface, for both layers, and the fast way against Keras' generic loop."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import LSTM, LSTMCell, SimpleRNN, SimpleRNNCell

BATCH, TIME, INPUT, UNITS = 4, 7, 3, 5
LENGTHS = [7, 4, 1, 0]
PADDED = np.arange(TIME) < np.array(LENGTHS)[:, None]
BROKEN = np.array([[1, 0, 1, 1, 0, 1, 0], [0, 0, 1, 1, 1, 1, 1], [0] * 7, [1] * 7], bool)

both_layers = pytest.mark.parametrize("layer_class", [LSTM, SimpleRNN])


@pytest.fixture
def x():
    return np.random.default_rng(3).normal(size=(BATCH, TIME, INPUT)).astype("float32")


def states_of(layer_class):
    rng = np.random.default_rng(4)
    count = 2 if layer_class is LSTM else 1
    return [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(count)]


def copy_of(layer, **changes):
    """A layer with the same weights and other options."""
    copy = type(layer).from_config({**layer.get_config(), **changes})
    copy.build((BATCH, TIME, INPUT))
    copy.set_weights(layer.get_weights())
    return copy


def close(these, those, tolerance=1e-6):
    for this, that in zip(keras.tree.flatten(these), keras.tree.flatten(those), strict=True):
        np.testing.assert_allclose(this, that, rtol=tolerance, atol=tolerance)


OPTIONS = [
    dict(zip(("return_sequences", "return_state", "go_backwards"), values, strict=True))
    for values in itertools.product([False, True], repeat=3)
]


@both_layers
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "".join(str(int(v)) for v in o.values()))
@pytest.mark.parametrize("mask", [None, BROKEN], ids=["whole", "masked"])
def test_fast_way_equals_generic_loop_and_autodiff(layer_checks, x, layer_class, options, mask):
    for zero_output, training in itertools.product([False, True], repeat=2):
        fast = layer_class(UNITS, use_bias=True, zero_output_for_mask=zero_output, **options)
        fast.build(x.shape)
        answers = []
        for layer in (fast, copy_of(fast, fast=False)):
            answers += [
                layer_checks.gradients(
                    lambda x, *states, layer=layer, training=training: layer(
                        x, initial_state=list(states), mask=mask, training=training
                    ),
                    [x, *states_of(layer_class)],
                    layer.trainable_weights,
                )
            ]
        close(*answers, tolerance=5e-6)


@pytest.mark.parametrize("activation", ["relu", "linear", "tanh", "sigmoid", "elu"])
def test_fast_way_equals_autodiff_for_activations(layer_checks, x, activation):
    lstm = {"candidate_activation": activation, "recurrent_activation": activation}
    for layer_class, options in ((LSTM, lstm), (SimpleRNN, {})):
        layer = layer_class(UNITS, activation=activation, **options)
        layer.build(x.shape)
        answers = [
            layer_checks.gradients(lambda x, one=one: one(x, training=True), [x], one.weights)
            for one in (layer, copy_of(layer, fast=False))
        ]
        close(*answers, tolerance=1e-5)


@both_layers
def test_unfolding_equals_the_loop(layer_checks, x, layer_class):
    layer = layer_class(UNITS, return_sequences=True)
    layer.build(x.shape)
    answers = [
        layer_checks.gradients(one, [x], one.weights)
        for one in (layer, copy_of(layer, unroll=True))
    ]
    close(*answers, tolerance=5e-6)


@both_layers
def test_padded_batch_equals_each_sequence_alone(x, layer_class):
    layer = layer_class(UNITS, return_sequences=True, return_state=True)
    outputs, *states = layer(x, mask=PADDED)
    for b, length in enumerate(LENGTHS[:3]):
        alone, *last = layer(x[b : b + 1, :length])
        close(outputs[b, :length], alone[0])
        close([s[b] for s in states], [s[0] for s in last])
        close(states[0][b], outputs[b, length - 1])
        # Padding repeats the last output.
        close(outputs[b, length:], np.repeat(outputs[b, length - 1 : length], TIME - length, 0))


@both_layers
def test_what_the_padding_holds_changes_nothing(layer_checks, x, layer_class):
    layer = layer_class(UNITS, return_sequences=True)
    layer.build(x.shape)
    other = np.where(PADDED[..., None], x, 1e6).astype("float32")
    answers = [
        layer_checks.gradients(lambda x: layer(x, mask=PADDED, training=True), [value], [])
        for value in (x, other)
    ]
    close(*answers)
    np.testing.assert_array_equal(answers[0][1][0][~PADDED], 0)


@both_layers
def test_row_that_is_all_padding_stays_finite(layer_checks, x, layer_class):
    layer = layer_class(UNITS, return_state=True)
    layer.build(x.shape)
    (output, *states), found = layer_checks.gradients(
        lambda x: layer(x, mask=PADDED, training=True), [x], layer.weights
    )
    close([output[3], states[0][3]], [np.zeros(UNITS)] * 2)
    assert all(np.isfinite(gradient).all() for gradient in found)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "generic"])
@pytest.mark.parametrize("held", [np.nan, np.inf])
@both_layers
def test_what_a_masked_step_holds_reaches_no_gradient(x, layer_class, held, fast):
    layer = layer_class(UNITS, use_bias=True, fast=fast)

    def gradients(x):
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(layer(x, mask=tf.constant(PADDED), training=True))
        return tape.gradient(total, [x, *(weight.value for weight in layer.trainable_weights)])

    layer.build(x.shape)
    expected = gradients(np.where(PADDED[..., None], x, 0))
    spoilt = gradients(np.where(PADDED[..., None], x, held).astype("float32"))
    assert all(np.isfinite(gradient).all() for gradient in spoilt)
    close(expected, spoilt, 0)


@both_layers
def test_masked_steps_give_zero_if_asked(x, layer_class):
    layer = layer_class(UNITS, return_sequences=True, zero_output_for_mask=True)
    outputs = np.asarray(layer(x, mask=BROKEN))
    np.testing.assert_array_equal(outputs[~BROKEN], 0)
    assert (np.abs(outputs[BROKEN]).sum(axis=-1) > 0).any()


@both_layers
def test_masks_come_from_an_embedding(layer_class):
    tokens = np.array([[3, 1, 2, 0, 0], [1, 2, 3, 4, 5]])
    embedding = keras.layers.Embedding(6, INPUT, mask_zero=True)
    layer = layer_class(UNITS)
    close(layer(embedding(tokens))[0], layer(embedding(tokens[:1, :3]))[0])


@both_layers
def test_go_backwards_equals_the_flipped_sequence(x, layer_class):
    layer = layer_class(UNITS, return_sequences=True, return_state=True)
    layer.build(x.shape)
    backwards = copy_of(layer, go_backwards=True)
    flipped = np.flip(x, axis=1).copy()
    close(backwards(x, mask=BROKEN), layer(flipped, mask=np.flip(BROKEN, axis=1).copy()))


@both_layers
def test_stateful_goes_on_where_it_stopped(x, layer_class):
    layer = layer_class(UNITS, return_sequences=True)
    whole = layer(x)
    stateful = copy_of(layer, stateful=True)
    halves = [stateful(x[:, :3]), stateful(x[:, 3:])]
    close(np.concatenate(halves, axis=1), whole)
    stateful.reset_state()
    close(stateful(x), whole)


@both_layers
def test_bidirectional(x, layer_class):
    layer = keras.layers.Bidirectional(layer_class(UNITS, return_sequences=True))
    outputs = np.asarray(layer(x, mask=PADDED))
    assert type(layer.backward_layer) is layer_class
    for b, length in enumerate(LENGTHS[:3]):
        close(outputs[b : b + 1, :length], layer(x[b : b + 1, :length]))
    np.testing.assert_array_equal(outputs[~PADDED], 0)


@pytest.mark.parametrize("cell_class", [LSTMCell, SimpleRNNCell])
def test_cells_in_the_layers_of_keras(x, tmp_path, cell_class):
    layer_class = LSTM if cell_class is LSTMCell else SimpleRNN
    stack = keras.layers.StackedRNNCells([cell_class(UNITS), cell_class(2)])
    inputs = keras.Input((None, INPUT))
    model = keras.Model(inputs, keras.layers.RNN(stack, return_sequences=True)(inputs))
    layers = [layer_class(UNITS, return_sequences=True), layer_class(2, return_sequences=True)]
    expected = layers[0](x)
    layers[1](expected)
    for layer, cell in zip(layers, stack.cells, strict=True):
        layer.set_weights(cell.get_weights())
    close(model(x), layers[1](layers[0](x)))
    model.save(tmp_path / "cells.keras")
    close(keras.models.load_model(tmp_path / "cells.keras")(x), model(x))


@both_layers
@pytest.mark.parametrize("way", [{}, {"fast": False}], ids=["fast", "generic"])
def test_dropout_takes_the_same_inputs_at_all_steps(layer_class, way):
    layer = layer_class(4, dropout=0.5, seed=7, return_sequences=True, activation="linear", **way)
    ones = np.ones((1, 5, 4), "float32")
    layer.build(ones.shape)
    weights = [np.zeros(w.shape, "float32") for w in layer.weights[:2]]
    weights[0] = np.tile(np.eye(4, dtype="float32"), weights[0].shape[1] // 4)
    seed_state = [np.asarray(w) for w in layer.weights[2:]]
    layer.set_weights([*weights, *seed_state])
    dropped = np.asarray(layer(ones, training=True))[0]
    kept = np.asarray(layer(ones, training=False))[0]
    changes = dropped != kept
    assert (changes == changes[0]).all()
    assert changes.any()


@both_layers
def test_dropout_of_fast_and_generic_is_the_same(x, layer_class):
    layer = layer_class(UNITS, dropout=0.5, seed=7)
    layer.build(x.shape)
    close(layer(x, training=True), copy_of(layer, fast=False)(x, training=True))


@both_layers
def test_recurrent_dropout_acts_in_training_only(x, layer_class):
    layer = layer_class(UNITS, recurrent_dropout=0.5, seed=7)
    plain = layer_class(UNITS)
    plain.build(x.shape)
    layer.build(x.shape)
    plain.set_weights([w for w in layer.get_weights() if w.ndim == 2])
    close(layer(x), plain(x))
    assert np.abs(layer(x, training=True) - plain(x)).max() > 1e-3


@both_layers
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_of_any_shape(layer_checks, x, layer_class, jit_compile):
    layer = layer_class(UNITS, return_sequences=True, return_state=True)
    layer.build((None, None, INPUT))
    expected = layer_checks.gradients(lambda x: layer(x, mask=PADDED, training=True), [x])

    shapes = [tf.TensorSpec((None, None, INPUT)), tf.TensorSpec((None, None), "bool")]

    @tf.function(input_signature=shapes, jit_compile=jit_compile)
    def step(x, mask):
        # The weights of `layer_checks.gradients`, for shapes known only when it runs.
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, mask=mask, training=True)
            waves = [tf.sin(1.0 + tf.range(tf.size(o), dtype="float32")) for o in outputs]
            loss = sum(
                tf.reduce_sum(tf.reshape(o, [-1]) * w) for o, w in zip(outputs, waves, strict=True)
            )
        return list(outputs), [tape.gradient(loss, x)]

    close(step(x, PADDED), expected, tolerance=5e-6)
    assert step(x[:2, :5], PADDED[:2, :5])[0][0].shape == (2, 5, UNITS)


@both_layers
def test_exports_with_free_batch_and_time(x, layer_class, tmp_path):
    inputs = keras.Input((None, INPUT))
    model = keras.Model(inputs, layer_class(UNITS)(inputs))
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    close(loaded.serve(x[:2, :5]), model(x[:2, :5]))


@both_layers
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_learns_in_mixed_precision(x, layer_class, policy):
    inputs = keras.Input((None, INPUT))
    layer = layer_class(16, dtype=policy)
    model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(layer(inputs)))
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=True)
    target = x[:, -1, :1]
    losses = model.fit(x, target, epochs=60, verbose=0).history["loss"]
    assert layer.weights[0].dtype == "float32"
    assert losses[-1] < losses[0] / 10


@both_layers
def test_inference_keeps_no_steps(layer_class):
    layer = layer_class(UNITS)
    layer.build((None, None, INPUT))
    kept = {}
    for training in (False, True):
        function = tf.function(lambda x, t=training: layer(x, training=t))
        graph = function.get_concrete_function(tf.TensorSpec((2, 9, INPUT))).graph
        kept[training] = [op for op in graph.get_operations() if "TensorListStack" in op.type]
    assert not kept[False]
    assert kept[True]


@both_layers
def test_bad_arguments_are_named(layer_class):
    for units in (-3, 0, 2.5, "4", True, None):
        with pytest.raises(ValueError, match=r"`units` must be a positive integer. Got "):
            layer_class(units)
    for rate in (-0.1, 1.0, "much", True):
        with pytest.raises(ValueError, match=r"`dropout` must be a number in \[0, 1\)"):
            layer_class(4, dropout=rate)
        with pytest.raises(ValueError, match=r"`recurrent_dropout` must be a number in \[0, 1\)"):
            layer_class(4, recurrent_dropout=rate)
    with pytest.raises(ValueError, match=r"`fast` must be True or False. Got 'yes'"):
        layer_class(4, fast="yes")
    with pytest.raises(ValueError, match="unit_forget"):
        layer_class(4, unit_forget=True)
    with pytest.raises(ValueError, match="no_such"):
        layer_class(4, activation="no_such")


@both_layers
def test_input_must_have_three_axes(x, layer_class):
    with pytest.raises(ValueError, match="expected ndim=3"):
        layer_class(4)(x[0])


@both_layers
def test_regularizers_and_constraints_are_kept(x, layer_class):
    layer = layer_class(
        UNITS,
        kernel_regularizer=keras.regularizers.L2(0.1),
        recurrent_constraint=keras.constraints.NonNeg(),
        activity_regularizer=keras.regularizers.L1(0.1),
    )
    copy = layer_class.from_config(layer.get_config())
    copy(x)
    assert len(copy.losses) == 2
    assert isinstance(copy.cell.recurrent_constraint, keras.constraints.NonNeg)
