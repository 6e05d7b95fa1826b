import sys

from pipelines.action_recognition.pipeline import PIPELINE
from pipelines.cli import main

if __name__ == "__main__":
    sys.exit(main(PIPELINE))
