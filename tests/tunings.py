"""Keys of a specification for tests that are not about tuning: one short sequence of trials, each from all starts."""

from benchmarks.hostile import ONE_TUNING, ONE_TUNING_OPTIONS

ONE_START = {**ONE_TUNING, "starts": 1}
# The same for the command line.
ONE_START_OPTIONS = (*ONE_TUNING_OPTIONS, "--starts", "1")
