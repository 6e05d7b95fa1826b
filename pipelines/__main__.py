"""`python -m pipelines`: the tasks, the models that are here, and what this machine has."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from pipelines.machine import about
from pipelines.server.folders import versions

ROOT = Path(__file__).parents[1]


def overview() -> Iterator[str]:
    """The lines to print."""
    yield "usage: python -m pipelines.<task> <verb> [flags]; without a verb, the task's verbs"
    yield "\nTasks"
    for path in sorted(Path(__file__).parent.glob("*/pipeline.py")):
        module = importlib.import_module(f"pipelines.{path.parent.name}.pipeline")
        summary = module.PIPELINE.summary if hasattr(module, "PIPELINE") else module.__doc__
        yield f"  {path.parent.name:<14}{summary.splitlines()[0]}"
    yield f"  {'server':<14}All models behind TF Serving's REST interface."
    yield "\nModels in saved_models/, which `predict`, `evaluate` and `serve` use"
    for folder in sorted((ROOT / "saved_models").iterdir()):
        if numbers := versions(folder):
            title = (folder / "README.md").read_text(encoding="utf-8").splitlines()[0].strip("# ")
            yield f"  {folder.name:<22}version {max(numbers)}: {title}"
    yield f"\nThis machine\n  {about()}"


if __name__ == "__main__":
    print(*overview(), sep="\n")
