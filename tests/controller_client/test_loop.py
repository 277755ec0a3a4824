"""One loop, without any link: modes, transfers without a bump, what a silence or a refusal does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller_client.loop import AUTO, MAN, OOS, SILENT_TICKS, Inputs, PidLoop
from plant.clock import TICKS_PER_SECOND
from plant.pid import Tuning

INTERVAL = TICKS_PER_SECOND // 2
INPUTS = Inputs(330.0, 0.8, 350.0, AUTO, MAN, 296.0, 330.0, Tuning())


def executed(loop: PidLoop, inputs: Inputs, count: int, start: int = 0) -> tuple[Inputs, int]:
    """Execute with what was written fed back; return the inputs that come next, and when."""
    now = start
    for _ in range(count):
        outputs = loop.execute(inputs, now)
        tc_k = inputs.tc_k if outputs.tc_k is None else outputs.tc_k
        inputs = replace(inputs, tc_k=tc_k, wsp_k=outputs.wsp_k, mode=outputs.mode)
        now += INTERVAL
    return inputs, now


def test_auto_begins_with_the_present_output_and_a_ramp_from_pv() -> None:
    loop = PidLoop()
    first = loop.execute(INPUTS, 0)
    assert (first.tc_k, first.wsp_k, first.mode) == (296.0, 330.0, AUTO)
    second = loop.execute(INPUTS, INTERVAL)
    assert second.wsp_k == pytest.approx(330.0 + 5.0 / 60.0 * 0.5)
    assert second.tc_k == pytest.approx(296.0, abs=0.5)


def test_man_leaves_the_jacket_and_tracks_pv() -> None:
    loop = PidLoop()
    inputs, now = executed(loop, INPUTS, 20)
    outputs = loop.execute(replace(inputs, mode_target=MAN, t_k=333.0), now)
    assert (outputs.tc_k, outputs.wsp_k, outputs.mode) == (None, 333.0, MAN)
    back = loop.execute(replace(inputs, tc_k=301.0, t_k=334.0), now + INTERVAL)
    assert (back.tc_k, back.wsp_k, back.mode) == (301.0, 334.0, AUTO)


@pytest.mark.parametrize(("target", "mode", "why"), [(OOS, OOS, ""), (3, MAN, "master"), (4, MAN, "master")])
def test_modes_without_control(target: int, mode: int, why: str) -> None:
    outputs = PidLoop().execute(replace(INPUTS, mode_target=target), 0)
    assert (outputs.tc_k, outputs.mode) == (None, mode)
    assert why in outputs.why


def test_on_a_bad_pv_it_holds_and_returns_without_a_bump() -> None:
    loop = PidLoop()
    inputs, now = executed(loop, INPUTS, 20)
    held = loop.execute(replace(inputs, t_k=None), now)
    assert (held.tc_k, held.mode) == (None, MAN)
    assert "Bad" in held.why
    back = loop.execute(replace(inputs, t_k=336.0, mode=MAN), now + INTERVAL)
    assert (back.tc_k, back.wsp_k, back.mode, back.why) == (inputs.tc_k, 336.0, AUTO, "")


def test_a_new_connection_goes_on_with_the_ramp_that_is_under_way() -> None:
    inputs, now = executed(PidLoop(), INPUTS, 200)
    assert inputs.wsp_k > 337.0
    first = PidLoop().execute(inputs, now)
    assert (first.tc_k, first.wsp_k) == (pytest.approx(inputs.tc_k), inputs.wsp_k)


def test_after_a_silence_that_the_watchdog_has_acted_on_the_ramp_begins_at_pv_again() -> None:
    """Going on with the old working setpoint would step it by what T has lost meanwhile, and ignite the reactor."""
    loop = PidLoop()
    inputs, now = executed(loop, INPUTS, 200)
    tripped = replace(inputs, tc_k=250.0, t_k=316.0, mode=MAN)
    first = loop.execute(tripped, now - INTERVAL + SILENT_TICKS)
    assert (first.tc_k, first.wsp_k, first.mode) == (250.0, 316.0, AUTO)


def test_after_a_refused_write_it_takes_over_anew() -> None:
    loop = PidLoop()
    inputs, now = executed(loop, INPUTS, 200)
    loop.restart()
    first = loop.execute(replace(inputs, tc_k=290.0, t_k=331.0), now)
    assert (first.tc_k, first.wsp_k) == (290.0, 331.0)
