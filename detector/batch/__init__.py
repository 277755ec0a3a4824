"""The original pipeline: batches of another, isothermal reactor, its forest and rule, its summary."""
