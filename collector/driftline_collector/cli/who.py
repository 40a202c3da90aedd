"""Who says something, and why: options of the commands that change what others see."""

import getpass
import sys
from typing import Annotated

import typer

By = Annotated[str | None, typer.Option("--by", help="Who you are. Without it: your name on this machine.")]
Reason = Annotated[str | None, typer.Option(help="Why, for those who wonder. Asked for without it.")]


def author(by: str | None) -> str:
    """Who it is."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        raise typer.BadParameter("say who you are", param_hint="--by") from None


def why(reason: str | None) -> str:
    """The reason, asked for where it is missing and somebody is there to answer."""
    if reason is not None:
        return reason
    if not sys.stdin.isatty():
        raise typer.BadParameter("say why, for those who wonder", param_hint="--reason")
    asked: str = typer.prompt("Why", err=True)
    return asked
