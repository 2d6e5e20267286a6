"""Print what a question about a failure needs to know: versions, devices, extras, and files in their usual places."""

from rgbtvg.cli import run
from rgbtvg.commands import doctor

if __name__ == "__main__":
    run(doctor.main)
