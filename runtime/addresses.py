"""Host names and URLs of settings, checked as far as one can without opening anything."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[\w.:%-]+")
_DIGITS = re.compile(r"[\d.]+")


def in_url(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_unspecified(host: str) -> bool:
    """Tell whether this is an address to listen on, but none to connect to: 0.0.0.0 or ::."""
    address = _address(host)
    return address is not None and address.is_unspecified


def check_host(host: str) -> str:
    """Return the host.

    Raises:
        ValueError: saying what is allowed.
    """
    if not _HOST.fullmatch(host) or (_DIGITS.fullmatch(host) and _address(host) is None):
        message = "allowed is a host name or an IP address"
        raise ValueError(message)
    return host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def check_url(url: str, form: str, *schemes: str) -> str:
    """Return the URL; `form` shows what is allowed.

    Raises:
        ValueError: saying what is allowed; never with the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in schemes and _HOST.fullmatch(parts.hostname or "") and parts.port != 0:
            return url
    except ValueError:  # a port that is none
        pass
    message = f"allowed is {form}, with a host and a port of 1 to 65535"
    raise ValueError(message)
