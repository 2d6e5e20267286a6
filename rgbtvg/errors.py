"""Errors that a user can act on: one sentence naming the culprit and what to do."""


class RGBTVGError(Exception):
    """Base of every error that stands for bad input; command lines print its sentence and exit with status 1."""


class ConfigError(RGBTVGError):
    """A config file is missing, or says something that cannot be built."""


class DataError(RGBTVGError):
    """A dataset, annotation row, image or sentence cannot be used."""


class CheckpointError(RGBTVGError):
    """A checkpoint or initial-weight file is missing, refused, or belongs to another model."""


class TrainingError(RGBTVGError):
    """An unrecoverable failure of training, such as a loss that stays NaN."""


def first_line(error: Exception) -> str:
    """The class of an error and the first line of its message."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
