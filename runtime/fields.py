"""The kinds of values that settings hold, each with what is allowed."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from runtime.addresses import check_host, check_url

_SIGNAL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\.[A-Za-z0-9_.-]+")


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        message = "allowed is a number"
        raise ValueError(message)  # noqa: TRY004 - pydantic's way
    return value


def _url(form: str, *schemes: str) -> AfterValidator:
    return AfterValidator(lambda url: check_url(url, form, *schemes))


def _secret_url(form: str, *schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        check_url(url.get_secret_value(), form, *schemes)
        return url

    return AfterValidator(check)


def _signal_name(name: str) -> str:
    if not _SIGNAL_NAME.fullmatch(name):
        message = "allowed is PART.NAME of letters, digits, _ and -, beginning with a letter, e.g. Tank.Level"
        raise ValueError(message)
    return name


Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, BeforeValidator(_no_flag)]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(check_host)]
Name = Annotated[str, Field(pattern=r"\S")]
SignalName = Annotated[str, AfterValidator(_signal_name)]
OpcuaUrl = Annotated[str, _url("opc.tcp://host:port/...", "opc.tcp")]
HttpUrl = Annotated[str, _url("http://host:port or https://...", "http", "https")]
MqttUrl = Annotated[SecretStr, _secret_url("mqtt://[user:password@]host:port or mqtts://...", "mqtt", "mqtts")]
Dsn = Annotated[SecretStr, _secret_url("postgresql://user:password@host:port/database", "postgresql", "postgres")]
