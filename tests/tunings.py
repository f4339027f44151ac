"""Keys of a specification for tests that are not about tuning: one short sequence of trials, each from all starts."""

ONE_TUNING = {"replicates": 1, "finalists": 0, "held_out": 0, "moved": 0, "textbook": False}
ONE_START = {**ONE_TUNING, "starts": 1}
# The same for the command line.
ONE_TUNING_OPTIONS = ("--replicates", "1", "--finalists", "0", "--held-out", "0", "--moved", "0", "--no-textbook")
ONE_START_OPTIONS = (*ONE_TUNING_OPTIONS, "--starts", "1")
