"""Run by test_time_loop.py under another Keras backend: the layers' outputs and gradients there.

    KERAS_BACKEND=jax python other_backend.py problem.npz answers.npz

The problem has x, mask, h, C and the weights of each layer; the answers have, for each layer, with
and without the fast way, the outputs and the gradients of sum(cos(index) * output).
"""

import sys

import keras
import numpy as np
from keras import ops

from zoo.layers import LSTM, SimpleRNN


def make(layer_class, problem, **options):
    layer = layer_class(
        problem["h"].shape[1],
        use_bias=True,
        return_sequences=True,
        return_state=True,
        go_backwards=True,
        **options,
    )
    layer.build(problem["x"].shape)
    names = ("kernel", "recurrent_kernel", "bias")
    layer.set_weights([problem[f"{layer_class.__name__}_{name}"] for name in names])
    return layer


def weigh(outputs):
    waves = [np.cos(np.arange(np.prod(o.shape))).reshape(o.shape) for o in outputs]
    return sum(
        ops.sum(o * ops.convert_to_tensor(w, o.dtype)) for o, w in zip(outputs, waves, strict=True)
    )


def answer_jax(layer, x, mask, states):
    import jax

    def loss(x, states, weights):
        outputs, _ = layer.stateless_call(
            weights,
            [v.value for v in layer.non_trainable_variables],
            x,
            mask=mask,
            initial_state=states,
            training=True,
        )
        return weigh(outputs), outputs

    weights = [v.value for v in layer.trainable_variables]
    step = jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))
    gradients, outputs = step(x, states, weights)
    return [np.asarray(value) for value in (*outputs, *jax.tree.leaves(gradients))]


def answer_torch(layer, x, mask, states):
    tensors = [ops.convert_to_tensor(value).requires_grad_() for value in (x, *states)]
    outputs = layer(tensors[0], mask=mask, initial_state=tensors[1:], training=True)
    weigh(outputs).backward()
    gradients = [t.grad for t in (*tensors, *(v.value for v in layer.trainable_variables))]
    return [value.detach().cpu().numpy() for value in (*outputs, *gradients)]


def main(problem_path: str, answers_path: str) -> None:
    problem, answers = np.load(problem_path), {}
    answer = {"jax": answer_jax, "torch": answer_torch}[keras.backend.backend()]
    for layer_class in (LSTM, SimpleRNN):
        names = ("h", "C") if layer_class is LSTM else ("h",)
        for fast in (True, False):
            layer = make(layer_class, problem, fast=fast)
            found = answer(layer, problem["x"], problem["mask"], [problem[n] for n in names])
            for index, value in enumerate(found):
                answers[f"{layer_class.__name__}_{fast}_{index}"] = value
            still = layer(
                problem["x"],
                mask=ops.convert_to_tensor(problem["mask"]),
                initial_state=[ops.convert_to_tensor(problem[n]) for n in names],
            )
            np.testing.assert_allclose(ops.convert_to_numpy(still[0]), found[0], atol=1e-6)
    np.savez(answers_path, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
