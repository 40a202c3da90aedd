"""Reads a YAML file with the line of each key, so that a mistake can be pointed at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from driftline_collector.errors import Problem, SettingsError

#: Where something stands in a document: keys and indices from its root.
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A document and the line (from 1) of each key and list item in it."""

    where: str
    document: Mapping[str, Any]
    lines: Mapping[Path_, int] = field(default_factory=dict)

    def line(self, path: Path_) -> int:
        """The line of a key, or of the nearest one around it that is there; 0 where none is."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def read(path: Path) -> SettingsFile:
    """Read a configuration file. Raises SettingsError where it is absent, not YAML or not a mapping."""
    where = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError((Problem(where, 0, "", f"cannot be read: {reason}"),)) from error
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"not YAML: {error.problem or error.context}"
        raise SettingsError((Problem(where, mark.line + 1 if mark else 0, "", message),)) from error
    except yaml.YAMLError as error:
        raise SettingsError((Problem(where, 0, "", f"not YAML: {error}"),)) from error
    if root is None:
        return SettingsFile(where, {})
    lines: dict[Path_, int] = {}
    problems: list[Problem] = []
    _walk(root, (), lines, _Found(where, problems))
    if not isinstance(document, dict):
        found = type(document).__name__
        problems.append(
            Problem(where, root.start_mark.line + 1, "", f"expected keys such as 'server:'; found a {found}")
        )
    if problems:
        raise SettingsError(tuple(problems))
    return SettingsFile(where, document, lines)


def dotted(path: Path_) -> str:
    """`("alerts", "rules", 0, "for")` as `alerts.rules[0].for`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(slots=True)
class _Found:
    where: str
    problems: list[Problem]
    within: set[int] = field(default_factory=set)

    def problem(self, line: int, path: Path_, message: str) -> None:
        self.problems.append(Problem(self.where, line, dotted(path), message))


def _walk(node: yaml.Node, at: Path_, lines: dict[Path_, int], found: _Found) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if id(node) in found.within:  # its marks are those of the anchor; the key's line is known
        found.problem(lines[at], at, "an alias leads back to itself")
        return
    found.within.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _walk(item, (*at, i), lines, found)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path, line = (*at, str(key.value)), key.start_mark.line + 1
            if path in lines:  # YAML takes the last of two without a word
                found.problem(line, path, f"stands twice, first in line {lines[path]}")
                continue
            lines[path] = line
            _walk(value, path, lines, found)
    found.within.remove(id(node))
