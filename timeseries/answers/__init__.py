"""What queries find, as columns, and how it is written: CSV, JSON, Arrow, Parquet; alike by command and over HTTP."""

from timeseries.answers.answer import Answer
from timeseries.answers.writers import FORMATS, Extra, Writer

__all__ = ["FORMATS", "Answer", "Extra", "Writer"]
