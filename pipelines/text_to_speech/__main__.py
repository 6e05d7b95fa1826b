import sys

from pipelines.cli import main
from pipelines.text_to_speech.pipeline import PIPELINE

if __name__ == "__main__":
    sys.exit(main(PIPELINE))
