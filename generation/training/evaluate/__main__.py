"""`python -m generation.training.evaluate DIR [--clips N] [--write docs/model]`: the table as JSON."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from generation.training.evaluate.command import add_arguments, run

if __name__ == "__main__":
    parser = ArgumentParser(description="Measure a model folder.")
    parser.add_argument("model_dir", type=Path)
    add_arguments(parser)
    arguments = vars(parser.parse_args())
    print(run(as_json=True, **arguments))
