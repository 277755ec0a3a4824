"""Profiles."""


def supported_uris() -> list[str]:
    return []


def supported_units() -> list[str]:
    return []
