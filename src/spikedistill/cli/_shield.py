"""What goes wrong in a command becomes a sentence on standard error and an exit code."""

from __future__ import annotations

import functools
import io
import os
import sys
import traceback
from collections.abc import Callable, Container
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.console import Console

from spikedistill.core.errors import CameFromPython

Command = TypeVar("Command", bound=Callable[..., Any])

FAILED, STOPPED = 1, 130
"""Exit codes: an error with its sentence; the user pressed Ctrl-C. (2 is wrong usage.)"""


def shielded(command: Command) -> Command:
    """Print errors of ours as a sentence and exit with 1; after Ctrl-C exit with 130.

    What is no error of ours is a bug and keeps its traceback. With `--debug`, or
    `SPIKEDISTILL_DEBUG=1`, all keep it.
    """

    @functools.wraps(command)
    def guarded(*args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal without µ shows ? instead
                stream.reconfigure(errors="replace")
        try:
            return command(*args, **options)
        except KeyboardInterrupt:
            say("Stopped.")
            raise typer.Exit(STOPPED) from None
        except BrokenPipeError:  # who reads our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (ValueError, OSError) as error:
            if os.environ.get("SPIKEDISTILL_DEBUG", "0") != "0" or not _ours(error):
                raise
            say(f"Error: {sentence(error, signature(command).parameters)}")
            raise typer.Exit(FAILED) from None

    return guarded  # type: ignore[return-value]


def sentence(error: Exception, options: Container[str] = ()) -> str:
    """The error in words: a file that cannot be opened, or what we said ourselves.

    Args:
        error: what went wrong.
        options: those of the command, by which something that is missing may be handed over.
    """
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror[0].lower()}{error.strerror[1:]}"
    if isinstance(error, CameFromPython) and error.option in options:
        return error.on_command_line
    return str(error)


def _ours(error: Exception) -> bool:
    """Whether the error was raised by a line of this package (or is about a file)."""
    if isinstance(error, OSError):
        return True
    home = str(Path(__file__).parents[1])
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(home)


def say(text: str) -> None:
    """A line on standard error, neither wrapped nor coloured."""
    print(text, file=sys.stderr, flush=True)


def console(stderr: bool = False) -> Console:
    """Where tables go: as wide as the terminal, and wide enough where there is none."""
    plain = Console(stderr=stderr)
    return plain if plain.is_terminal else Console(stderr=stderr, width=160)
