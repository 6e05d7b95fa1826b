"""`python -m pipelines.<task> <verb> [flags]`: parses, and calls the verb."""

import difflib
import gc
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tyro

if TYPE_CHECKING:
    from pipelines.contract import Pipeline


def main(pipeline: "Pipeline", arguments: Sequence[str] | None = None) -> int:
    """Runs one verb of a pipeline; returns the exit status."""
    from pipelines import verbs

    def run(verb, flags):
        getattr(verbs, verb)(pipeline, flags)

    return run_one(
        "verb",
        pipeline.flags(),
        run,
        arguments,
        program=f"python -m pipelines.{pipeline.name}",
        summary=pipeline.summary,
        stopped={"train": "Stopped. The same command goes on from the last checkpoint."},
        presets=pipeline.presets,
    )


def run_one(
    kind: str,
    flag_types: Mapping[str, type],
    run: Callable[[str, Any], None],
    arguments: Sequence[str] | None,
    *,
    program: str,
    summary: str,
    stopped: Mapping[str, str],
    presets: Callable[[str], dict] | None = None,
) -> int:
    """Runs what the first argument names with the flags that the others give; the exit status.

    Wrong input ends with a message and status 2, without a traceback.

    Args:
        kind: of the names: "verb", or "lesson".
        flag_types: name -> dataclass of its flags.
        run: (name, flags) -> None.
        arguments: None: the command line's.
        program: the command, for messages.
        summary: a line on the program, for its help.
        stopped: name -> what to say after Ctrl-C.
        presets: name -> flags by data set.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage(kind, flag_types, program, summary))
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in flag_types:
        return unknown(kind, name, flag_types)

    def work():
        by_dataset = presets(name) if presets else {}
        run(name, parse(flag_types[name], rest, f"{program} {name}", by_dataset))

    return guarded(work, stopped.get(name, "Stopped."))


def unknown(argument: str, value: str, names: Iterable[str]) -> int:
    """Says that a name is none of those that there are, and which is near; the exit status."""
    names = list(names)
    near = difflib.get_close_matches(value, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    print(f"`{argument}` must be one of {', '.join(names)}. Got {value!r}.{hint}", file=sys.stderr)
    return 2


def guarded(work: Callable[[], None], stopped: str) -> int:
    """Does the work; the exit status. Wrong input is a message, not a traceback.

    Args:
        work: what to do.
        stopped: what to say after Ctrl-C.
    """
    try:
        work()
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("UNFOLD_TRACEBACK"):
            raise
        print(f"\nerror: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        return 130
    finally:
        # Batches that nobody took: as the interpreter ends, JAX's reader of them would hang.
        gc.collect()
    return 0


def parse(flag_type: type, arguments: Sequence[str], program: str, presets: dict):
    """Flags from the command line, over the preset of the data set that `--dataset` names first.

    Raises:
        SystemExit: help was asked for, or a flag is unknown (tyro names the nearest ones).
    """
    name = (_dataset(arguments) or "").partition("+")[0]
    default = presets.get(name) or presets.get("demo")
    return tyro.cli(
        flag_type,
        prog=program,
        args=list(arguments),
        default=default,
    )


def _dataset(arguments: Sequence[str]) -> str | None:
    """The value of --dataset before the flags are parsed: it decides their defaults."""
    found = None  # of several the last one counts, as in the parser
    for flag, value in itertools.zip_longest(arguments, arguments[1:]):
        if flag == "--dataset":
            found = value
        elif flag.startswith("--dataset="):
            found = flag.partition("=")[2]
    return found


def _usage(kind: str, flag_types: Mapping[str, type], program: str, summary: str) -> str:
    lines = [summary, "", f"usage: {program} <{kind}> [flags]", ""]
    lines += [
        f"  {name:<12}{(flags.__doc__ or '').strip().splitlines()[0]}"
        for name, flags in flag_types.items()
    ]
    return "\n".join([*lines, "", f"{program} <{kind}> --help lists the {kind}'s flags."])
