"""Greedy search, sampling and beam search over `step(tokens, state) -> (logits, state)`.

A search knows no model. It asks for the logits of the next token and follows the answer:

    step(tokens <int32>[batch, beams], state) -> (logits <float>[batch, beams, vocabulary], state)

`state` is any nested structure (not empty) of tensors `[batch, beams, ...]` and comes back with
the same structure, shapes and dtypes. A tensor that no step changes, such as an encoder's memory
`[batch, cells, depth]`, stays in the closure of `step` and is broadcast over the beams there: it
is never tiled and never reordered. `start_token`, `end_token` and so on are fields of `Rules`.

The loop is one `keras.ops.while_loop`: it runs eagerly, in a traced graph with an unknown batch,
in a SavedModel and under XLA. Scores are float32 whatever the model's precision. A row of the
batch does not depend on the others: alone, each element gives the same hypotheses. (The numbers
that sampling draws belong to the row's place in the batch.)

Worked example. 0 pads, 1 starts, 2 ends. After the start, P(3) = 0.6 and P(4) = 0.4; after 3,
P(2, 3, 4) = (0.4, 0.3, 0.3); after 4, P(2, 3, 4) = (0.9, 0.05, 0.05). Greedy search takes 3 and
ends: 0.6 * 0.4 = 0.24. Two beams keep 4 as well, and find 0.4 * 0.9 = 0.36:

    >>> import numpy as np
    >>> from keras import ops
    >>> from zoo.decoding import beam_search, greedy
    >>> P = np.full((5, 5), 1e-9, "float32")
    >>> P[1, 3:], P[3, 2:], P[4, 2:] = (0.6, 0.4), (0.4, 0.3, 0.3), (0.9, 0.05, 0.05)
    >>> step = lambda tokens, state: (ops.log(ops.take(P, tokens, axis=0)), state)
    >>> state = ops.zeros((1, 1))  # [batch, beams]: this model remembers nothing
    >>> rules = dict(start_token=1, end_token=2, max_length=4, length_penalty=0.0)
    >>> ops.convert_to_numpy(greedy(step, state, **rules).tokens).tolist()
    [[[3, 0, 0, 0]]]
    >>> best = beam_search(step, state, beam_size=2, **rules)
    >>> ops.convert_to_numpy(best.tokens).tolist()
    [[[4, 0, 0, 0], [3, 0, 0, 0]]]
    >>> [round(float(probability), 2) for probability in ops.exp(best.log_probs)[0]]
    [0.36, 0.24]

`sample_text` draws for a model of characters, which goes on from a state and never ends.
"""

from zoo.decoding.beam import beam_search
from zoo.decoding.rules import Decoded, Rules
from zoo.decoding.sampling import greedy, sample
from zoo.decoding.text_sampling import sample_text

__all__ = ["Decoded", "Rules", "beam_search", "greedy", "sample", "sample_text"]
