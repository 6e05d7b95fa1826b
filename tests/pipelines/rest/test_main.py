"""The server's former name still starts it, and says where it went."""

import subprocess
import sys
from pathlib import Path


def test_the_former_name_tells_the_new_one_and_runs_the_server(tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "pipelines.rest", "--saved-models", str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    notice, *rest = process.stderr.splitlines()
    assert "is now `python -m pipelines.server`" in notice
    assert "`saved_models` must hold folders of versions" in "\n".join(rest)
    assert process.returncode == 2
