"""How bad and uncertain data count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AggregateConfiguration:
    """AggregateConfigurationType with its default values (OPC 10000-13 v1.05 §4.2.1.2).

    Raises:
        ValueError: naming a percentage that is not allowed (BadAggregateInvalidInputs).
    """

    treat_uncertain_as_bad: bool = True
    percent_data_bad: int = 100
    """From this share of bad data on, in percent, a result is Bad."""
    percent_data_good: int = 100
    """From this share of good data on, in percent, a result is Good."""
    use_sloped_extrapolation: bool = False
    """True: behind the last value the line of the last two goes on; False: the last value is held."""

    @property
    def least_bad(self) -> int:
        """The severity (StatusCode >> 30) from which on a sample counts as bad."""
        return 1 if self.treat_uncertain_as_bad else 2

    def __post_init__(self) -> None:
        for name in ("percent_data_bad", "percent_data_good"):
            if not 0 <= getattr(self, name) <= 100:
                message = f"{name} {getattr(self, name)}: allowed is 0 to 100"
                raise ValueError(message)
        if self.percent_data_good < 100 - self.percent_data_bad:
            message = f"percent_data_good {self.percent_data_good}: allowed is 100 - percent_data_bad and more"
            raise ValueError(message)


STANDARD = AggregateConfiguration()
