"""Speed, measured against what a user would pick instead: `python -m benchmarks.layers`."""

import pipelines  # noqa: F401  (the machine's settings, before TensorFlow)
