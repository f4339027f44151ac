"""The entry point of the command ``nagbench`` and of ``python -m nagbench``."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # `main` installs a handler; during the imports before that, Ctrl-C ends Python without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from nagbench.cli.main import main

if __name__ == "__main__":
    main()
