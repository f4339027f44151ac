"""The command ``nagbench``, also as ``python -m nagbench``."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until `main` listens to it, while modules are imported, Ctrl-C ends Python without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from nagbench.cli.main import main

if __name__ == "__main__":
    main()
