import sys

from pipelines.cli import main
from pipelines.translation.pipeline import PIPELINE

if __name__ == "__main__":
    sys.exit(main(PIPELINE))
