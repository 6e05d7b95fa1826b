"""`python -m pipelines.rest`: the server's former name, for one version longer."""

import runpy
import sys

if __name__ == "__main__":
    print(
        "`python -m pipelines.rest` is now `python -m pipelines.server`; the former name goes "
        "with the next version.",
        file=sys.stderr,
    )
    runpy.run_module("pipelines.server", run_name="__main__", alter_sys=True)
