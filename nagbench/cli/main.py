"""The command line: the group of verbs, and the entry point with its exit codes.

Results go to stdout, progress and messages to stderr. Exit codes: 0 success; 1 a cell with status error, a regression or
a failed check; 2 invalid usage; 130 interrupted (143 by SIGTERM, 129 by SIGHUP).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import os
import sys
import warnings
from typing import Any, NamedTuple, NoReturn

import click

from nagbench import __version__
from nagbench.cli.console import print_message
from nagbench.core.errors import CacheWarning, PluginWarning, UsageError
from nagbench.core.visible import ENCODING_ERRORS
from nagbench.execution.deadline import OutOfTimeError, time_is_over
from nagbench.execution.signals import end_where_lost, exit_code, ignore_signals, install_handlers, interrupted


class VerbGroup(NamedTuple):
    """Verbs that the help lists together, with an example."""

    title: str
    verbs: tuple[str, ...]
    example: str


# Each verb is a module of this package with a `command`. A new verb is one more name here.
GROUPS = (
    VerbGroup(
        "Try",
        ("run", "show", "list", "map", "gallery", "claims"),
        "nagbench run rosenbrock nesterov momentum --plot paths.png",
    ),
    VerbGroup(
        "Study",
        ("sweep", "report", "compare", "merge", "replay", "export"),
        "nagbench sweep -p suite:landscapes -o nesterov -o adam --out results/study",
    ),
    VerbGroup(
        "Read a results directory, as tables",
        ("verdicts", "rank", "profile", "medians", "sensitivity", "theory", "tuning"),
        "nagbench verdicts results/study",
    ),
    VerbGroup("Your own code", ("check", "verify", "certify"), "nagbench check package.module:my_optimizer"),
    VerbGroup("Maintain", ("dashboard", "bisect"), "nagbench dashboard --serve"),
)
VERBS = tuple(sorted(verb for group in GROUPS for verb in group.verbs))
_LONGEST_SENTENCE = 300


class LazyGroup(click.Group):
    """A group that imports the module of a verb when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs, sorted."""
        return sorted({*VERBS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb, None if there is no such verb."""
        if cmd_name in VERBS:
            command: click.Command = importlib.import_module(f"nagbench.cli.{cmd_name}").command
            return command
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs in groups, with the whole first sentence of their help, which click would cut to one line."""
        known = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        width = max(map(len, known))
        for group in GROUPS:
            with formatter.section(group.title):
                rows = [
                    (name.ljust(width), command.get_short_help_str(_LONGEST_SENTENCE))
                    for name in group.verbs
                    if (command := known.get(name)) is not None
                ]
                formatter.write_dl(rows)
                formatter.write_text(f"example: {group.example}")


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="nagbench")
@click.pass_context
def cli(context: click.Context) -> None:
    """Benchmark accelerated first-order optimizers: Nesterov's method, momentum, gradient descent and their relatives."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> NoReturn:
    """Run the command line; report every usage error as one line on stderr with exit code 2."""
    _prepare_streams()
    install_handlers()
    end_where_lost(_stop)
    warnings.showwarning = _show_warning
    # Most objects live until the command ends. To look for unused cycles among them would be wasted time.
    gc.set_threshold(100_000, 50, 50)
    # From then on only the interpreter shuts down; an interrupt would just print a traceback.
    atexit.register(ignore_signals)
    sys.exit(_deliver(_run()))


class _Stream(io.TextIOWrapper):
    """A standard stream that may be full, or that nobody reads any more: the work goes on, and `failure` says why."""

    failure: OSError | None = None

    def write(self, text: str, /) -> int:
        """Write a text; discard it after a failure."""
        try:
            return super().write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Write what is buffered; discard it after a failure."""
        try:
            super().flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.failure = self.failure or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def _deliver(code: Any) -> Any:
    """Return the exit code, 2 if stdout took not all that was printed. Whoever closes a pipe has read enough."""
    sys.stdout.flush()
    failure = getattr(sys.stdout, "failure", None)
    if failure is None or isinstance(failure, BrokenPipeError):
        return code
    print_message(f"stdout cannot be written: {failure.strerror or failure}")
    return code or 2


def _run() -> Any:
    """Run the verb of the command line and return its exit code."""
    try:
        return cli.main(standalone_mode=False)
    except UsageError as error:
        print_message(str(error))
        return 2
    except click.ClickException as error:
        print_message(" ".join(error.format_message().split()))
        return 2
    except (KeyboardInterrupt, click.Abort):
        _stop(interrupted() or "interrupted")
    except OutOfTimeError as error:
        _stop(str(error))
    except Exception:
        # A library may turn an interrupt into an exception of its own.
        if interrupted():
            _stop(interrupted())
        if time_is_over():
            _stop("the time limit was reached")
        raise


def _prepare_streams() -> None:
    """Open the standard streams that the caller closed, and let the others take whatever is printed."""
    # A file takes the lowest free number, so in this order the streams get 0, 1 and 2.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # Not one of whoever calls this within Python, as a notebook, who goes on using it.
        if type(stream) is io.TextIOWrapper:
            encoding, buffered = stream.encoding, stream.line_buffering
            made = _Stream(stream.detach(), encoding, ENCODING_ERRORS, line_buffering=buffered)
            setattr(sys, name, made)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    """Print a warning about a plugin or the cache as one line, and any other as Python does."""
    if issubclass(category, PluginWarning | CacheWarning):
        print_message(str(message))
    else:
        print(warnings.formatwarning(message, category, filename, lineno), file=sys.stderr, end="")


def _stop(reason: str) -> NoReturn:
    """Print the reason and end the process at once: all results are stored, and a regular shutdown could hang."""
    ignore_signals()
    # Only a sweep stores what it has done so far.
    stores = "sweep" in sys.argv[1:2] and "--dry-run" not in sys.argv
    kept = "; finished work is kept, and the same command resumes the sweep" if stores else ""
    with contextlib.suppress(OSError, ValueError):
        print_message(f"{reason}{kept}")
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code())
