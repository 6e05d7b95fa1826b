import sys

from pipelines.captioning.pipeline import PIPELINE
from pipelines.cli import main

if __name__ == "__main__":
    sys.exit(main(PIPELINE))
