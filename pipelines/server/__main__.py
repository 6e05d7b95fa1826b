"""`python -m pipelines.server [flags]`: the verb `serve` without a task, and without Keras."""

import sys

from pipelines.cli import guarded, parse
from pipelines.server import launch
from pipelines.server.flags import ServeFlags

if __name__ == "__main__":

    def serve():
        launch.serve(parse(ServeFlags, sys.argv[1:], "python -m pipelines.server", presets={}))

    sys.exit(guarded(serve, "Stopped."))
