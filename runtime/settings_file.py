"""Reads the settings: one YAML file, then `CSTR_GATEWAY__SECTION__KEY`, then options; all checked before use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from runtime.errors import BadInput
from runtime.refusals import explain
from runtime.settings import Settings
from runtime.yaml_tree import parse

ENV_PREFIX = "CSTR_GATEWAY__"


def load_settings(
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Read a YAML file, then the environment, then `overrides` (`{"plant.speed": 2}`), and check all of it.

    Raises:
        BadInput: naming file (or variable, or option), key, value and what is allowed, one line each.
    """
    tree = _read_yaml(file) if file is not None else {}
    origins: dict[str, str] = {}
    env = os.environ if env is None else env
    for name in sorted(env):
        if name.startswith(ENV_PREFIX):
            key = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            origins[key] = f"environment {name}"
            try:
                _put(tree, key, parse(env[name]))
            except ValueError as error:
                raise BadInput(f"{origins[key]}: {error}") from None
    for key, value in (overrides or {}).items():
        if value is not None:
            origins[key] = f"--{'host' if key == 'server.hosts' else key.rpartition('.')[2]}"
            try:
                _put(tree, key, value)
            except ValueError as error:
                raise BadInput(f"{origins[key]}: {error}") from None
    where = str(file) if file is not None else "settings"
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        wrong = [(".".join(map(str, item["loc"])), explain(Settings, item)) for item in error.errors()]
    else:
        wrong = [(key, f"{key}: {reason}") for key, reason in settings.conflicts()]
    if wrong:
        raise BadInput("\n".join(f"{_origin(key, origins) or where}: {text}" for key, text in wrong))
    return settings


def check_secret_files(settings: Settings, file: Path | None) -> None:
    """Read the token that the settings keep in a file of its own.

    Raises:
        BadInput: naming the settings, the key and the file that cannot be read.
    """
    try:
        settings.influxdb.token()
    except BadInput as error:
        raise BadInput(f"{file or 'settings'}: {error}") from None


def dump_settings(settings: Settings) -> str:
    """Return the settings as YAML with secrets in plain text: write it 0600 only."""

    def plain(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, BaseModel):
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return yaml.safe_dump(plain(settings), sort_keys=False)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        tree = parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{file}: cannot be read ({error.strerror}); give an existing YAML file with --config"
        raise BadInput(message) from None
    except ValueError as error:
        raise BadInput(f"{file}: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        message = f"{file}: allowed is a mapping of {', '.join(Settings.model_fields)}"
        raise BadInput(message)
    return {str(key): value for key, value in tree.items() if value is not None}


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    *sections, last = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            message = f"{key}: {section} is not a section"
            raise ValueError(message)  # noqa: TRY004 - told as bad input
    tree[last] = value


def _origin(key: str, origins: Mapping[str, str]) -> str | None:
    """Return the variable or option a key comes from: it, one above it, or one below it."""
    for name, origin in origins.items():
        if key == name or key.startswith(f"{name}.") or name.startswith(f"{key}."):
            return origin
    return None
