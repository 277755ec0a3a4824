"""The only table of StatusCode numbers and names outside asyncua (OPC 10000-6 v1.05 annex A.2)."""

from __future__ import annotations

from typing import Final

GOOD: Final = 0x00000000
GOOD_LOCAL_OVERRIDE: Final = 0x00960000
GOOD_ENTRY_INSERTED: Final = 0x00A20000
GOOD_ENTRY_REPLACED: Final = 0x00A30000
GOOD_NO_DATA: Final = 0x00A50000

UNCERTAIN: Final = 0x40000000
UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE: Final = 0x408F0000
UNCERTAIN_LAST_USABLE_VALUE: Final = 0x40900000
UNCERTAIN_SUBSTITUTE_VALUE: Final = 0x40910000
UNCERTAIN_INITIAL_VALUE: Final = 0x40920000
UNCERTAIN_SENSOR_NOT_ACCURATE: Final = 0x40930000
UNCERTAIN_ENGINEERING_UNITS_EXCEEDED: Final = 0x40940000
UNCERTAIN_SUB_NORMAL: Final = 0x40950000
UNCERTAIN_DATA_SUB_NORMAL: Final = 0x40A40000

BAD: Final = 0x80000000
BAD_UNEXPECTED_ERROR: Final = 0x80010000
BAD_INTERNAL_ERROR: Final = 0x80020000
BAD_COMMUNICATION_ERROR: Final = 0x80050000
BAD_ENCODING_LIMITS_EXCEEDED: Final = 0x80080000
BAD_SHUTDOWN: Final = 0x800C0000
BAD_CERTIFICATE_INVALID: Final = 0x80120000
BAD_CERTIFICATE_TIME_INVALID: Final = 0x80140000
BAD_CERTIFICATE_ISSUER_TIME_INVALID: Final = 0x80150000
BAD_CERTIFICATE_HOST_NAME_INVALID: Final = 0x80160000
BAD_CERTIFICATE_URI_INVALID: Final = 0x80170000
BAD_CERTIFICATE_USE_NOT_ALLOWED: Final = 0x80180000
BAD_CERTIFICATE_ISSUER_USE_NOT_ALLOWED: Final = 0x80190000
BAD_CERTIFICATE_UNTRUSTED: Final = 0x801A0000
BAD_CERTIFICATE_REVOCATION_UNKNOWN: Final = 0x801B0000
BAD_CERTIFICATE_ISSUER_REVOCATION_UNKNOWN: Final = 0x801C0000
BAD_CERTIFICATE_REVOKED: Final = 0x801D0000
BAD_CERTIFICATE_ISSUER_REVOKED: Final = 0x801E0000
BAD_USER_ACCESS_DENIED: Final = 0x801F0000
BAD_INVALID_TIMESTAMP: Final = 0x80230000
BAD_NO_COMMUNICATION: Final = 0x80310000
BAD_WAITING_FOR_INITIAL_DATA: Final = 0x80320000
BAD_NODE_ID_UNKNOWN: Final = 0x80340000
BAD_NOT_READABLE: Final = 0x803A0000
BAD_NOT_WRITABLE: Final = 0x803B0000
BAD_OUT_OF_RANGE: Final = 0x803C0000
BAD_NOT_SUPPORTED: Final = 0x803D0000
BAD_WRITE_NOT_SUPPORTED: Final = 0x80730000
BAD_TYPE_MISMATCH: Final = 0x80740000
BAD_NOT_CONNECTED: Final = 0x808A0000
BAD_DEVICE_FAILURE: Final = 0x808B0000
BAD_SENSOR_FAILURE: Final = 0x808C0000
BAD_OUT_OF_SERVICE: Final = 0x808D0000
BAD_NO_DATA: Final = 0x809B0000
BAD_DATA_LOST: Final = 0x809D0000
BAD_DATA_UNAVAILABLE: Final = 0x809E0000
BAD_ENTRY_EXISTS: Final = 0x809F0000
BAD_NO_ENTRY_EXISTS: Final = 0x80A00000
BAD_INVALID_ARGUMENT: Final = 0x80AB0000
BAD_INVALID_STATE: Final = 0x80AF0000
BAD_BOUND_NOT_FOUND: Final = 0x80D70000
BAD_CERTIFICATE_CHAIN_INCOMPLETE: Final = 0x810D0000
BAD_CERTIFICATE_POLICY_CHECK_FAILED: Final = 0x81140000

NAMES: Final[dict[int, str]] = {
    number: "".join(part.capitalize() for part in name.split("_"))
    for name, number in list(globals().items())
    if isinstance(number, int) and name.isupper()
}
"""StatusCode without info bits -> its name, e.g. 0x808C0000 -> `BadSensorFailure`."""

CODE_BITS = 0xFFFF0000

CALCULATED: Final = 0x0401
INTERPOLATED: Final = 0x0402
PARTIAL: Final = 0x0404
EXTRA_DATA: Final = 0x0408
MULTIPLE_VALUES: Final = 0x0410
"""Info bits of an aggregate's result, each with InfoType DataValue (OPC 10000-4 v1.05 §7.39.1, OPC 10000-13 §5.3.3);
without the first two a value is Raw, and with EXTRA_DATA more is known of a raw one (OPC 10000-11 §3.1.7)."""


def name_of(status: int) -> str:
    """Return the name without info bits; a code outside the table as hexadecimal."""
    code = int(status) & CODE_BITS
    return NAMES.get(code, f"0x{code:08X}")


def is_good(status: int) -> bool:
    """Tell whether the severity bits say Good (OPC 10000-4 v1.05 §7.39.1)."""
    return int(status) >> 30 == 0


def is_uncertain(status: int) -> bool:
    """Tell whether the severity bits say Uncertain."""
    return int(status) >> 30 == 1


def is_bad(status: int) -> bool:
    """Tell whether the severity bits say Bad."""
    return int(status) >> 30 >= 2
