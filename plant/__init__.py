"""The process on paper, pure: signals, units, reactor equations, sensors, faults and the control law."""
