"""SIGKILL at random moments: what was begun again ends as what was never broken.

The cache has such tests of its own, tests/pipelines/test_cache.py.
UNFOLD_FAULT_TRIES sets the number of tries of each kind.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRIES = {"training": 15, "exports": 20, "together": 5}


def tell(folder, tries):
    """Runs the stories of host.py; what each counted, and the tries of each."""
    if "UNFOLD_FAULT_TRIES" in os.environ:
        tries = dict.fromkeys(tries, int(os.environ["UNFOLD_FAULT_TRIES"]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.host", folder, json.dumps(tries)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300 + 60 * sum(tries.values()),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1]), tries


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return tell(tmp_path_factory.mktemp("told"), TRIES)


@pytest.mark.slow
@pytest.mark.parametrize("story", TRIES)
def test_story(told, story):
    """host.py says what each of them is; here is whether it was a story at all.

    Of the trainings and exports some had ended before they were to be killed; of the trainings
    side by side at least one was refused.
    """
    counted, tries = told[0][story], told[1][story]
    assert isinstance(counted, int), counted
    assert counted >= (1 if story == "together" else tries / 3)
