import sys

from pipelines.cli import main
from pipelines.speech_to_text.pipeline import PIPELINE

if __name__ == "__main__":
    sys.exit(main(PIPELINE))
