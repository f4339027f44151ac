"""What a user waits for before anything happens, each in a new process."""

from __future__ import annotations

import subprocess
import sys


class Start:
    """New processes."""

    version = "1"
    number = 1
    rounds = 1
    repeat = (3, 7, 3.0)
    warmup_time = 0.5

    def time_import(self):
        subprocess.run([sys.executable, "-c", "import nagbench"], check=True)

    def time_help(self):
        subprocess.run([sys.executable, "-m", "nagbench", "--help"], check=True, stdout=subprocess.DEVNULL)

    def time_first_run(self):
        """Everything loaded, the compiled code from the cache."""
        code = "import nagbench; nagbench.run('bowl', 'nesterov:step_size=0.1,momentum=0.3')"
        subprocess.run([sys.executable, "-c", code], check=True)

    time_import.pretty_name = "import nagbench"
    time_help.pretty_name = "nagbench --help"
    time_first_run.pretty_name = "A first run, compiled before"
