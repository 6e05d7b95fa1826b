"""The machine's settings: what the user set wins, and nothing is written that nobody can use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import machine, quiet_import

ROOT = Path(__file__).parents[2]
NAMES = ("TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL", "TF_NUM_INTRAOP_THREADS")


def run(code, **variables):
    """A process of its own, without the settings that this one has."""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.skipif(quiet_import.has_nvidia(), reason="an NVIDIA driver has more to say")
def test_standard_error_is_empty_where_no_gpu_ever_was():
    code = (
        "import pipelines, os, tensorflow as tf; tf.config.list_physical_devices(); "
        "print(tf.constant(1) + 1, os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    )
    done = run(code)
    assert done.stderr == ""
    on = "1" if "avx2" in machine.cpu_flags() else "None"
    assert done.stdout.endswith(f"shape=(), dtype=int32) {on}\n")


@pytest.mark.skipif(quiet_import.has_nvidia(), reason="an NVIDIA driver has more to say")
def test_standard_error_is_empty_where_a_model_answers():
    code = "from pipelines.cli import main; from pipelines.sentiment.pipeline import PIPELINE; "
    done = run(code + "main(PIPELINE, ['predict', 'Good.'])")
    assert done.stdout.startswith("positive")
    assert done.stderr == ""


def test_overview_names_tasks_models_and_the_machine():
    done = run("import runpy; runpy.run_module('pipelines', run_name='__main__')")
    for part in ("captioning ", "lecture ", "translation_en_de ", machine.processor()):
        assert part in done.stdout
    assert done.stderr == ""


def test_errors_still_show():
    code = (
        "import pipelines, tensorflow as tf, sys; "
        "from tensorflow.python.platform import tf_logging; "
        "tf_logging.error('a real one'); print('ours', file=sys.stderr)"
    )
    assert "a real one" in run(code).stderr
    assert "ours" in run(code).stderr


def test_environment_of_the_user_wins():
    code = "import pipelines, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    assert run(code, TF_ENABLE_ONEDNN_OPTS="0").stdout == "0\n"


def test_onednn_is_switched_on_with_avx2_alone(monkeypatch):
    monkeypatch.setattr(machine, "cpu_flags", lambda: {"sse4_2", "avx", "avx2"})
    assert machine.environment()["TF_ENABLE_ONEDNN_OPTS"] == "1"
    monkeypatch.setattr(machine, "cpu_flags", lambda: {"sse4_2"})
    assert "TF_ENABLE_ONEDNN_OPTS" not in machine.environment()


@pytest.mark.parametrize(
    ("affinity", "quota", "cores"),
    [(8, None, 8), (8, 2.0, 2), (8, 1.5, 2), (2, 4.0, 2), (8, 0.1, 1)],
)
def test_threads_are_the_cores_of_the_process(monkeypatch, affinity, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(affinity)))
    monkeypatch.setattr(machine, "_quota", lambda: quota)
    assert machine.usable_cores() == cores
    threads = machine.environment().get("TF_NUM_INTRAOP_THREADS")
    assert threads == (str(cores) if cores < affinity else None)


@pytest.mark.parametrize("file", ["cpu.max", "cpu/cpu.cfs_quota_us"])
@pytest.mark.parametrize(("limit", "cores"), [("150000", 1.5), (None, None)])
def test_quota_of_both_versions_of_control_groups(monkeypatch, tmp_path, file, limit, cores):
    (tmp_path / "cpu").mkdir()
    if file == "cpu.max":
        (tmp_path / file).write_text(f"{limit or 'max'} 100000\n")
    else:
        (tmp_path / file).write_text(f"{limit or -1}\n")
        (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    monkeypatch.setattr(machine, "CONTROL_GROUP", tmp_path)
    assert machine._quota() == cores


def test_lines_held_back_are_passed_on_after_an_error(capfd):
    def fail():
        with quiet_import.held_back_errors():
            os.write(2, b"the reason\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == "the reason\n"
    with quiet_import.held_back_errors() as lines:
        os.write(2, b"chatter\n")
    assert lines == ["chatter"]
    assert capfd.readouterr().err == ""


def test_processor_is_named_with_its_vectors():
    name = machine.processor()
    assert ("AVX-512" in name) == ("avx512f" in machine.cpu_flags())
    assert f"{machine.usable_cores()} cores" in machine.machine()
