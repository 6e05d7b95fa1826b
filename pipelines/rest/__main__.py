"""`python -m pipelines.rest [flags]`: the verb `serve` without a task, and without Keras."""

import sys

from pipelines.cli import guarded, parse
from pipelines.rest import launch
from pipelines.rest.flags import ServeFlags

if __name__ == "__main__":

    def serve():
        launch.serve(parse(ServeFlags, sys.argv[1:], "python -m pipelines.rest", presets={}))

    sys.exit(guarded(serve, "Stopped."))
