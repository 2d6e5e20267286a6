"""The command lines, one module each: ``rgbtvg NAME`` and the scripts in ``tools/`` call their ``main``."""
