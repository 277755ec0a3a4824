"""The plan of a run: what is started, and where."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gateway.components.nats import Nats
from gateway.up import parts
from gateway.up.parts import make_plan, waited_for
from runtime.settings_file import load_settings


def test_a_port_that_was_given_is_not_taken_for_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(overrides={"server.port": 20_001, "detector.health_port": 20_002}, env={})
    candidates = itertools.count(20_001)
    monkeypatch.setattr(parts, "free_port", lambda: next(candidates))
    plan = make_plan(settings, tmp_path, influxdb=False)
    assert [part.nats_port for part in plan.components if isinstance(part, Nats)] == [20_003]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"waiting_for": {}}, ""),
        ({"waiting_for": {"server": "not yet"}}, "waits for server"),
        ({"waiting_for": {"model": "training"}, "training": "40%"}, "model: training 40%"),
    ],
)
def test_what_a_part_waits_for_is_said(facts: dict[str, object], said: str) -> None:
    assert waited_for(facts) == said
