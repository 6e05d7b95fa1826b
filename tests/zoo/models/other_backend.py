"""Run by test_captioner.py under another Keras backend: the captioner's answers there.

KERAS_BACKEND=jax python other_backend.py problem.npz answers.npz

The problem has a config and rules of captions as JSON, features, tokens and the weights in their
order; the answers have logits, and the tokens of a greedy search.
"""

import json
import sys

import keras
import numpy as np

from zoo.models.captioner import Captioner


def main(problem_path: str, answers_path: str) -> None:
    problem = np.load(problem_path)
    inputs = {"features": problem["features"], "tokens": problem["tokens"]}
    model = Captioner.from_config(json.loads(str(problem["config"])))
    model.build({name: value.shape for name, value in inputs.items()})
    model.set_weights([problem[f"weight_{i}"] for i in range(len(model.weights))])
    rules = json.loads(str(problem["rules"]))
    found = model.caption({"features": problem["features"]}, method="greedy", **rules)
    logits = keras.ops.convert_to_numpy(model(inputs))
    np.savez(answers_path, logits=logits, tokens=keras.ops.convert_to_numpy(found.tokens))


if __name__ == "__main__":
    main(*sys.argv[1:])
