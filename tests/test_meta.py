"""What holds for the whole repository: which way imports go, and what every part must have."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("datasets", "zoo", "pipelines")

SOURCES = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py"))
SHARED = {"server", "rest"}  # folders under pipelines/ that are no task; "rest" for one version
TASKS = sorted(
    {path.parent for path in (ROOT / "pipelines").glob("*/*.py")}
    - {ROOT / "pipelines" / folder for folder in SHARED}
)


def name(path):
    return path.relative_to(ROOT).as_posix()


def imports(path, tree):
    """Full names of all modules that a file imports, wherever in it."""
    package = list(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*above, node.module] if node.module else above)


def tops(path):
    return {module.partition(".")[0] for module in imports(path, ast.parse(path.read_text()))}


def test_the_walk_sees_every_form_of_import():
    code = "import a.b\nfrom c.d import e\nfrom . import f\nfrom ..g import h\ndef x():\n import i"
    modules = set(imports(ROOT / "zoo" / "layers" / "lstm.py", ast.parse(code)))
    assert modules == {"a.b", "c.d", "zoo.layers", "zoo.g", "i"}
    assert {name(path) for path in SOURCES} >= {"zoo/layers/lstm.py", "pipelines/cli.py"}


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith("datasets/")], ids=name)
def test_datasets_import_neither_zoo_nor_pipelines(path):
    assert not tops(path) & {"zoo", "pipelines", "tests", "benchmarks"}


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith("zoo/")], ids=name)
def test_zoo_imports_keras_and_numpy_alone(path):
    allowed = {"keras", "numpy", "zoo", *sys.stdlib_module_names}
    if name(path) == "zoo/layers/time_loop.py":  # the fast loop of each backend
        allowed |= {"tensorflow", "jax", "torch"}
    assert tops(path) <= allowed


@pytest.mark.parametrize("path", [p for p in SOURCES if name(p).startswith("pipelines/")], ids=name)
def test_no_task_imports_another_and_shared_parts_import_no_task(path):
    tasks = {f"pipelines.{task.name}" for task in TASKS}
    own = f"pipelines.{path.relative_to(ROOT).parts[1]}"
    packages = {".".join(m.split(".")[:2]) for m in imports(path, ast.parse(path.read_text()))}
    assert not packages & (tasks - {own})
    assert not tops(path) & {"tests", "benchmarks"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sources_check_with_errors_not_with_assert(path):
    tree = ast.parse(path.read_text())
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert not lines, f"{name(path)} has assert statements in lines {lines}"


ROLES = {
    *("__main__", "flags", "data", "trainer", "signatures"),
    *("evaluation", "metrics", "report", "card", "pipeline"),
}
# Names that these roles had in one task or another; a further file is an idea of the task's own.
FORMER = {"serving", "measuring", "predicting", "learning", "inputs", "exported", "activity"}


def _assigned(path):
    """Names that a module assigns at its top."""
    nodes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)]
    return {target.id for node in nodes for target in node.targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("folder", TASKS, ids=name)
def test_a_task_has_its_parts(folder):
    assert (folder / "README.md").is_file()
    if folder.name == "lecture":  # lessons in place of verbs
        assert "LESSONS" in _assigned(folder / "pipeline.py")
        return
    files = {path.stem for path in folder.glob("*.py")}
    assert files >= ROLES
    assert not files & FORMER
    assert "PIPELINE" in _assigned(folder / "pipeline.py")


def _layers():
    """(class, its file) of every class in zoo/layers that Keras can save by name."""
    for path in sorted((ROOT / "zoo" / "layers").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            marks = map(ast.unparse, getattr(node, "decorator_list", []))
            if any("register_keras_serializable" in mark for mark in marks):
                yield node.name, path


def test_the_walk_sees_the_lectures_cells():
    assert {"LSTM", "LSTMCell", "SimpleRNN", "SimpleRNNCell"} <= {layer for layer, _ in _layers()}


@pytest.mark.parametrize(("layer", "path"), list(_layers()))
def test_every_public_layer_has_tests_of_its_own(layer, path):
    tests = ROOT / "tests" / "zoo" / "layers" / f"test_{path.name}"
    assert tests.is_file()
    assert re.search(rf"\b{layer}\b", tests.read_text())


def test_requirements_are_pinned():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    stated = [line.partition("#")[0].strip() for line in lines]
    stated = [line for line in stated if line]
    assert len(stated) > 5
    loose = [line for line in stated if not re.fullmatch(r"[\w.\-]+(\[[\w,]+\])?==[\w.]+", line)]
    assert loose == []
