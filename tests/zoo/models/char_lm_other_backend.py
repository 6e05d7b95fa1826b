"""Run by test_char_lm.py under another Keras backend: the model's answers and a training there.

KERAS_BACKEND=jax python char_lm_other_backend.py problem.npz answers.npz

The problem has the model's config as JSON, tokens, begins, targets and the weights in their order;
the answers have logits, a greedy text, and the losses and the carried state of two passes.
"""

import json
import sys

import keras
import numpy as np

from zoo.models.char_lm import CharLM


def main(problem_path: str, answers_path: str) -> None:
    problem = np.load(problem_path)
    model = CharLM.from_config(json.loads(str(problem["config"])))
    model.build()
    model.set_weights([problem[f"weight_{i}"] for i in range(len(model.weights))])
    logits = keras.ops.convert_to_numpy(model(problem["tokens"]))
    text, _ = model.write(model.start(2), 6, seed=0, temperature=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    inputs = {name: problem[name] for name in ("tokens", "begins")}
    options = {"batch_size": model.batch_size, "epochs": 2, "shuffle": False, "verbose": 0}
    losses = model.fit(inputs, problem["targets"], **options).history["loss"]
    carried = keras.ops.convert_to_numpy(model.carried[0])
    text = keras.ops.convert_to_numpy(text)
    np.savez(answers_path, logits=logits, text=text, losses=losses, carried=carried)


if __name__ == "__main__":
    main(*sys.argv[1:])
