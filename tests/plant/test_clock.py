"""Plant time: exact ticks to text and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant import clock

NOW = clock.ticks_from_text("2026-11-22T04:00:00Z")


def test_the_contracts_example() -> None:
    assert clock.unix_ns_from_ticks(NOW) == 1795320000 * 10**9
    assert clock.text_from_ticks(NOW) == "2026-11-22T04:00:00.0000000Z"


@given(st.integers(0, 10**18))
def test_text_keeps_every_tick(ticks: int) -> None:
    assert clock.ticks_from_text(clock.text_from_ticks(ticks)) == ticks


@given(st.integers(0, 10**18))
def test_unix_nanoseconds_keep_every_tick(ticks: int) -> None:
    assert clock.ticks_from_unix_ns(clock.unix_ns_from_ticks(ticks)) == ticks


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T04:00:00.1234567Z",
        "2026-11-22 05:00:00,1234567+01:00",
        "20261122T040000.1234567Z",
        "20261122T040000,1234567",
    ],
)
def test_seven_digits_are_read_in_every_form(text: str) -> None:
    assert clock.ticks_from_text(text) == NOW + 1234567
    with pytest.raises(ValueError, match="at most seven digits"):
        clock.ticks_from_text(text.replace("34567", "345678"))


def test_datetimes_are_utc_with_or_without_zone() -> None:
    when = datetime(2026, 11, 22, 4, 0, 0, 123456)
    assert clock.ticks_from_datetime(when) == clock.ticks_from_datetime(when.replace(tzinfo=UTC)) == NOW + 1234560
    assert clock.datetime_from_ticks(NOW + 1234567) == when.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("-1h", -3600), ("-90s", -90), ("+1min", 60), ("now", 0), ("-500ms", -0.5), ("-2d", -172800)],
)
def test_relative_times(text: str, seconds: float) -> None:
    assert clock.ticks_from_time(text, NOW) == NOW + round(seconds * clock.TICKS_PER_SECOND)


def test_an_offset_is_honoured() -> None:
    assert clock.ticks_from_time("2026-11-22T05:00:00.0000001+01:00", 0) == NOW + 1


@pytest.mark.parametrize(
    "text", ["yesterday", "1h", "-1y", "2026-13-01T00:00:00Z", "2026-11-22T04:00:00.12345678Z", ""]
)
def test_bad_times_say_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"time .*(allowed|digits)"):
        clock.ticks_from_time(text, NOW)


@pytest.mark.parametrize("text", ["-1h", "ten", "5 parsecs", "nan s"])
def test_bad_durations_say_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        clock.seconds_from_duration(text)


def test_durations() -> None:
    assert [clock.seconds_from_duration(text) for text in ("10s", "5min", "1.5h", "250ms")] == [
        10,
        300,
        5400,
        0.25,
    ]


@pytest.mark.parametrize(
    "text", ["-99999999999d", "+9000000d", "-" + 400 * "9" + "s", "1600-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"]
)
def test_times_beyond_what_opc_ua_holds_say_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed"):
        clock.ticks_from_time(text, NOW)


def test_the_edges_of_time() -> None:
    assert clock.text_from_ticks(clock.ticks_from_time("-200000d", NOW)) == "1601-01-01T00:00:00.0000000Z"
    assert clock.ticks_from_time("9999-12-31T23:59:59.9999999Z", NOW) == clock.LATEST_TICKS
    with pytest.raises(ValueError, match="99999999999w"):
        clock.seconds_from_duration("99999999999w")


def test_whole_milliseconds_are_cut_and_not_rounded() -> None:
    assert [clock.whole_milliseconds(ticks) for ticks in (0, 9_999, 10_000, 123_456_789)] == [0, 0, 10_000, 123_450_000]
