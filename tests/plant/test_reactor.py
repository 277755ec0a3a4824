"""The equations, their parameters and steady states, against known facts of this reactor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plant.reactor import (
    START_CA_MOL_PER_L,
    START_T_K,
    Inputs,
    Parameters,
    State,
    conversion,
    derivatives,
    nominal_inputs,
    rate_constant,
    steady_states,
)


def test_the_start_state_is_steady_at_300_k() -> None:
    slope = derivatives(0.0, State(START_CA_MOL_PER_L, 1.0 - START_CA_MOL_PER_L, START_T_K), nominal_inputs(300.0))
    assert max(abs(value) for value in slope) < 1e-9


@pytest.mark.parametrize(("tc_k", "count"), [(297.0, 1), (300.0, 3), (303.2, 3), (303.26, 1), (305.0, 1)])
def test_there_are_three_steady_states_between_the_folds_only(tc_k: float, count: int) -> None:
    states = steady_states(tc_k)
    assert len(states) == count
    for state in states:
        assert max(abs(value) for value in derivatives(0.0, state, nominal_inputs(tc_k))) < 1e-9


def test_the_fold_is_where_it_is_known_to_be() -> None:
    cold, middle, _ = steady_states(303.2285)
    assert cold.t == pytest.approx(335.65, abs=0.35)
    assert middle.t == pytest.approx(335.65, abs=0.35)


def test_reachable_temperatures() -> None:
    assert steady_states(250.0)[0].t == pytest.approx(282.5, abs=0.1)
    assert steady_states(350.0)[-1].t == pytest.approx(416.4, abs=0.1)


def test_scalars_and_arrays_agree_to_the_bit() -> None:
    t = np.linspace(300.0, 420.0, 7)
    together = rate_constant(t, np.full(7, 7.2e10))
    assert together.tolist() == [rate_constant(float(each), 7.2e10) for each in t]


def test_nothing_is_made_or_lost() -> None:
    ca, cb, _ = derivatives(0.0, State(0.4, 0.6, 360.0), Inputs(300.0, 350.0, 1.0, 100.0, 7.2e10, 5e4))
    assert ca + cb == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 0.0, True, "100"])
def test_an_impossible_parameter_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"volume_l: .*allowed is"):
        Parameters(volume_l=value)  # type: ignore[arg-type]


def test_what_may_be_zero_may_be_zero() -> None:
    assert Parameters(feed_flow_l_per_min=0.0).feed_flow_l_per_min == 0.0
    with pytest.raises(ValueError, match="ua_j_per_min_k"):
        Parameters(ua_j_per_min_k=-1.0)


def test_no_feed_no_conversion() -> None:
    assert conversion(0.5, 0.0) == 0.0
    assert conversion(np.array([0.5, 0.5]), np.array([0.0, 1.0])).tolist() == [0.0, 0.5]
