"""Strict YAML into frozen dataclasses; every error names the file, the line, the place, the reason and the mend.

The dialect is the plain part of YAML 1.2: mappings, lists and scalars; `yes`, `010` and `1:30` are text. Aliases, tags
and duplicate keys are refused: the first can make a small file huge, the others hide what is meant.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, Union

from sheetwatch.domain import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

T = TypeVar("T")
Place = tuple[str | int, ...]

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{0,15})?([eE][-+]?[0-9]{1,2})?|[-+]?\.[0-9]{1,15}")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_PLAIN_TAGS = {"null", "bool", "int", "float", "str", "timestamp", "merge", "value"}
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}


class PlaceError(ConfigError):
    """What is wrong at one place of a document; `place`, `reason` and `mend` apart, to be shown beside that place."""

    def __init__(self, message: str, place: Place, reason: str, mend: str) -> None:
        super().__init__(message, place, reason, mend)
        self.message = message
        self.place = place
        self.reason = reason
        self.mend = mend

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed YAML file. `lines`: where each place stands, counted from 1."""

    path: Path
    data: Any
    lines: Mapping[Place, int]

    def fail(self, place: Place, reason: str, mend: str) -> NoReturn:
        """Raise the PlaceError for one place of the file."""
        line = next((self.lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in self.lines), 1)
        where = f"{dotted(place)}: " if place else ""
        raise PlaceError(f"{self.path}: line {line}: {where}{reason}; {mend}", place, reason, mend)


def dotted(place: Place) -> str:
    """A place as text: ("fields", 3, "box") gives "fields[3].box"."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def load_yaml(path: Path) -> Document:
    """Parse a YAML file of at most 1 MB. Raises ConfigError."""
    import yaml  # noqa: PLC0415 - costs 15 ms, and many commands need no YAML

    text = _read_text(path)
    try:
        root = _compose(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        reason = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"{path}: line {line}: this is not valid YAML: {reason}; mend that line") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply; write it flatter") from error
    lines: dict[Place, int] = {(): 1}
    data = None if root is None else _plain(root, (), path, lines)
    return Document(path=path, data={} if data is None else data, lines=lines)


def convert(document: Document, kind: type[T]) -> T:
    """The document as a dataclass. Raises ConfigError for unknown keys, missing keys and wrong types."""
    import msgspec  # noqa: PLC0415 - only needed once there is a document

    data = _known_keys(document, document.data, kind, ())
    try:
        return msgspec.convert(data, kind, strict=True, dec_hook=_decode)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at `$")
        place = tuple(int(index) if index else key for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", at))
        _explain(document, kind, place, reason)


def suggest(word: str, known: Iterable[str]) -> str:
    """The mend for an unknown word: the nearest known one, or all of them."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(words)}"


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file; create it or name another one") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {reason}; check the path and its permissions") from error
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {_MAX_BYTES // 1_000_000} MB; this is not a configuration file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: line {line}: is not UTF-8 text; save the file as UTF-8") from error


def _compose(text: str) -> Any:
    """The node tree of the only document, without aliases. Raises yaml.YAMLError."""
    import yaml  # noqa: PLC0415 - loaded by the caller already

    loader = yaml.SafeLoader(text)
    original = loader.compose_node

    def compose_node(parent: Any, index: Any) -> Any:
        if loader.check_event(yaml.AliasEvent):
            mark = loader.peek_event().start_mark  # type: ignore[no-untyped-call] # PyYAML
            raise yaml.composer.ComposerError(problem="aliases (*name) are not allowed", problem_mark=mark)
        return original(parent, index)

    loader.compose_node = compose_node  # type: ignore[method-assign] # PyYAML has no other place to refuse them
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _plain(node: Any, place: Place, path: Path, lines: dict[Place, int]) -> Any:
    """A node as dict, list or scalar; notes the line of every place."""
    lines.setdefault(place, node.start_mark.line + 1)
    here = Document(path=path, data=None, lines=lines)
    if len(place) > _MAX_DEPTH:
        here.fail(place, "is nested too deeply", "write it flatter")
    if node.id == "sequence":
        return [_plain(item, (*place, index), path, lines) for index, item in enumerate(node.value)]
    if node.id == "mapping":
        return _mapping(node, place, path, lines)
    return _scalar(node, place, here)


def _mapping(node: Any, place: Place, path: Path, lines: dict[Place, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        here = Document(path=path, data=None, lines={**lines, place: key_node.start_mark.line + 1})
        if key_node.id != "scalar":
            here.fail(place, "a key must be a plain word", "write `key: value`")
        key = str(key_node.value)
        if key in result:
            here.fail(place, f"the key {key!r} is there twice", "remove one of the two")
        lines[(*place, key)] = key_node.start_mark.line + 1
        result[key] = _plain(value_node, (*place, key), path, lines)
    return result


def _scalar(node: Any, place: Place, here: Document) -> Any:
    """A scalar's value. Quoted: text. Plain: null, true, false, a decimal number, else text."""
    text = str(node.value)
    if node.style is not None:
        return text
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
        here.fail(place, f"the tag {node.tag} is not allowed", "write the plain value")
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _known_keys(document: Document, data: Any, hint: Any, place: Place) -> Any:
    """The data without empty sections, once every key of it is known."""
    if isinstance(data, list):
        items = [item for option in _options(hint) for item in typing.get_args(option) if item is not Ellipsis]
        inner = items[0] if items else Any
        return [_known_keys(document, item, inner, (*place, index)) for index, item in enumerate(data)]
    section = next((option for option in _options(hint) if dataclasses.is_dataclass(option)), None)
    if section is None or not isinstance(data, dict):
        return data
    in_file = {item.name for item in dataclasses.fields(section) if item.metadata.get("in_file", True)}
    hints = {key: hint for key, hint in typing.get_type_hints(section).items() if key in in_file}
    result = {}
    for key, value in data.items():
        if key not in hints:
            document.fail((*place, key), "this key is unknown", suggest(key, hints))
        if value is not None or not dataclasses.is_dataclass(hints[key]):
            result[key] = _known_keys(document, value, hints[key], (*place, key))
    return result


def _options(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    return typing.get_args(hint) if typing.get_origin(hint) in {Union, types.UnionType} else (hint,)


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError("not this type")


def _explain(document: Document, kind: Any, place: Place, reason: str) -> NoReturn:
    missing = re.search(r"missing required field `(\w+)`", reason)
    if missing:
        document.fail(place, f"the key {missing[1]!r} is missing", "add it")
    value = document.data
    for step in place:
        kind, value = _descend(kind, step), value[step]
    wanted = " or ".join(dict.fromkeys(_describe(kind)))
    document.fail(place, f"must be {wanted}, not {_shown(value)}", _mend(kind, value))


def _descend(kind: Any, step: str | int) -> Any:
    for option in _options(kind):
        if isinstance(step, str) and dataclasses.is_dataclass(option):
            return typing.get_type_hints(option)[step]
        arguments = typing.get_args(option)
        if isinstance(step, int) and arguments:
            return arguments[0] if Ellipsis in arguments or step >= len(arguments) else arguments[step]
    return Any


def _describe(kind: Any) -> Iterator[str]:
    for option in _options(kind):
        if typing.get_origin(option) is Literal:
            yield from (str(choice) for choice in typing.get_args(option))
        elif typing.get_origin(option) is tuple:
            arguments = typing.get_args(option)
            count = "" if Ellipsis in arguments else f"{len(arguments)} of "
            yield f"a list of {count}{'/'.join(dict.fromkeys(_describe(arguments[0])))}"
        elif option is types.NoneType:
            yield "null"
        else:
            yield _KINDS.get(option, "a section of keys")


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"a {'section' if isinstance(value, dict) else f'list of {len(value)}'}"
    words = {None: "empty", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


def _mend(kind: Any, value: Any) -> str:
    choices = [str(c) for o in _options(kind) if typing.get_origin(o) is Literal for c in typing.get_args(o)]
    if choices and isinstance(value, str):
        return suggest(value, choices)
    if {str, Path} & set(_options(kind)) and isinstance(value, int | float):
        return "put it between quotes"
    if any(typing.get_origin(option) is tuple for option in _options(kind)) and not isinstance(value, list):
        return "write it between [ and ]"
    return "correct the value"
