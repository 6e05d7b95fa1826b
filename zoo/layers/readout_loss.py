"""Readout over a vocabulary and its cross-entropy in one, by blocks of rows.

A training step on a CPU pays for memory traffic more than for arithmetic: logits of all rows, their
softmax and both gradients fill the memory several times over. Here a block of rows has all of them
taken while it is in the cache, and nothing of the size `[rows, vocabulary]` is ever formed.

The idea is that of fused linear cross-entropy in GPU kernels: Wijmans et al. 2024, "Cut your losses
in large-vocabulary language models"; Hsu et al. 2024, "Liger kernel".
"""

from typing import Any

from keras import ops

from zoo.checks import check_rates
from zoo.layers.time_loop import scan, with_gradient

Tensor = Any
BLOCK = 256  # rows


def readout_crossentropy(
    hidden: Tensor,
    kernel: Tensor,
    answers: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """Weighted mean of the smoothed cross-entropy over all rows.

        z_t  = W h_t + b
        l_t  = log Σ_v exp(z_tv) - (1 - ε) z_ty - ε/V Σ_v z_tv           y: the answer of row t
        loss = 1/rows Σ_t w_t l_t

    The answer's logit is h_t · W_y + b_y, and the mean of all logits h_t · mean(W) + mean(b), so
    that the sum over v alone needs z. Its gradient is w_t softmax(z_t), worked out in the forward
    pass with that of W and h, and scaled by the gradient of the loss in the backward one.

    Args:
        hidden: h `<float>[rows, units]`.
        kernel: W `<float>[vocabulary, units]`, such as an embedding's rows.
        answers: y `<int>[rows]`.
        weights: w `<float>[rows]`, 0 for a row that has no part. They have no gradient.
        bias: b `<float>[vocabulary]`, or None.
        smoothing: ε, 0 <= ε < 1.

    Returns:
        `<float32>[]`.

    Raises:
        ValueError: `smoothing` is out of its range.
    """
    check_rates(smoothing=smoothing)
    kernel, weights = ops.cast(kernel, hidden.dtype), ops.cast(weights, "float32")
    rows = ops.cast(ops.shape(hidden)[0], "float32")
    weights = ops.stop_gradient(weights)
    bias = ops.zeros(kernel.shape[:1], "float32") if bias is None else ops.cast(bias, "float32")
    (log_totals,) = with_gradient(_log_totals, _scaled)(hidden, kernel, bias, weights)
    chosen = _dots(hidden, ops.take(kernel, answers, axis=0)) + ops.take(bias, answers)
    total = log_totals - (1 - smoothing) * ops.sum(weights * chosen)
    if smoothing:
        mean = ops.mean(ops.cast(kernel, "float32"), axis=0)
        means = ops.matmul(ops.cast(hidden, "float32"), mean) + ops.mean(bias)
        total = total - smoothing * ops.sum(weights * means)
    return total / rows


def _dots(these: Tensor, those: Tensor) -> Tensor:
    """Products of rows, summed in 32 bits: `<float32>[rows]`."""
    return ops.sum(ops.cast(these, "float32") * ops.cast(those, "float32"), axis=-1)


def _log_totals(hidden: Tensor, kernel: Tensor, bias: Tensor, weights: Tensor):
    """Σ_t w_t log Σ_v exp(z_tv), and its gradients by h, W and b."""
    rows, units = ops.shape(hidden)[0], hidden.shape[-1]
    blocks = -(-rows // BLOCK)
    spare = blocks * BLOCK - rows  # rows of weight 0
    h = ops.reshape(ops.pad(hidden, ((0, spare), (0, 0))), (blocks, BLOCK, units))
    w = ops.reshape(ops.pad(weights, ((0, spare),)), (blocks, BLOCK, 1))
    columns = ops.transpose(kernel)

    def step(carry, block):
        total, d_kernel, d_bias = carry
        h, w = block
        z = ops.cast(ops.matmul(h, columns), "float32") + bias
        largest = ops.max(z, axis=-1, keepdims=True)
        e = ops.exp(z - largest)
        sums = ops.sum(e, axis=-1, keepdims=True)
        total = total + w * (largest + ops.log(sums))
        dz = e * (w / sums)
        d_bias = d_bias + ops.sum(dz, axis=0)
        dz = ops.cast(dz, h.dtype)
        d_kernel = d_kernel + ops.cast(ops.matmul(ops.transpose(dz), h), "float32")
        return (total, d_kernel, d_bias), (ops.cast(ops.matmul(dz, kernel), "float32"),)

    start = (
        ops.zeros((BLOCK, 1), "float32"),
        ops.zeros(kernel.shape, "float32"),
        ops.zeros(bias.shape, "float32"),
    )
    (total, d_kernel, d_bias), (d_hidden,) = scan(step, start, (h, w), widths=(units,))
    d_hidden = ops.reshape(d_hidden, (blocks * BLOCK, units))[:rows]
    return (ops.sum(total),), (d_hidden, d_kernel, d_bias, hidden[:1, :1])


def _scaled(saved, gradients):
    d_hidden, d_kernel, d_bias, like = saved
    (g,) = gradients
    return ops.cast(g * d_hidden, like.dtype), ops.cast(g * d_kernel, like.dtype), g * d_bias, None
