"""How often an exported model is right."""

import numpy as np

from pipelines.contract import Evaluation
from tests.brackets.loader import load
from tests.brackets.signatures import LABELS


def evaluate(model, flags) -> Evaluation:
    """Answers for a split's lines, as a server would give them; details are the wrong ones."""
    right, wrong = [], []
    records = load(flags.dataset, flags.split, flags.data_dir).take(flags.limit or -1)
    for batch in records.batch(flags.batch_size):
        answers = model.signatures["serving_default"](text=batch["text"])["label"].numpy()
        truths = np.array(LABELS)[batch["label"].numpy()]
        right += [answer.decode() == truth for answer, truth in zip(answers, truths, strict=True)]
        wrong += batch["text"].numpy()[~np.array(right[-len(truths) :])].tolist()
    return Evaluation({"accuracy": float(np.mean(right))}, wrong)
