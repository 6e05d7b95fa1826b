"""Self-training: the unlabelled texts, with the labels that a trained model finds likely."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines import exporting, runs
from pipelines.sentiment.flags import Train
from pipelines.sentiment.measuring import about_model, answer_all

BATCH = 64  # texts a call of the teacher


def source(flags: Train) -> Path | None:
    """The SavedModel that `--teacher` names.

    Raises:
        ValueError: there is none.
    """
    if flags.teacher is None:
        return None
    run = flags.runs_dir / "sentiment" / flags.teacher / "saved_model"
    for folder in (run, Path(flags.teacher)):
        if folder.is_dir():
            return folder
    raise ValueError(
        "`teacher` must name a run that has ended, or the folder of a SavedModel. Got "
        f"{flags.teacher!r}: neither {run} nor {flags.teacher} is there."
    )


def taught(teacher: Path, texts: Sequence[str], labels: Sequence[str], run: Path) -> np.ndarray:
    """What the teacher finds of each text, `<float32>[texts, labels]`.

    These are its calibrated probabilities, not its first choices: what it doubts teaches little. A
    text without words has zeros. They are kept in the run, so that a training that goes on learns
    from the same ones.

    Raises:
        ValueError: the teacher's labels are others.
    """
    path = run / "taught.npz"
    if not path.exists():
        model, folder = exporting.load_saved_model(teacher)
        known = about_model(model)["labels"]
        if known != list(labels):
            raise ValueError(
                f"`teacher` must tell the labels {', '.join(labels)}. {folder} tells "
                f"{', '.join(known)}."
            )
        print(f"{folder} labels {len(texts)} texts.", flush=True)
        found = answer_all(model, texts, BATCH).astype(np.float32)
        runs.write_atomically(path, lambda file: np.savez(file, probabilities=found))
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["probabilities"]
