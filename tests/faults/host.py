"""`python -m tests.faults.host FOLDER TRIES`: many processes, one import of TensorFlow.

TRIES is JSON: how many tries of each story of `STORIES`. What each counted, or how it failed, is
printed as JSON. This imports everything, starts nothing of TensorFlow's, and forks: each try is a
process of its own, killed by SIGKILL at a random moment and started again.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from tensorflow_serving.apis import prediction_log_pb2  # noqa: F401  (an export's; slow to import)

from pipelines import exporting, runs, verbs
from tests.faults import small_pipeline
from tests.faults.small_pipeline import PIPELINE

# Audit events of the moments at which files change; Python tells of each before it happens.
CHANGES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree")
SHARED = ("site-packages", "/proc/", "/sys/", "/dev/", ".pyc")


def start(work, events=None, log=None):
    """A process that does `work`; with `events`, it dies before so many changes of files."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if log is not None:
            sys.stdout = sys.stderr = open(log, "w")  # noqa: SIM115
        if events is not None:
            sys.addaudithook(_countdown(events))
        work()
        code = 0
    except ValueError as error:
        print(f"error: {error}", flush=True)
        code = 2
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _countdown(events):
    left = [events]

    def hook(event, arguments):
        if event not in CHANGES or any(part in str(arguments[0]) for part in SHARED):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def finish(work, log):
    code = wait(start(work, log=log))
    if code:
        sys.exit(f"exit {code}: {Path(log).read_text()}")


def kill(work, rng, seconds, log):
    """Starts `work` and kills it, by the clock or at a change of a file; says how it ended."""
    if rng.random() < 0.5:
        child = start(work, log=log)
        time.sleep(rng.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
    else:
        child = start(work, events=rng.randint(1, 90), log=log)
    return wait(child)


def whole_versions(folder):
    """Numbers of the versions in a folder; each of them must be whole."""
    found = [path for path in folder.glob("*") if path.name.isdigit()]
    for path in found:
        assert (path / exporting.DIGESTS).is_file(), path
        exporting.check_digests(path)
    return sorted(int(path.name) for path in found)


def check_between(run):
    """What must hold at any moment: JSON is JSON, the state's files are there, versions whole."""
    for path in run.glob("*.json"):
        runs.read_json(path)
    if (run / "state.json").exists():
        state = runs.read_json(run / "state.json")
        for entry in (state["last"], *state["best"]):
            path = run / "checkpoints" / entry["file"]
            assert runs.file_digest(path) == entry["sha256"], path
    versions = whole_versions(run / "saved_model")
    if (run / "metrics.json").exists():
        assert versions == [1], versions


def training(folder, unbroken, wanted, seconds, tries, rng, log):
    """Killed twice at most, then left alone, a training ends as an unbroken one."""
    killed = 0
    for number in range(tries):
        place = folder / f"run{number}"
        run = place / "small" / "demo"
        for _ in range(2):
            code = kill(lambda: small_pipeline.train(place), rng, seconds, log)  # noqa: B023
            assert code in (0, -signal.SIGKILL), (code, log.read_text())
            killed += code != 0
            check_between(run)
        finish(lambda: small_pipeline.train(place), log)  # noqa: B023
        np.testing.assert_equal(small_pipeline.outcome(run), wanted)
    return killed


def exports(folder, unbroken, wanted, seconds, tries, rng, log):
    """An export that is killed leaves no version, or a whole one; the others stay as they are."""
    models, killed = folder / "models", 0
    flags = verbs.ExportFlags(runs_dir=unbroken.parent.parent, saved_models=models)
    work = lambda: verbs.export(PIPELINE, flags)  # noqa: E731
    after = []
    for _ in range(tries):
        before = whole_versions(models / "small")
        code = kill(work, rng, seconds, log)
        assert code in (0, -signal.SIGKILL), (code, log.read_text())
        killed += code != 0
        after = whole_versions(models / "small")
        assert after in (before, [*before, len(before) + 1]), (before, after)
    finish(work, log)
    assert whole_versions(models / "small") == [*after, len(after) + 1]
    names = {path.name for path in (models / "small").iterdir()}
    assert not [name for name in names if name.startswith(".writing")], names
    return killed


def together(folder, unbroken, wanted, seconds, tries, rng, log):
    """Of several trainings in one run folder one trains; the others say so and touch nothing."""
    refused = 0
    for number in range(tries):
        place = folder / f"run{number}"
        children = []
        for other in range(3):
            own = folder / f"log{number}-{other}"
            children.append((start(lambda: small_pipeline.train(place), log=own), own))  # noqa: B023
            time.sleep(rng.uniform(0, seconds / 3))
        codes = {own: wait(child) for child, own in children}
        assert 0 in codes.values(), codes
        for own, code in codes.items():
            text = own.read_text()
            said = "no other process trains in" in text if code == 2 else code == 0
            assert said, (code, text)
            refused += code == 2
        np.testing.assert_equal(small_pipeline.outcome(place / "small" / "demo"), wanted)
    return refused


STORIES = {"training": training, "exports": exports, "together": together}


def main(folder, tries):
    found, started = {}, time.monotonic()
    finish(lambda: small_pipeline.train(folder / "unbroken"), folder / "log")
    unbroken, seconds = folder / "unbroken" / "small" / "demo", time.monotonic() - started
    wanted = small_pipeline.outcome(unbroken)
    for name, count in tries.items():
        place = folder / name
        place.mkdir()
        rng = random.Random(count)
        try:
            found[name] = STORIES[name](place, unbroken, wanted, seconds, count, rng, place / "log")
        except BaseException:
            found[name] = traceback.format_exc()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
