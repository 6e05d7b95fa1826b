import sys

from pipelines.lecture.pipeline import main

if __name__ == "__main__":
    sys.exit(main())
