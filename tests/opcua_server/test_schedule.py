"""When each subscription has something to do next."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from opcua_server.monitoring.engine import Schedule

ids = st.integers(0, 4)
times = st.integers(0, 20).map(float)
steps = st.lists(
    st.tuples(st.just("set"), ids, times)
    | st.tuples(st.just("remove"), ids, st.just(0.0))
    | st.tuples(st.just("pop"), st.just(0), times),
    max_size=60,
)


@given(steps)
def test_each_comes_once_at_the_time_that_was_set_last(steps: list[tuple[str, int, float]]) -> None:
    schedule = Schedule()
    model: dict[int, float] = {}
    for action, subscription, time in steps:
        if action == "set":
            schedule.set(subscription, time)
            model[subscription] = time
        elif action == "remove":
            schedule.remove(subscription)
            model.pop(subscription, None)
        else:
            due = schedule.pop(time)
            assert sorted(due) == sorted(each for each, at in model.items() if at <= time)
            assert [model[each] for each in due] == sorted(model[each] for each in due)
            for each in due:
                del model[each]
        assert schedule.next() == min(model.values(), default=math.inf)


def test_a_client_that_changes_its_mind_all_the_time_costs_no_memory() -> None:
    schedule = Schedule()
    for turn in range(10_000):
        schedule.set(1, 1e6 + turn % 7)
    assert len(schedule._heap) < 1_000
    assert schedule.next() == 1e6 + 9_999 % 7
