"""The worked examples of OPC 10000-13 v1.05 annex A; where its text says otherwise, the text is followed."""

from __future__ import annotations

import pytest

from plant.clock import TICKS_PER_SECOND as S
from timeseries.aggregates import FUNCTIONS, aggregates

from .annex_a import HISTORIANS, SPAN, Expected, Table, expected, tables
from .conftest import Row, results_of

TABLES = {(table.function, table.historian): table for table in tables()}

UNCERTAIN_BEYOND = "§5.4.3.11, .13, .14: an Uncertain value beyond the Good ones makes it Uncertain (the table: Good)"
BEFORE_THE_START = "§5.4.3.32: the first region is that of the sample before, which is treated as bad (the table: 0)"
NEVER_TREATED = "§5.4.3.36: TreatUncertainAsBad is ignored (the table: BadNoData for uncertain bounds)"

DEVIATIONS: dict[tuple[str, str, int], tuple[str, str]] = {
    ("Maximum", "H5", 64): ("30Sc", UNCERTAIN_BEYOND),
    ("MaximumActualTime", "H5", 64): ("30@72S", UNCERTAIN_BEYOND),
    ("Range", "H5", 64): ("0Sc", UNCERTAIN_BEYOND),
    ("DurationBad", "H3", 80): ("3000Gcp", BEFORE_THE_START),
    ("DurationBad", "H4", 80): ("3000Gcp", BEFORE_THE_START),
    ("PercentBad", "H3", 80): ("29.997Gcp", BEFORE_THE_START),
    ("PercentBad", "H4", 80): ("29.997Gcp", BEFORE_THE_START),
    ("WorstQuality2", "H2", 64): ("U/Gcm", NEVER_TREATED),
    ("WorstQuality2", "H2", 80): ("N/Gcp", NEVER_TREATED),
}
"""(aggregate, historian, second) -> what is right by the text, and why; the table of Total for H3 has its own test."""


def alike(results: list[Row], rows: tuple[Expected, ...]) -> None:
    assert [(result.start, result.time, hex(result.status)) for result in results] == [
        (row.start, row.time, hex(row.status)) for row in rows
    ]
    for result, row in zip(results, rows, strict=True):
        wanted = None if row.value is None else pytest.approx(row.value, abs=6e-4)
        assert result.value == wanted, row


def by_the_text(table: Table) -> tuple[Expected, ...]:
    return tuple(
        expected(DEVIATIONS[key][0], row.start)
        if (key := (table.function, table.historian, row.start // S)) in DEVIATIONS
        else row
        for row in table.rows
    )


@pytest.mark.parametrize("name", [name for name in TABLES if name != ("Total", "H3")], ids="-".join)
def test_an_example(name: tuple[str, str]) -> None:
    table = TABLES[name]
    series, configuration = HISTORIANS[table.historian]
    alike(results_of(aggregates(series, 0, SPAN, table.interval, table.function, configuration)), by_the_text(table))


def test_a_stepped_total_has_straight_lines_unless_it_is_to_hold() -> None:
    """§5.4.3.8 gives Total the lines of TimeAverage, which its table for H3 has; the table of Total holds."""
    series, configuration = HISTORIANS["H3"]
    held = TABLES["Total", "H3"]
    alike(results_of(aggregates(series, 0, SPAN, held.interval, "Total", configuration, as_query=True)), held.rows)
    averages = TABLES["TimeAverage", "H3"].rows
    totals = results_of(aggregates(series, 0, SPAN, held.interval, "Total", configuration))
    assert [result.status for result in totals] == [row.status for row in averages]
    values = [result.value for result in totals if result.value is not None]
    wanted = [row.value for row in averages if row.value is not None]
    assert values == pytest.approx([wanted[0] * 3, *(5 * value for value in wanted[1:])], abs=3e-3)


def test_all_deviations_are_of_the_tables_and_all_aggregates_have_examples() -> None:
    assert sum(len(table.rows) for table in TABLES.values()) == 1358
    for (function, historian, second), (word, _) in DEVIATIONS.items():
        (row,) = (row for row in TABLES[function, historian].rows if row.start == second * S)
        assert expected(word, row.start) != row
    assert {function for function, _ in TABLES} == set(FUNCTIONS) - {"StandardDeviation"}
