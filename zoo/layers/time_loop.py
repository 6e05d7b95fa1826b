"""The loop over time, and a function with its own gradient: one meaning, each backend's means.

This is the one module of zoo/ that imports a backend. Keras' own `ops.scan` cannot be
differentiated under XLA on TensorFlow, and its `ops.custom_gradient` takes one output only on
torch. The layers need less: a loop that nobody differentiates, because its gradient is
another such loop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from zoo.checks import check_choice

Tensor = Any
Step = Callable[[tuple, tuple], tuple[tuple, tuple]]


def scan(
    step: Step,
    carry: Sequence[Tensor],
    xs: Sequence[Tensor],
    widths: Sequence[int],
    reverse: bool = False,
) -> tuple[tuple, tuple]:
    """Runs `step(carry, x) -> (carry, y)` over the first axis (time) of every tensor of `xs`.

    `carry` keeps its shapes from step to step. `reverse=True` walks from the last step to the
    first; `ys` stay in the order of `xs`. So with one sample of one number, and

        step = lambda carry, x: ((carry[0] + x[0],), (carry[0],))

    `scan(step, (0,), ([1, 2, 3],), widths=(1,))` is `((6,), ([0, 1, 3],))`, and in reverse
    `((6,), ([5, 3, 0],))`.

    Args:
        step: one step.
        carry: the tensors that go from step to step, each `<float>[batch, units]`.
        xs: tensors `<any>[time, batch, ...]`; there is at least one.
        widths: of each tensor of `y`, the size of its last axis; with none, nothing is stored.
        reverse: whether to walk backwards.

    Returns:
        The last carry, and the `y` of all steps, each `<float>[time, batch, width]`.
    """
    return _backend()[0](step, tuple(carry), tuple(xs), tuple(widths), reverse)


def with_gradient(
    forward: Callable[..., tuple[tuple, tuple]], backward: Callable[[tuple, tuple], tuple]
) -> Callable[..., tuple]:
    """A function of tensors whose gradient is given, not derived.

    Args:
        forward: `forward(*inputs) -> (outputs, saved)`, three tuples of tensors.
        backward: `backward(saved, gradients of outputs) -> gradients of inputs`, with None for an
            input that has none.

    Returns:
        `function(*inputs) -> outputs`.
    """
    return _backend()[1](forward, backward)


def _tensorflow_scan(
    step: Step, carry: tuple, xs: tuple, widths: tuple, reverse: bool
) -> tuple[tuple, tuple]:
    import tensorflow as tf

    if xs[0].shape[0] == 1:  # no loop for a single step
        carry, y = step(carry, tuple(x[0] for x in xs))
        return carry, tuple(value[None] for value in y)
    time = xs[0].shape[0] or tf.shape(xs[0])[0]
    stacks = tuple(
        tf.TensorArray(carry[0].dtype, size=time, element_shape=(carry[0].shape[0], width))
        for width in widths
    )

    def body(index, carry, stacks):
        t = time - 1 - index if reverse else index
        carry, y = step(carry, tuple(x[t] for x in xs))
        stacks = tuple(stack.write(t, value) for stack, value in zip(stacks, y, strict=True))
        return index + 1, carry, stacks

    # XLA needs the bound, and fixed shapes, to keep the stacks in one block of memory.
    _, carry, stacks = tf.while_loop(
        lambda index, *_: index < time,
        body,
        (tf.constant(0), carry, stacks),
        maximum_iterations=time,
    )
    return carry, tuple(stack.stack() for stack in stacks)


def _jax_scan(
    step: Step, carry: tuple, xs: tuple, widths: tuple, reverse: bool
) -> tuple[tuple, tuple]:
    import jax

    return jax.lax.scan(step, carry, xs, reverse=reverse)


def _torch_scan(
    step: Step, carry: tuple, xs: tuple, widths: tuple, reverse: bool
) -> tuple[tuple, tuple]:
    import torch

    rows = list(zip(*(torch.unbind(x) for x in xs), strict=True))
    order = slice(None, None, -1 if reverse else 1)
    ys = []
    for row in rows[order]:
        carry, y = step(carry, row)
        ys.append(y)
    return carry, tuple(torch.stack(values) for values in zip(*ys[order], strict=True))


def _tensorflow_with_gradient(forward, backward):
    import tensorflow as tf

    @tf.custom_gradient
    def function(*inputs):
        outputs, saved = forward(*inputs)
        return outputs, lambda *gradients: backward(saved, gradients)

    # A variable would be taken for a hidden input, so each becomes the tensor that it holds.
    return lambda *inputs: function(*(tf.convert_to_tensor(value) for value in inputs))


def _jax_with_gradient(forward, backward):
    import jax

    function = jax.custom_vjp(lambda *inputs: forward(*inputs)[0])
    function.defvjp(forward, backward)
    return function


def _torch_with_gradient(forward, backward):
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            outputs, saved = forward(*inputs)
            ctx.save_for_backward(*saved)
            return outputs

        @staticmethod
        def backward(ctx, *gradients):
            return backward(ctx.saved_tensors, gradients)

    return Function.apply


def _backend() -> tuple[Callable, Callable]:
    backends = {
        "tensorflow": (_tensorflow_scan, _tensorflow_with_gradient),
        "jax": (_jax_scan, _jax_with_gradient),
        "torch": (_torch_scan, _torch_with_gradient),
    }
    name = keras.backend.backend()
    check_choice("backend", name, tuple(backends))
    return backends[name]
