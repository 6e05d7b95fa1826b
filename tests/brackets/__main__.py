import sys

from pipelines.cli import main
from tests.brackets.pipeline import PIPELINE

if __name__ == "__main__":
    sys.exit(main(PIPELINE))
