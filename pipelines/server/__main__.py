"""`python -m pipelines.server [flags]`: the verb `serve` without a task, and without Keras."""

import sys

from pipelines.cli import guarded, parse
from pipelines.server import launch
from pipelines.server.flags import ServeFlags

PROGRAM = "python -m pipelines.server"

if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(
        guarded(lambda: launch.serve(parse(ServeFlags, arguments, PROGRAM, presets={})), "Stopped.")
    )
