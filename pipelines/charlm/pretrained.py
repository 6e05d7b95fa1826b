"""A run that begins with the weights and the vocabulary of another: fine-tuning, or more epochs."""

from pathlib import Path

from pipelines import runs
from pipelines.charlm.data import Vocabulary
from pipelines.charlm.flags import Train

# Flags that say what the weights are: two models that differ in one compute different things.
MODEL = (
    "cell",
    "units",
    "layers",
    "embedding_units",
    "constant_feature",
    "layer_norm",
    "centred",
)


def source(flags: Train) -> Path | None:
    """The run that `--pretrained` names: one under the same --runs-dir, or a run's folder.

    Raises:
        ValueError: no run with a checkpoint is there, or its version or its model is another one.
    """
    if flags.pretrained is None:
        return None
    run = flags.runs_dir / "charlm" / flags.pretrained
    run = run if run.is_dir() else Path(flags.pretrained)
    if not all((run / name).is_file() for name in ("state.json", "config.json")):
        raise ValueError(
            f"`pretrained` must name a run that was trained. Got {flags.pretrained!r}: "
            f"no checkpoint in {run}."
        )
    runs.check_version(run)
    _check_same_model(flags, run)
    return run


def _check_same_model(flags: Train, run: Path) -> None:
    theirs = {**runs.flags_to_json(Train()), **runs.read_json(run / "config.json")}
    for name in MODEL:
        if getattr(flags, name) != theirs[name]:
            raise ValueError(
                f"`{name}` must be {theirs[name]!r}, as in the run that `--pretrained` names. "
                f"Got {getattr(flags, name)!r}."
            )


def vocabulary_of(run: Path, unit: str) -> Vocabulary:
    """The symbols that the weights of `run` know.

    Raises:
        ValueError: it reads characters and `unit` is the byte, or the other way about.
    """
    vocabulary = Vocabulary.from_json(runs.kept(run, "vocabulary"))
    if vocabulary.unit != unit:
        raise ValueError(
            f"`pretrained` must name a run that reads {unit}s. Got {run}, which reads "
            f"{vocabulary.unit}s."
        )
    return vocabulary
