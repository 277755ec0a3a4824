"""The few exceptions that services and commands share, each with its exit code."""

from __future__ import annotations


class GatewayError(Exception):
    """An error a person can act on; its text is all that is printed."""

    exit_code = 1


class BadInput(GatewayError):  # noqa: N818
    """Settings, options, files or queries that are not allowed: names what, where and what is allowed."""

    exit_code = 2


class CouldNotRun(GatewayError):  # noqa: N818
    """A port taken, a broker or database that refuses: names it and what to do next."""

    exit_code = 3


class LinkLost(GatewayError):  # noqa: N818
    """A connection ended; retried with backoff, never the end of a service."""

    exit_code = 3
